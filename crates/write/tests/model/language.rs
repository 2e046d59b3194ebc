//! The model that the histories are about: every kind of field and policy, deletes of both sorts, reactions two deep. Its rules between
//! concurrent sets take turns from version to version.

use sterna_crdt::{FieldKind, Policy, RegionId};

pub const REGIONS: [&str; 3] = ["a", "b", "c"];
/// Types; an aggregate of `thing` causes something in `other`, and that in `third`.
pub const TYPES: [&str; 4] = ["thing", "doomed", "other", "third"];
/// As the model says.
pub const SEATS_MAX: i64 = 5;
pub const WINDOW_MS: u64 = 3_600_000;

pub fn schema() -> Vec<(&'static str, FieldKind)> {
    let register = FieldKind::Register;
    let map = |kind| FieldKind::Map(Box::new(kind));
    vec![
        ("count", FieldKind::Counter),
        ("counts", map(FieldKind::Counter)),
        ("flag", FieldKind::Flag),
        ("keep", register(Policy::Keep)),
        ("latest", register(Policy::Latest)),
        ("latests", map(register(Policy::Latest))),
        ("max", register(Policy::Max)),
        ("max_by", register(Policy::MaxBy)),
        ("min", register(Policy::Min)),
        ("min_by", register(Policy::MinBy)),
        ("prefer", register(Policy::Prefer(vec![RegionId(2), RegionId(0)]))),
        ("seats", FieldKind::Bounded { min: Some(0), max: Some(SEATS_MAX) }),
        ("set", FieldKind::Set),
        ("sets", map(FieldKind::Set)),
        ("stock", FieldKind::Bounded { min: Some(0), max: None }),
    ]
}

pub const VERSIONS: u32 = 3;

pub fn text(version: u32) -> String {
    let mut text = format!("version = {version}\nidempotency_window = '1h'\n");
    let rules = ["'latest'", "'keep'", "{ prefer = ['c', 'a'] }", "{ max_by = 'args.n' }", "{ min_by = 'args.n' }"];
    let mut fields = FIELDS.to_owned();
    for at in 0..rules.len() {
        fields = fields.replace(&format!("RULE{at}"), rules[(at + version as usize - 1) % rules.len()]);
    }
    for kind in TYPES {
        let wins = kind == "doomed";
        text.push_str(&format!("[aggregate.{kind}]\ndelete_wins = {wins}\n{}", fields.replace("TYPE", kind)));
    }
    text + REACTIONS
}

const FIELDS: &str = r#"
[aggregate.TYPE.fields]
count   = "counter"
counts  = { map = "counter" }
flag    = "flag"
keep    = { register = "int", on_conflict = RULE1 }
latest  = { register = "int?", on_conflict = RULE0 }
latests = { map = { register = "int", on_conflict = RULE0 } }
max     = { register = "int", on_conflict = "max" }
max_by  = { register = "int", on_conflict = RULE3 }
min     = { register = "int", on_conflict = "min" }
min_by  = { register = "int", on_conflict = RULE4 }
prefer  = { register = "int", on_conflict = RULE2 }
seats   = { counter = { min = 0, max = 5 } }
set     = { set = "int" }
stock   = { counter = { min = 0 } }
sets    = { map = { set = "int" } }

[aggregate.TYPE.commands]
add        = { args = { n = "int", k = "string" }, effects = [{ add = "args.n", to = "count" }] }
add_key    = { args = { n = "int", k = "string" }, effects = [{ add = "args.n", to = "counts", key = "args.k" }] }
drop_key   = { args = { n = "int", k = "string" }, effects = [{ remove_key = "args.k", from = "counts" }] }
raise      = { args = { n = "int", k = "string" }, effects = [{ set = "args.n > 1", to = "flag" }] }
set_keep   = { args = { n = "int", k = "string" }, effects = [{ set = "args.n", to = "keep" }] }
set_latest = { args = { n = "int", k = "string" }, effects = [{ set = "args.n", to = "latest" }] }
set_key    = { args = { n = "int", k = "string" }, effects = [{ set = "args.n", to = "latests", key = "args.k" }] }
drop_set   = { args = { n = "int", k = "string" }, effects = [{ remove_key = "args.k", from = "latests" }] }
set_best   = { args = { n = "int", k = "string" }, effects = [{ set = "args.n", to = "max" }, { set = "args.n", to = "min" }] }
set_by     = { args = { n = "int", k = "string" }, effects = [{ set = "args.n", to = "max_by" }, { set = "args.n", to = "min_by" }] }
set_prefer = { args = { n = "int", k = "string" }, effects = [{ set = "args.n", to = "prefer" }] }
insert     = { args = { n = "int", k = "string" }, effects = [{ insert = "args.n", to = "set" }, { insert = "args.n", to = "sets", key = "args.k" }] }
remove     = { args = { n = "int", k = "string" }, effects = [{ remove = "args.n", from = "set" }, { remove = "args.n", from = "sets", key = "args.k" }] }
stock      = { args = { n = "int", k = "string" }, effects = [{ add = "args.n * 10 + 20", to = "stock" }] }
spend      = { args = { n = "int", k = "string" }, effects = [{ add = "-args.n - 1", to = "stock" }] }
sit        = { args = { n = "int", k = "string" }, effects = [{ add = "args.n + 1", to = "seats" }] }
stand      = { args = { n = "int", k = "string" }, effects = [{ add = "-args.n - 1", to = "seats" }] }
delete     = { args = { n = "int", k = "string" }, effects = [{ delete = true }] }
"#;

/// How often each is drawn.
pub const COMMANDS: [(&str, usize); 18] = [
    ("add", 6),
    ("add_key", 2),
    ("drop_key", 1),
    ("raise", 2),
    ("set_keep", 2),
    ("set_latest", 6),
    ("set_key", 2),
    ("drop_set", 1),
    ("set_best", 1),
    ("set_by", 1),
    ("set_prefer", 1),
    ("insert", 2),
    ("remove", 2),
    ("stock", 5),
    ("spend", 8),
    ("sit", 3),
    ("stand", 3),
    ("delete", 1),
];

const REACTIONS: &str = r#"
[reaction.note]
on   = "thing.add"
send = "other.set_latest"
to   = "'b'"
args = { n = "args.n", k = "args.k" }

[reaction.count]
on   = "thing.add"
send = "other.add"
to   = "id"
args = { n = "args.n", k = "args.k" }

[reaction.supply]
on   = "thing.set_latest"
send = "other.stock"
to   = "id"
args = { n = "args.n", k = "args.k" }

[reaction.take]
on   = "thing.add"
send = "other.spend"
to   = "id"
args = { n = "args.n", k = "args.k" }

[reaction.third]
on   = "other.add"
send = "third.insert"
to   = "id"
args = { n = "args.n", k = "args.k" }
"#;
