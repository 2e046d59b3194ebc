//! One value of every format that says something in every field.

use std::sync::Arc;
use sterna_crdt::{Action, Clock, Dot, Incarnation, Name, Op, Order, RegionId, Update, Value};
use sterna_log::*;

pub fn event() -> Event {
    let name = |text: &str| Name::from(text);
    let me = Incarnation::new(RegionId(1), 1_700_000_000_000);
    let other = Dot { incarnation: Incarnation::new(RegionId(2), 1_700_000_000_001), n: 300 };
    let send = |command: &str| Send { kind: name("aircraft"), id: name("N1"), command: name(command), args: name("{}") };
    let op = |field: &str, key: Option<Value>, action| Op { field: name(field), key, action };
    let object = Value::Object(vec![(name("a"), Value::Timestamp(-5)), (name("b"), Value::Date(-6))]);
    let status = Value::Enum { rank: 2, name: name("arrived") };
    let ops = vec![
        op("status", None, Action::Set { value: status, by: Some(Value::Int(-1)), rule: None }),
        op("miles", None, Action::Add(-1400)),
        op("airports", None, Action::Insert(Value::str("IAH"))),
        op("airports", None, Action::Remove(Value::List(vec![Value::Null, Value::Bool(false), object]))),
        op("items", Some(Value::str("sku")), Action::RemoveKey),
        op("", None, Action::Delete { wins: false }),
        op("stock", None, Action::Give { amount: 3, to: RegionId(2), from: None }),
    ];
    Event {
        critical: true,
        kind: name("flight"),
        id: name("f-1"),
        update: Arc::new(Update {
            dot: Dot { incarnation: me, n: 1 },
            seen: std::iter::once(other).collect(),
            order: Order { clock: Clock::from_ms(1_700_000_100_000), incarnation: me },
            version: 4,
            ops,
        }),
        command: name("arrive"),
        args: name(r#"{"tail":"N1"}"#),
        key: name("f-1-arrive"),
        key_made: true,
        body_hash: *b"0123456789abcdef",
        answer: Some(name("")),
        actor: name("anna"),
        model_hash: 5,
        reactions: vec![Reaction { name: name("count"), send: send("count"), refused: Some(send("uncount")) }],
        cause: Some(Cause {
            kind: name("account"),
            id: name("a-1"),
            dot: other,
            position: position(6),
            index: 1,
            rank: Order { clock: Clock(9), incarnation: other.incarnation },
            depth: 2,
        }),
        trace: name("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        encryption_key: name("k1"),
        unreadable: None,
    }
}

pub fn position(version: u64) -> Position {
    let mut commit = [0; 10];
    commit[..8].copy_from_slice(&version.to_be_bytes());
    Position::new(1_700_000_000_000, commit, 1)
}

#[allow(dead_code, reason = "the tests of formats use the event alone")]
pub fn entry() -> Entry {
    Entry { events: vec![event()], applied: Applied(vec![(RegionId(0), position(7)), (RegionId(2), position(8))]), ..Entry::default() }
}
