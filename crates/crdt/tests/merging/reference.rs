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
    /// The dots of a `keep` register's values, by field and key.
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
        Action::Set { value, by } => (value, by.as_ref().unwrap_or(&Value::Null)),
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

fn leaf_value(kind: &FieldKind, live: Vec<(&Update, &Op)>) -> Value {
    match kind {
        FieldKind::Register(policy) => {
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
            if matches!(kind, FieldKind::Register(Policy::Keep)) && !live.is_empty() {
                let mut sets = one_each(&Policy::Keep, live.to_vec());
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
        rows.insert(Row { field: Name::from(""), element: None, loser: loser.dot, winner: Some(winner.dot), rule, lost: None, won: None })
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
            set_rows(name, key, inner, &all, &here, &mut rows);
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

/// `all` may have decided, only `live` ones win and lose.
fn set_rows(name: &str, key: &Option<Value>, kind: &FieldKind, all: &Done, live: &Done, rows: &mut BTreeSet<Row>) {
    let (policy, rule, lattice) = match kind {
        FieldKind::Register(policy) => (policy.clone(), rule_of(policy), matches!(policy, Policy::Max | Policy::Min)),
        FieldKind::Flag => (Policy::Max, Rule::TrueWins, false),
        _ => return,
    };
    let (all, sets) = (sets_of(&policy, all), sets_of(&policy, live));
    let best = |(u, op): &(&Update, &Op)| rank(&policy, u, op);
    for e in &sets {
        let decided = |w: &Update| all.iter().any(|d| e.0.before(d.0) && !w.before(d.0) && (!lattice || best(d) > best(e)));
        let beat = sets.iter().filter(|w| e.0.concurrent(w.0) && best(w) > best(e) && !decided(w.0)).max_by_key(|w| best(w));
        if let Some(w) = beat.filter(|w| set_of(w.1).0 != set_of(e.1).0) {
            rows.insert(Row {
                field: Name::from(name),
                element: key.clone(),
                loser: e.0.dot,
                winner: Some(w.0.dot),
                rule,
                lost: Some(set_of(e.1).0.clone()),
                won: Some(set_of(w.1).0.clone()),
            });
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
                let (loser, winner) = (r.dot, Some(a.dot));
                let field = Name::from(name);
                rows.insert(Row { field, element, loser, winner, rule: Rule::AddWins, lost: None, won: Some(won) });
            }
        }
    }
}
