//! What an aggregate shows, as a function of its live events.

use crate::{Action, Event, Kind, Op, Schema};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

type Live<'a> = Vec<(&'a Event, &'a Op)>;

/// The document's `state`. `live`: one aggregate's events without the void ones.
pub fn fold(live: &[&Event], schema: &Schema) -> Value {
    let mut state = Map::new();
    for (field, kind) in schema {
        let value = match kind {
            Kind::Map(inner) => {
                let entries = keys(live, field).into_iter().filter_map(|key| {
                    let here = surviving(live, field, Some(&key), inner);
                    (!here.is_empty()).then(|| (text(&key), leaf(inner, &here)))
                });
                Value::Object(entries.collect())
            }
            kind => leaf(kind, &surviving(live, field, None, kind)),
        };
        state.insert(field.clone(), value);
    }
    Value::Object(state)
}

/// Something that was done to it is not deleted.
pub(crate) fn present(live: &[&Event]) -> bool {
    let undeleted = |event: &Event| !overruled(event, live) && !live.iter().any(|later| later.deletes() && event.before(later));
    live.iter().any(|event| event.more_than_deletes() && undeleted(event))
}

/// A winning delete that had not seen the event took it away.
pub(crate) fn overruled(event: &Event, all: &[&Event]) -> bool {
    all.iter().any(|other| other.deletes_all() && other.concurrent(event))
}

/// Contributions that no later event took away.
fn surviving<'a>(all: &[&'a Event], field: &str, key: Option<&Value>, kind: &Kind) -> Live<'a> {
    let mut out = Vec::new();
    for event in all.iter().filter(|event| !overruled(event, all)) {
        for op in event.ops.iter().filter(|op| op.field == field && op.key.as_ref() == key && kind.contributes(&op.action)) {
            if !all.iter().any(|later| event.before(later) && takes_away(later, op, kind)) {
                out.push((*event, op));
            }
        }
    }
    out
}

fn takes_away(later: &Event, op: &Op, kind: &Kind) -> bool {
    let same = later.ops.iter().filter(|other| other.field == op.field && other.key == op.key);
    later.deletes()
        || same.into_iter().any(|other| match (&other.action, kind, &op.action) {
            (Action::RemoveKey, ..) | (Action::Set(_), Kind::Flag | Kind::Latest | Kind::Keep | Kind::Prefer(_) | Kind::Turns(_), _) => {
                true
            }
            (Action::Remove(gone), Kind::Set, Action::Insert(value)) => gone == value,
            (Action::Insert(new), Kind::Set, Action::Insert(value)) => new == value,
            _ => false,
        })
}

fn keys(all: &[&Event], field: &str) -> Vec<Value> {
    let mut keys: Vec<Value> = Vec::new();
    for key in all.iter().flat_map(|event| &event.ops).filter(|op| op.field == field).filter_map(|op| op.key.clone()) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

fn text(key: &Value) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}

fn leaf(kind: &Kind, live: &Live<'_>) -> Value {
    match kind {
        Kind::Latest | Kind::Keep | Kind::Max | Kind::Prefer(_) | Kind::Turns(_) => {
            best(kind, live).map_or(Value::Null, |(_, value)| value.clone())
        }
        Kind::Counter | Kind::Bounded => {
            json!(live.iter().map(|(_, op)| if let Action::Add(delta) = op.action { delta } else { 0 }).sum::<i64>())
        }
        Kind::Flag => json!(!live.is_empty()),
        Kind::Set => {
            let inserted = live.iter().filter_map(|(_, op)| if let Action::Insert(value) = &op.action { Some(text(value)) } else { None });
            json!(inserted.collect::<BTreeSet<String>>())
        }
        Kind::Map(_) => Value::Null,
    }
}

/// The set that is shown.
fn best<'a>(kind: &Kind, live: &Live<'a>) -> Option<(&'a Event, &'a Value)> {
    let sets = live.iter().filter_map(|(event, op)| if let Action::Set(value) = &op.action { Some((*event, value)) } else { None });
    let kind = kind.among(live.iter().map(|(event, _)| *event));
    sets.enumerate().max_by_key(|(at, (event, value))| (merit(kind, event, value), event.order, *at)).map(|(_, set)| set)
}

/// Greater is better, before the order is asked. Null is the worst.
pub(crate) fn merit(kind: &Kind, event: &Event, value: &Value) -> Option<i64> {
    match kind {
        Kind::Max => Some(value.as_i64().unwrap_or(i64::MIN)),
        Kind::Prefer(regions) => Some(-(regions.iter().position(|region| *region == event.region).unwrap_or(regions.len()) as i64)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn event(origin: u64, n: u64, seen: &[(u64, u64)], clock: u64, ops: Vec<(&str, Option<&str>, Action)>) -> Event {
        Event {
            aggregate: "x/1".into(),
            dot: (origin, n),
            region: origin as u16,
            version: 1,
            name: format!("{origin}.{n}"),
            seen: seen.iter().copied().collect(),
            order: (clock, origin),
            rank: (clock, origin),
            key: format!("{origin}.{n}"),
            cause: None,
            ops: ops.into_iter().map(|(field, key, action)| Op { field: field.into(), key: key.map(Value::from), action }).collect(),
        }
    }

    fn show(events: &[Event]) -> Value {
        let schema: Schema = BTreeMap::from([
            ("note".into(), Kind::Latest),
            ("best".into(), Kind::Max),
            ("on".into(), Kind::Flag),
            ("tags".into(), Kind::Set),
            ("items".into(), Kind::Map(Kind::Counter.into())),
        ]);
        fold(&events.iter().collect::<Vec<_>>(), &schema)
    }

    #[test]
    fn a_removal_takes_what_it_saw() {
        let added = event(1, 1, &[], 1, vec![("items", Some("tea"), Action::Add(10))]);
        let removed = event(1, 2, &[(1, 1)], 2, vec![("items", Some("tea"), Action::RemoveKey)]);
        let beside = event(2, 1, &[(1, 1)], 3, vec![("items", Some("tea"), Action::Add(3)), ("tags", None, Action::Insert("a".into()))]);
        assert_eq!(show(&[added.clone(), removed.clone(), beside.clone()])["items"], json!({"tea": 3}));
        assert_eq!(show(&[added, removed])["items"], json!({}));
        assert_eq!(show(&[beside])["tags"], json!(["a"]));
    }

    #[test]
    fn the_latest_set_is_shown_and_the_greatest_ever() {
        let first = event(1, 1, &[], 5, vec![("note", None, Action::Set("left".into())), ("best", None, Action::Set(7.into()))]);
        let second = event(2, 1, &[], 6, vec![("note", None, Action::Set("right".into())), ("best", None, Action::Set(3.into()))]);
        let shown = show(&[second, first]);
        assert_eq!((&shown["note"], &shown["best"]), (&json!("right"), &json!(7)));
    }

    #[test]
    fn the_rule_of_the_highest_version_decides() {
        let kind = Kind::Turns(vec![Kind::Latest, Kind::Prefer(vec![2, 1])]);
        let schema: Schema = BTreeMap::from([("note".into(), kind)]);
        let set = |origin, clock, version| Event {
            version,
            ..event(origin, 1, &[], clock, vec![("note", None, Action::Set(origin.to_string().into()))])
        };
        let shown = |events: [Event; 2]| fold(&events.iter().collect::<Vec<_>>(), &schema)["note"].clone();
        assert_eq!(shown([set(1, 9, 1), set(2, 5, 1)]), "1");
        assert_eq!(shown([set(1, 9, 1), set(2, 5, 2)]), "2");
        assert_eq!(shown([set(1, 5, 2), set(3, 9, 1)]), "1", "who is not named comes last");
    }

    #[test]
    fn true_wins_over_a_concurrent_false_and_a_delete_takes_what_it_saw() {
        let on = event(1, 1, &[], 1, vec![("on", None, Action::Set(true.into()))]);
        let off = event(2, 1, &[], 2, vec![("on", None, Action::Set(false.into()))]);
        let gone = event(2, 2, &[(1, 1), (2, 1)], 3, vec![("", None, Action::Delete { wins: false })]);
        assert_eq!(show(&[on.clone(), off.clone()])["on"], json!(true));
        assert_eq!(show(&[on, off, gone])["on"], json!(false));
    }
}
