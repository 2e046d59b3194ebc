//! What an event costs to encode and to decode: `cargo run --release -p sterna-log --example event_cost`.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a benchmark reads the clock and prints")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use sterna_crdt::{Action, Clock, Dot, Incarnation, Name, Op, Order, RegionId, Update, Value};
use sterna_log::{Applied, Entry, Event, Frame, FrameEntry, LogId, Position, ShardId};

const BATCHES: u32 = 1000;
const BATCH: u32 = 200;

fn main() {
    let entry = Entry {
        events: vec![departure()],
        applied: Applied(vec![(RegionId(1), position(5)), (RegionId(2), position(6))]),
        ..Entry::default()
    };
    let encoded = entry.encode();
    assert_eq!(Entry::decode(&encoded).as_ref(), Ok(&entry));
    let encode_us = cost_us(|| drop(black_box(black_box(&entry).encode())));
    let decode_us = cost_us(|| drop(black_box(Entry::decode(black_box(&encoded)))));
    println!("entry of one event: {} bytes, encode {encode_us:.2} µs, decode {decode_us:.2} µs", encoded.len());

    let entries = (1..=100).map(|n| FrameEntry { position: position(n), bytes: encoded.clone().into() }).collect();
    let frame = Frame { entries, ..heartbeat() };
    let encoded = bytes::Bytes::from(frame.encode());
    let encode_us = cost_us(|| drop(black_box(black_box(&frame).encode()))) / 100.0;
    let decode_us = cost_us(|| drop(black_box(Frame::decode(black_box(encoded.clone()))))) / 100.0;
    println!("frame, for each of 100 entries: encode {encode_us:.3} µs, decode {decode_us:.3} µs");
}

/// Of one call, in the best of many batches: the machine has other work too.
fn cost_us(mut work: impl FnMut()) -> f64 {
    let batch_us = |_| {
        let began = Instant::now();
        (0..BATCH).for_each(|_| work());
        began.elapsed().as_secs_f64() * 1e6
    };
    (0..BATCHES).map(batch_us).fold(f64::INFINITY, f64::min) / f64::from(BATCH)
}

fn departure() -> Event {
    let me = Incarnation::new(RegionId(0), 1_700_000_000_000);
    let name = |text: &str| Name::from(text);
    let set = |field: &str, value| Op { field: name(field), key: None, action: Action::Set { value, by: None, rule: None } };
    let ops = vec![
        set("carrier", Value::str("UA")),
        set("number", Value::Int(1545)),
        set("origin", Value::str("EWR")),
        set("dest", Value::str("IAH")),
        set("day", Value::Date(15706)),
        set("month", Value::Int(1)),
        set("sched_dep", Value::Int(515)),
        set("distance", Value::Int(1400)),
        set("status", Value::Enum { rank: 0, name: name("departed") }),
        set("tail", Value::str("N14228")),
    ];
    let args = r#"{"carrier":"UA","number":1545,"origin":"EWR","dest":"IAH","day":"2013-01-01","month":1,"sched_dep":515,"distance":1400,"tail":"N14228","dep_delay":2}"#;
    Event {
        critical: true,
        kind: name("flight"),
        id: name("20130101-UA-1545-EWR"),
        update: Arc::new(Update {
            dot: Dot { incarnation: me, n: 1 },
            seen: std::iter::once(Dot { incarnation: Incarnation::new(RegionId(1), 1_700_000_000_001), n: 1 }).collect(),
            order: Order { clock: Clock::from_ms(1_700_000_100_000), incarnation: me },
            version: 1,
            ops,
        }),
        command: name("depart"),
        args: name(args),
        key: name("20130101-UA-1545-EWR-depart"),
        key_made: false,
        body_hash: [7; 16],
        answer: None,
        actor: name(""),
        model_hash: 0x0123_4567_89ab_cdef,
        reactions: Vec::new(),
        cause: None,
        trace: name(""),
        encryption_key: name(""),
        unreadable: None,
    }
}

fn position(n: u64) -> Position {
    let mut commit = [0; 10];
    commit[..8].copy_from_slice(&n.to_be_bytes());
    Position::new(1_700_000_000_000, commit, 0)
}

fn heartbeat() -> Frame {
    Frame {
        log: LogId { origin: RegionId(0), shard: ShardId(3) },
        after: Position::ZERO,
        entries: Vec::new(),
        sealed: Position::ZERO,
        applied: Applied::default(),
        incarnation: Incarnation(1),
        models: Vec::new(),
        membership_number: 1,
        membership_hash: 1,
        sent_ms: 0,
    }
}
