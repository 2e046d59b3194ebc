//! The rules of merging, slow and obvious: what is visible, and which ledger rows there are, as functions of a set of updates.
//! Nothing of the crate's merging is used here.

use std::collections::{BTreeMap, BTreeSet};
use sterna_crdt::conflicts::{Row, Rule};
use sterna_crdt::{Action, Clock, Dot, FieldKind, Name, Op, Order, Policy, Update, Value};

/// What a reader can tell of an aggregate.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct Visible {
    pub present: bool,
    pub created: Option<Clock>,
    pub updated: Option<Clock>,
    pub values: BTreeMap<String, Value>,
    /// The dots of a register's values, by field and key, where several are kept.
    pub kept: BTreeMap<(String, Option<Value>), Vec<Dot>>,
}

fn deletes(u: &Update) -> bool {
    u.ops.iter().any(|op| matches!(op.action, Action::Delete { .. }))
}

fn wins(u: &Update) -> bool {
    u.ops.iter().any(|op| op.action == Action::Delete { wins: true })
}

fn more_than_delete(u: &Update) -> bool {
    u.ops.is_empty() || u.ops.iter().any(|op| !matches!(op.action, Action::Delete { .. } | Action::Give { .. }))
}

fn only_gives(u: &Update) -> bool {
    !u.ops.is_empty() && u.ops.iter().all(|op| matches!(op.action, Action::Give { .. }))
}

fn overruled(u: &Update, all: &[&Update]) -> bool {
    all.iter().any(|d| wins(d) && d.concurrent(u))
}

/// Those contributions of live updates that no later update took away.
fn surviving<'a>(all: &[&'a Update], at: &str, key: Option<&Value>, kind: &FieldKind) -> Vec<(&'a Update, &'a Op)> {
    let mut out = Vec::new();
    // Nothing is ever taken from a bounded counter: rights of it may be in use.
    let bounded = matches!(kind, FieldKind::Bounded { .. });
    for u in all.iter().filter(|u| bounded || !overruled(u, all)) {
        for op in u.ops.iter().filter(|op| *op.field == *at && op.key.as_ref() == key && adds(kind, op)) {
            if bounded || !all.iter().any(|r| u.before(r) && takes(r, op, kind)) {
                out.push((*u, op));
            }
        }
    }
    out
}

fn adds(kind: &FieldKind, op: &Op) -> bool {
    match (&op.action, kind) {
        (Action::Delete { .. } | Action::RemoveKey | Action::Remove(_), _) => false,
        (Action::Set { value, .. }, FieldKind::Flag) => *value == Value::Bool(true),
        _ => true,
    }
}

/// `r`, which saw it, takes away the contribution `op`.
fn takes(r: &Update, op: &Op, kind: &FieldKind) -> bool {
    deletes(r)
        || r.ops.iter().filter(|x| x.field == op.field && x.key == op.key).any(|x| match (&x.action, kind, &op.action) {
            (Action::RemoveKey, ..) => true,
            (Action::Remove(gone), FieldKind::Set, Action::Insert(value)) => gone == value,
            (Action::Insert(new), FieldKind::Set, Action::Insert(value)) => new == value,
            (Action::Set { .. }, FieldKind::Flag, _) => true,
            (Action::Set { .. }, FieldKind::Register(policy), _) => !matches!(policy, Policy::Max | Policy::Min),
            _ => false,
        })
}

fn set_of(op: &Op) -> (&Value, &Value) {
    match &op.action {
        Action::Set { value, by, .. } => (value, by.as_ref().unwrap_or(&Value::Null)),
        other => panic!("{other:?} sets nothing"),
    }
}

/// Greater wins. Null is the worst wherever values are compared.
fn rank(policy: &Policy, u: &Update, op: &Op) -> (Option<i64>, Order) {
    let int = |v: &Value| match v {
        Value::Int(i) => *i,
        Value::Bool(b) => i64::from(*b),
        Value::Null => -1000,
        other => panic!("{other:?} is not in these histories"),
    };
    let negative = |v: &Value| if *v == Value::Null { -1000 } else { -int(v) };
    let (value, by) = set_of(op);
    let first = match policy {
        Policy::Latest | Policy::Keep => None,
        Policy::Max => Some(int(value)),
        Policy::Min => Some(negative(value)),
        Policy::MaxBy => Some(int(by)),
        Policy::MinBy => Some(negative(by)),
        Policy::Prefer(list) => Some(-(list.iter().position(|r| *r == u.dot.incarnation.region()).unwrap_or(list.len()) as i64)),
    };
    (first, u.order)
}

/// Of several sets of one update the last counts, for `max` and `min` the best.
fn one_each<'a>(policy: &Policy, sets: Vec<(&'a Update, &'a Op)>) -> Vec<(&'a Update, &'a Op)> {
    let mut by_dot: BTreeMap<Dot, (&Update, &Op)> = BTreeMap::new();
    for (u, op) in sets {
        let lattice = matches!(policy, Policy::Max | Policy::Min);
        let worse = by_dot.get(&u.dot).is_some_and(|(_, old)| lattice && rank(policy, u, old) > rank(policy, u, op));
        if !worse {
            by_dot.insert(u.dot, (u, op));
        }
    }
    by_dot.into_values().collect()
}

/// A lattice is one for good; else the rule of the highest version of the model decides, which each set brings with it.
fn rule_among<'a>(field: &'a Policy, sets: &[(&'a Update, &'a Op)]) -> &'a Policy {
    if matches!(field, Policy::Max | Policy::Min) {
        return field;
    }
    let newest = sets.iter().max_by_key(|(u, _)| (u.version, u.order));
    let rule = newest.and_then(|(_, op)| if let Action::Set { rule, .. } = &op.action { rule.as_deref() } else { None });
    rule.unwrap_or(&Policy::Latest)
}

fn leaf_value(kind: &FieldKind, live: Vec<(&Update, &Op)>) -> Value {
    match kind {
        FieldKind::Register(policy) => {
            let policy = rule_among(policy, &live);
            let best = one_each(policy, live).into_iter().max_by_key(|(u, op)| rank(policy, u, op));
            best.map_or(Value::Null, |(_, op)| set_of(op).0.clone())
        }
        FieldKind::Counter | FieldKind::Bounded { .. } => {
            Value::Int(live.iter().map(|(_, op)| if let Action::Add(delta) = op.action { delta } else { 0 }).sum())
        }
        FieldKind::Flag => Value::Bool(!live.is_empty()),
        FieldKind::Set => {
            let elements: BTreeSet<_> = live.iter().map(|(_, op)| &op.action).collect_inserts();
            Value::List(elements.into_iter().collect())
        }
        FieldKind::Map(_) => panic!("no maps in maps"),
    }
}

trait CollectInserts {
    fn collect_inserts(self) -> BTreeSet<Value>;
}

impl<'a, I: Iterator<Item = &'a Action>> CollectInserts for I {
    fn collect_inserts(self) -> BTreeSet<Value> {
        self.map(|action| if let Action::Insert(value) = action { value.clone() } else { panic!("no insertion") }).collect()
    }
}

fn keys(all: &[&Update], at: &str) -> BTreeSet<Value> {
    all.iter().flat_map(|u| &u.ops).filter(|op| *op.field == *at).filter_map(|op| op.key.clone()).collect()
}

pub fn fold(all: &[&Update], schema: &[(&'static str, FieldKind)]) -> Visible {
    let undeleted = |u: &Update| !overruled(u, all) && !all.iter().any(|d| deletes(d) && u.before(d));
    let mut out = Visible {
        present: all.iter().any(|u| more_than_delete(u) && undeleted(u)),
        created: all.iter().filter(|u| !only_gives(u)).map(|u| u.order.clock).min(),
        updated: all.iter().filter(|u| !only_gives(u)).map(|u| u.order.clock).max(),
        ..Visible::default()
    };
    for (name, kind) in schema {
        let mut keep = |key: Option<&Value>, kind: &FieldKind, live: &[(&Update, &Op)]| {
            let FieldKind::Register(policy) = kind else { return };
            let mut sets = one_each(&Policy::Keep, live.to_vec());
            if *rule_among(policy, live) == Policy::Keep && sets.len() > 1 {
                sets.sort_by_key(|(u, _)| u.order);
                out.kept.insert((name.to_string(), key.cloned()), sets.iter().map(|(u, _)| u.dot).collect());
            }
        };
        let value = if let FieldKind::Map(inner) = kind {
            let mut entries = Vec::new();
            for key in keys(all, name) {
                let live = surviving(all, name, Some(&key), inner);
                if !live.is_empty() {
                    keep(Some(&key), inner, &live);
                    let text = match &key {
                        Value::Int(number) => Name::from(number.to_string()),
                        Value::Str(text) => Name::from(&**text),
                        other => panic!("{other:?} is no key in these histories"),
                    };
                    entries.push((text, leaf_value(inner, live)));
                }
            }
            Value::Object(entries)
        } else {
            let live = surviving(all, name, None, kind);
            keep(None, kind, &live);
            leaf_value(kind, live)
        };
        out.values.insert(name.to_string(), value);
    }
    out
}

pub fn ledger<'a>(all: &[&'a Update], schema: &[(&'static str, FieldKind)]) -> BTreeSet<Row> {
    let live: Vec<&'a Update> = all.iter().copied().filter(|u| !overruled(u, all)).collect();
    let mut rows = BTreeSet::new();
    let mut whole = |loser: &Update, winner: &Update, rule| {
        rows.insert(Row {
            field: Name::from(""),
            element: None,
            loser: loser.dot,
            winner: Some(winner.dot),
            rule,
            version: loser.version.max(winner.version),
            lost: None,
            won: None,
        })
    };
    for u in all.iter().filter(|u| overruled(u, all) && more_than_delete(u)) {
        let winner = all.iter().filter(|d| wins(d) && d.concurrent(u)).max_by_key(|d| d.order);
        whole(u, winner.unwrap(), Rule::DeleteWins);
    }
    for d in live.iter().filter(|d| d.ops.iter().any(|op| op.action == Action::Delete { wins: false })) {
        for u in live.iter().filter(|u| u.concurrent(d) && more_than_delete(u)) {
            whole(d, u, Rule::Delete);
        }
    }
    for (name, kind) in schema {
        let inner = if let FieldKind::Map(inner) = kind { inner } else { kind };
        let places: BTreeSet<_> = live.iter().flat_map(|u| &u.ops).filter(|op| *op.field == **name).map(|op| &op.key).collect();
        for key in places {
            let here = |updates: &[&'a Update]| -> Vec<(&'a Update, &'a Op)> {
                let ops = updates.iter().flat_map(|u| u.ops.iter().map(move |op| (*u, op)));
                ops.filter(|(_, op)| *op.field == **name && op.key == *key).collect()
            };
            let (all, here) = (here(all), here(&live));
            set_rows(name, key, inner, &all, &here, &removals(&live, name, key), &mut rows);
            removal_rows(name, key, inner, &here, &mut rows);
        }
    }
    one_per_pair(rows)
}

/// An update that both sets and removes may lose twice to one winner; the set's row stays.
fn one_per_pair(rows: BTreeSet<Row>) -> BTreeSet<Row> {
    let mut pairs = BTreeSet::new();
    rows.into_iter().filter(|row| pairs.insert((row.field.clone(), row.element.clone(), row.loser, row.winner))).collect()
}

type Done<'a> = [(&'a Update, &'a Op)];

/// Updates that removed whatever they had seen there.
fn removals<'a>(live: &[&'a Update], name: &str, key: &Option<Value>) -> Vec<&'a Update> {
    let removes = |op: &Op| key.is_some() && *op.field == *name && op.key == *key && op.action == Action::RemoveKey;
    live.iter().copied().filter(|u| deletes(u) || u.ops.iter().any(removes)).collect()
}

/// `all` may have decided, only `live` ones win and lose.
fn set_rows(name: &str, key: &Option<Value>, kind: &FieldKind, all: &Done, live: &Done, gone: &[&Update], rows: &mut BTreeSet<Row>) {
    let (field, flag) = match kind {
        FieldKind::Register(policy) => (policy, false),
        FieldKind::Flag => (&Policy::Max, true),
        _ => return,
    };
    let lattice = matches!(field, Policy::Max | Policy::Min) && !flag;
    let (all, sets) = (sets_of(field, all), sets_of(field, live));
    for e in &sets {
        let better = |d: &(&Update, &Op)| rank(field, d.0, d.1) > rank(field, e.0, e.1);
        let decided = |w: &Update| all.iter().any(|d| e.0.before(d.0) && !w.before(d.0) && (!lattice || better(d)));
        let rivals: Vec<_> = sets.iter().copied().filter(|w| e.0.concurrent(w.0) && !decided(w.0)).collect();
        // Somebody who had not seen `e` removed what else was set.
        let removed = |w: &Update| gone.iter().any(|r| r.concurrent(e.0) && w.before(r));
        let left: Vec<_> = rivals.iter().copied().filter(|w| !removed(w.0)).collect();
        let beats = |rivals: &[(&'_ Update, &'_ Op)]| {
            let with: Vec<_> = rivals.iter().copied().chain([*e]).collect();
            let policy = rule_among(field, &with);
            let best = |(u, op): &(&Update, &Op)| rank(policy, u, op);
            let winner = rivals.iter().copied().max_by_key(best).filter(|w| best(w) > best(e))?;
            let version = with.iter().map(|(u, _)| u.version).max()?;
            Some((winner.0.dot, set_of(winner.1).0.clone(), if flag { Rule::TrueWins } else { rule_of(policy) }, version))
        };
        let beaten = beats(&rivals).or_else(|| beats(&left));
        if let Some((winner, won, rule, version)) = beaten.filter(|(_, won, ..)| won != set_of(e.1).0) {
            let (field, element) = (Name::from(name), key.clone());
            let lost = Some(set_of(e.1).0.clone());
            rows.insert(Row { field, element, loser: e.0.dot, winner: Some(winner), rule, version, lost, won: Some(won) });
        }
    }
}

fn sets_of<'a>(policy: &Policy, done: &Done<'a>) -> Vec<(&'a Update, &'a Op)> {
    one_each(policy, done.iter().copied().filter(|(_, op)| matches!(op.action, Action::Set { .. })).collect())
}

fn rule_of(policy: &Policy) -> Rule {
    match policy {
        Policy::Latest => Rule::Latest,
        Policy::Keep => Rule::Keep,
        Policy::Max => Rule::Max,
        Policy::Min => Rule::Min,
        Policy::Prefer(_) => Rule::Prefer,
        Policy::MaxBy => Rule::MaxBy,
        Policy::MinBy => Rule::MinBy,
    }
}

fn removal_rows(name: &str, key: &Option<Value>, kind: &FieldKind, here: &[(&Update, &Op)], rows: &mut BTreeSet<Row>) {
    for (r, removal) in here {
        let mut winners = BTreeSet::new();
        for (a, op) in here.iter().filter(|(a, op)| a.concurrent(r) && adds(kind, op)) {
            let element = match (&removal.action, &op.action) {
                (Action::RemoveKey, _) => key.clone(),
                (Action::Remove(gone), Action::Insert(value)) if gone == value => match key {
                    Some(key) => Some(Value::List(vec![key.clone(), value.clone()])),
                    None => Some(value.clone()),
                },
                _ => continue,
            };
            let won = match &op.action {
                Action::Add(delta) => Value::Int(*delta),
                Action::Insert(value) | Action::Set { value, .. } => value.clone(),
                _ => Value::Null,
            };
            if winners.insert(a.dot) {
                let (loser, winner, version) = (r.dot, Some(a.dot), r.version.max(a.version));
                let field = Name::from(name);
                rows.insert(Row { field, element, loser, winner, rule: Rule::AddWins, version, lost: None, won: Some(won) });
            }
        }
    }
}
