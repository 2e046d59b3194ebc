//! Every line of the language, evaluated as the product does: arguments are read, a command decides, its operations are merged into a
//! state, and views see that.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use sterna_crdt::{Clock, Dot, Fields, Incarnation, Order, RegionId, Update, Value, VersionVector};
use sterna_model::*;

const EVERYTHING: &str = include_str!("language/everything.toml");
/// 2013-01-31T05:00:00Z.
const NOW_MS: u64 = 1_359_608_400_000;

struct World {
    model: Model,
    fields: Fields,
    seen: VersionVector,
}

impl World {
    fn new() -> Self {
        let (model, diagnostics) = parse_with(EVERYTHING, Some(&["ap-south", "eu-west"]));
        assert!(diagnostics.iter().all(|d| d.severity == Severity::Note), "{diagnostics:?}");
        Self { model: model.unwrap(), fields: Fields::default(), seen: VersionVector::default() }
    }

    /// Runs a command at `ms` after [`NOW_MS`], and merges what it did.
    fn run(&mut self, kind: &str, command: &str, ms: u64, args: &str) -> Result<usize, String> {
        let of = self.model.aggregate(kind).unwrap();
        let command = of.command(command).unwrap();
        let args = command.parse_args(args.as_bytes()).map_err(|mistakes| format!("{mistakes:?}"))?;
        let view = FieldsView::new(of, &self.fields);
        let clock = Clock::from_ms(NOW_MS + ms);
        let input = Decide { id: "t1", exists: self.fields.present(), state: &view, now: clock, region: "eu-west", actor: "eve" };
        let ops = command.decide(&input, &args).map_err(|refusal| refusal.to_string())?.ops;
        let incarnation = Incarnation::new(RegionId(1), 1);
        let dot = Dot { incarnation, n: self.seen.get(incarnation) + 1 };
        let count = ops.len();
        let update = Update { dot, seen: self.seen.clone(), order: Order { clock, incarnation }, version: 1, ops };
        self.fields.apply(&update, of, false).unwrap();
        self.seen.add(dot);
        Ok(count)
    }

    /// A field as a document shows it.
    fn show(&self, name: &str) -> String {
        let of = self.model.aggregate("thing").unwrap();
        let mut out = String::new();
        json::write_value(&document(of, &self.fields)[of.field_index(name).unwrap()], &mut out);
        out
    }

    fn rows(&self, view: &str) -> Rows {
        let of = self.model.aggregate("thing").unwrap();
        let state = FieldsView::new(of, &self.fields);
        let doc = DocView { id: "t1", state: &state, created: self.fields.created().unwrap(), updated: self.fields.updated().unwrap() };
        let evaluated = self.model.view(view).unwrap().rows(&doc);
        assert_eq!(evaluated.failed, []);
        evaluated.rows
    }

    fn expect(&self, cases: &[(&str, &str)]) {
        for (field, shown) in cases {
            assert_eq!(self.show(field), *shown, "{field}");
        }
    }
}

#[test]
fn values_of_every_type_are_set_by_argument_and_by_default() {
    let mut world = World::new();
    world.expect(&[("text", "null"), ("whole", "null"), ("names", "null"), ("place", "null"), ("kind", "null")]);
    world.run("thing", "values", 0, "{}").unwrap();
    world.expect(&[
        ("text", "\"hello\""),
        ("whole", "null"),
        ("yes", "true"),
        ("at", "\"2013-01-31T05:00:00Z\""),
        ("day", "\"2013-01-31\""),
        ("kind", "\"large\""),
        ("names", "[\"a\"]"),
        ("place", "null"),
        ("old", "\"kept\""),
        ("older", "\"kept\""),
    ]);
    let args = r#"{"text":"","whole":-7,"yes":false,"at":"2000-01-01T00:00:00.5+01:00","day":"2000-02-29","kind":"small","names":["b","c"],"place":{"city":"Kiel","tags":["x"]}}"#;
    world.run("thing", "values", 1, args).unwrap();
    world.expect(&[
        ("text", "\"\""),
        ("whole", "-7"),
        ("yes", "false"),
        ("at", "\"1999-12-31T23:00:00.5Z\""),
        ("day", "\"2000-02-29\""),
        ("kind", "\"small\""),
        ("names", "[\"b\",\"c\"]"),
        ("place", r#"{"city":"Kiel","tags":["x"],"zip":null}"#),
    ]);
    for args in [
        r#"{"names":[]}"#,
        r#"{"names":["B"]}"#,
        r#"{"names":["abcdef"]}"#,
        r#"{"names":["a","b","c","d"]}"#,
        r#"{"place":{}}"#,
        r#"{"place":{"city":"K","zip":0}}"#,
    ] {
        assert!(world.run("thing", "values", 2, args).is_err(), "{args}");
    }
}

#[test]
fn every_policy_has_its_register() {
    let mut world = World::new();
    world.run("thing", "policies", 0, r#"{"n":7}"#).unwrap();
    world.run("thing", "policies", 1, r#"{"n":3}"#).unwrap();
    world.expect(&[
        ("latest", "3"),
        ("keep", "\"3\""),
        ("most", "\"high\""),
        ("least", "\"2013-01-04\""),
        ("prefer", "\"eu-west\""),
        ("max_by", "\"eve\""),
        ("min_by", "\"t1\""),
    ]);
}

#[test]
fn collections_take_every_effect() {
    let mut world = World::new();
    world.run("thing", "collect", 0, r#"{"list":["tea","skip"],"n":3}"#).unwrap();
    world.run("thing", "collect", 1, r#"{"list":["Tea"],"n":-1}"#).unwrap();
    world.expect(&[
        ("visits", "2"),
        ("bounded", "3"),
        ("flag", "false"),
        ("set", r#"[{"x":-1,"y":3},{"x":3,"y":3},{"x":3,"y":4}]"#),
        ("days", "[\"2013-01-31\"]"),
        ("counters", r#"{"Tea":-1,"tea":3}"#),
        ("flags", r#"{"Tea":true,"skip":true,"tea":true}"#),
        ("sets", r#"{"Tea":[-1],"skip":[3],"tea":[3]}"#),
        ("registers", r#"{"Tea":"tea","skip":"skip","tea":"tea"}"#),
        ("kept", r#"{"Tea":-1,"skip":3,"tea":3}"#),
        ("bests", r#"{"Tea":-1,"skip":3,"tea":3}"#),
        ("by_kind", r#"{"-1":1,"3":1}"#),
        ("by_day", r#"{"2013-01-31":2}"#),
    ]);
    let refused = world.run("thing", "take", 2, r#"{"key":"tea","n":4}"#);
    assert_eq!(refused, Err("there are too few".to_owned()));
    world.run("thing", "take", 3, r#"{"key":"tea","n":3}"#).unwrap();
    world.expect(&[
        ("counters", r#"{"Tea":-1,"tea":0}"#),
        ("flags", r#"{"Tea":true,"skip":true}"#),
        ("sets", r#"{"Tea":[-1],"skip":[3]}"#),
        ("set", r#"[{"x":-1,"y":3}]"#),
        ("registers", "{}"),
    ]);
}

#[test]
fn a_delete_takes_everything_where_its_condition_holds() {
    let mut world = World::new();
    assert_eq!(world.model.aggregate("thing").unwrap().command("make").unwrap().on, On::Absent);
    world.run("thing", "make", 0, "{}").unwrap();
    world.run("thing", "collect", 1, r#"{"list":["tea"],"n":2}"#).unwrap();
    assert_eq!(world.run("thing", "drop", 2, "{}"), Ok(0), "its condition is false");
    world.run("thing", "collect", 3, r#"{"list":[],"n":-2}"#).unwrap();
    assert_eq!(world.run("thing", "drop", 4, "{}"), Ok(1));
    assert!(!world.fields.present());
    world.expect(&[("text", "null"), ("counters", "{}"), ("visits", "0")]);
}

#[test]
fn a_table_has_a_row_for_each_and_names_its_indexes() {
    let mut world = World::new();
    world.run("thing", "make", 0, "{}").unwrap();
    assert_eq!(world.rows("table"), Rows::Table(Vec::new()), "`where` is false");
    world.run("thing", "collect", 1000, r#"{"list":["tea","milk"],"n":2}"#).unwrap();
    let row = |key: &str| {
        let time = |ms: u64| Value::Timestamp((NOW_MS + ms) as i64 * 1000);
        vec![Value::str("t1"), Value::str(key), Value::Int(2), time(0), time(1000), Value::str("made")]
    };
    assert_eq!(world.rows("table"), Rows::Table(vec![row("milk"), row("tea")]));
    let ViewKind::Table { indexes, sort, .. } = &world.model.view("table").unwrap().kind else { panic!("a table") };
    assert_eq!((indexes.as_slice(), sort.as_slice()), ([vec![1, 2], vec![2]].as_slice(), [(2, true), (1, false)].as_slice()));
}

#[test]
fn a_rollup_has_every_aggregation() {
    let mut world = World::new();
    world.run("thing", "collect", 0, r#"{"list":[],"n":3}"#).unwrap();
    let Rows::Rollup(contributions) = world.rows("rollup") else { panic!("a rollup") };
    assert_eq!(contributions[0].group, [Value::Null], "a null key is a group");
    let (one, null) = (Value::Int(1), Value::Null);
    let sum_min_max_avg_counts = [Value::Int(3), null.clone(), null.clone(), null.clone(), one.clone(), one.clone()];
    assert_eq!(contributions[0].values, sum_min_max_avg_counts);
    world.run("thing", "policies", 1, r#"{"n":1}"#).unwrap();
    world.run("thing", "values", 2, r#"{"whole":8}"#).unwrap();
    let Rows::Rollup(contributions) = world.rows("rollup") else { panic!("a rollup") };
    let low = Value::Enum { rank: 0, name: "low".into() };
    assert_eq!(contributions[0].values, [Value::Int(3), Value::Date(15_707), low, Value::Int(8), one.clone(), one]);
    let ops: Vec<_> = world.model.view("rollup").unwrap().aggs().iter().map(|agg| agg.op).collect();
    assert_eq!(ops, [AggOp::Sum, AggOp::Min, AggOp::Max, AggOp::Avg, AggOp::Count, AggOp::Count]);
}

#[test]
fn views_of_events_see_them_by_every_name_and_run_over_their_parts() {
    let world = World::new();
    let event = |kind: &'static str, command: &'static str, args: &Args, view: &str| {
        let event = EventView {
            id: "1.2",
            aggregate: kind,
            command,
            aggregate_id: "a1",
            args,
            at: Clock::from_ms(NOW_MS),
            region: "eu-west",
            actor: "eve",
        };
        let evaluated = world.model.view(view).unwrap().event_rows(&event);
        assert_eq!(evaluated.failed, []);
        evaluated.rows
    };
    let account = world.model.aggregate("account").unwrap();
    let args = account.command("credit").unwrap().stored_args(br#"{"amount":5}"#);
    let expected = ["1.2", "credit", "a1"].map(Value::str).into_iter();
    let expected: Vec<_> =
        expected.chain([Value::Int(5), Value::Timestamp(NOW_MS as i64 * 1000), Value::str("eu-west"), Value::str("eve")]).collect();
    assert_eq!(event("account", "credit", &args, "events"), Rows::Table(vec![expected.clone()]));
    assert_eq!(event("account", "credit", &args, "statement"), Rows::Table(vec![expected]), "by its old name");

    let bury = world.model.aggregate("tomb").unwrap().command("bury").unwrap();
    assert_eq!((&**bury.stored(), bury.deprecated), ("dig", true));
    let old = bury.stored_args(br#"{"depth":9,"width":3}"#);
    assert_eq!(old.values(), [Value::Int(9), Value::Int(3)], "by the old name, and by `upcast`");
    let new = bury.parse_args(br#"{"deep":4}"#).unwrap();
    assert_eq!(new.to_json(bury), r#"{"depth":4,"wide":null}"#, "an event of today says that it has none");
    assert_eq!(bury.stored_args(new.to_json(bury).as_bytes()), new);
    assert_eq!(bury.stored_args(b"{}").values(), [Value::Int(6), Value::Int(2)], "by default, and by `upcast`");
    let Rows::Rollup(rows) = event("tomb", "dig", &old, "by_day") else { panic!("a rollup") };
    assert_eq!(
        (rows[0].group.as_slice(), rows[0].values.as_slice()),
        ([Value::Date(15_736)].as_slice(), [Value::Int(1), Value::Int(9)].as_slice())
    );
}

#[test]
fn a_reaction_runs_over_its_list_sees_the_state_after_and_has_a_refusal() {
    let mut world = World::new();
    let args = r#"{"amount":5,"to":["a2","t1","a3"]}"#;
    world.run("account", "debit", 0, args).unwrap();
    let of = world.model.aggregate("account").unwrap();
    let debit = of.command("debit").unwrap();
    let args = debit.parse_args(args.as_bytes()).unwrap();
    let after = FieldsView::new(of, &world.fields);
    let input = Decide { id: "t1", exists: true, state: &after, now: Clock::from_ms(NOW_MS), region: "eu-west", actor: "eve" };
    let [reaction] = world.model.reactions("account", "debit") else { panic!("one reaction") };
    let sent = reaction.evaluate(&world.model, &input, &args).unwrap();
    let sent: Vec<_> = sent.iter().map(|sent| (sent.id.as_str(), &*sent.command, sent.args_json.as_str())).collect();
    assert_eq!(sent, [("a2", "credit", r#"{"amount":5,"of":-5}"#), ("a3", "credit", r#"{"amount":5,"of":-5}"#)]);
    let refused = reaction.evaluate_refused(&world.model, &input, &args).unwrap().unwrap();
    assert_eq!((refused.id.as_str(), refused.args_json.as_str()), ("t1", r#"{"amount":5}"#));
    let none = Decide { state: &NoState, ..input };
    assert_eq!(reaction.evaluate(&world.model, &none, &args), Ok(Vec::new()), "`when` is false");
}

#[test]
fn what_is_said_of_the_whole_is_compiled() {
    let world = World::new();
    let model = &world.model;
    assert_eq!((model.version, model.idempotency_window_ms), (7, 5_400_000));
    let thing = model.aggregate("object").unwrap();
    assert_eq!((&*thing.name, &**thing.stored()), ("thing", "object"));
    assert_eq!(model.aggregate("account").unwrap().home, Some(Home::ById));
    assert!(model.aggregate("tomb").unwrap().delete_wins);
    let ops = |kind: &str, command: &str| {
        let command = model.aggregate(kind).unwrap().command(command).unwrap();
        let input = Decide { id: "t", exists: true, state: &NoState, now: Clock(1), region: "r", actor: "" };
        command.decide(&input, &command.parse_args(b"{}").unwrap()).unwrap().ops
    };
    assert_eq!(ops("tomb", "bury")[0].action, sterna_crdt::Action::Delete { wins: true });
    assert_eq!(ops("thing", "drop")[0].action, sterna_crdt::Action::Delete { wins: false });
    let old = model.aggregate("thing").unwrap().fields().iter().find(|def| &*def.name == "old").unwrap();
    assert!(old.deprecated);
    assert_eq!(ops("thing", "values").last().unwrap().field, "older".into(), "operations have the name that data has");
}
