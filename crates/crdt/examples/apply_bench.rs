//! Nanoseconds an update, by kind of field: `cargo run --release -p sterna-crdt --example apply_bench`.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark prints and measures")]

use std::hint::black_box;
use std::time::Instant;
use sterna_crdt::conflicts::rows;
use sterna_crdt::{Action, Clock, Dot, FieldKind, Fields, Incarnation, Name, Op, Order, Policy, RegionId, Update, Value, VersionVector};

const UPDATES: u64 = 200_000;
const FLIGHT: [&str; 12] =
    ["air_time", "arr_delay", "carrier", "day", "dep_delay", "dest", "distance", "month", "number", "origin", "sched_dep", "tail"];

fn main() {
    for open in [false, true] {
        println!("{}", if open { "with peers (applied, then closed)" } else { "without peers" });
        line("latest register", measure(open, |_| op("note", None, Action::Set { value: Value::Int(7), by: None, rule: None })));
        line("max register", measure(open, |i| op("max", None, Action::Set { value: Value::Int(i as i64), by: None, rule: None })));
        line("counter", measure(open, |_| op("count", None, Action::Add(1))));
        line("flag", measure(open, |_| op("flag", None, Action::Set { value: Value::Bool(true), by: None, rule: None })));
        line("set of 10k strings", measure(open, |i| op("set", None, Action::Insert(sku(i % 10_000)))));
        line("map of 100 counters", measure(open, |i| op("items", Some(sku(i % 100)), Action::Add(1))));
        line("map of 10k counters", measure(open, |i| op("items", Some(sku(i % 10_000)), Action::Add(1))));
    }
    encoding();
    ledger();
}

fn line(what: &str, ns: f64) {
    println!("  {what:<28}{ns:>9.0} ns");
}

fn measure(open: bool, make: impl Fn(u64) -> Op) -> f64 {
    let schema = schema();
    let updates: Vec<_> = (0..UPDATES).map(|i| update(0, i + 1, i, vec![make(i)])).collect();
    let mut fields = Fields::default();
    let start = Instant::now();
    for update in &updates {
        fields.apply(update, &schema, open).expect("it fits");
        if open {
            fields.close(update, &schema);
        }
    }
    let elapsed = start.elapsed();
    black_box(&fields);
    elapsed.as_nanos() as f64 / UPDATES as f64
}

fn encoding() {
    println!("encoding");
    let schema = schema();
    let mut flight = Fields::default();
    let ops = FLIGHT.iter().map(|name| op(name, None, text("JFK")));
    flight.apply(&update(0, 1, 1, ops.collect()), &schema, false).expect("it fits");
    let mut big = Fields::default();
    let items = (0..10_000).map(|i| op("items", Some(sku(i)), Action::Add(1)));
    big.apply(&update(0, 1, 1, items.collect()), &schema, false).expect("it fits");
    for (what, fields, times) in [("12 registers", &flight, 20_000), ("map of 10k counters", &big, 50)] {
        let bytes = fields.encode();
        let start = Instant::now();
        (0..times).for_each(|_| drop(black_box(fields.encode())));
        let encode = start.elapsed().as_nanos() as f64 / f64::from(times);
        let start = Instant::now();
        (0..times).for_each(|_| drop(black_box(Fields::decode(&bytes))));
        let decode = start.elapsed().as_nanos() as f64 / f64::from(times);
        line(&format!("{what}, {} B: encode", bytes.len()), encode);
        line(&format!("{what}: decode"), decode);
    }
}

/// Two regions that were apart for 10 000 sets each.
fn ledger() {
    let schema = schema();
    let set = |region, n| {
        update(
            region,
            n,
            n,
            vec![op("note", None, Action::Set { value: Value::Int((n * 2 + u64::from(region)) as i64), by: None, rule: None })],
        )
    };
    let tail: Vec<_> = (0..2).flat_map(|region| (1..=10_000).map(move |n| (region, n))).map(|(region, n)| set(region, n)).collect();
    let tail: Vec<_> = tail.iter().collect();
    let start = Instant::now();
    let found = rows(&tail, &schema).len();
    println!("ledger of 20,000 sets in two regions apart: {found} row, {} ms", start.elapsed().as_millis());
}

fn schema() -> Vec<(&'static str, FieldKind)> {
    let latest = || FieldKind::Register(Policy::Latest);
    let map = |kind| FieldKind::Map(Box::new(kind));
    let mut kinds = vec![
        ("note", latest()),
        ("max", FieldKind::Register(Policy::Max)),
        ("count", FieldKind::Counter),
        ("flag", FieldKind::Flag),
        ("set", FieldKind::Set),
        ("items", map(FieldKind::Counter)),
    ];
    kinds.extend(FLIGHT.iter().map(|name| (*name, latest())));
    kinds
}

fn sku(i: u64) -> Value {
    Value::str(&format!("sku-{i:05}"))
}

fn text(text: &str) -> Action {
    Action::Set { value: Value::str(text), by: None, rule: None }
}

fn op(field: &str, key: Option<Value>, action: Action) -> Op {
    Op { field: Name::from(field), key, action }
}

/// The `n`-th update of a region that sees nobody else.
fn update(region: u16, n: u64, clock: u64, ops: Vec<Op>) -> Update {
    let incarnation = Incarnation::new(RegionId(region), 1_700_000_000_000);
    let seen = VersionVector::from_iter((n > 1).then(|| Dot { incarnation, n: n - 1 }));
    let order = Order { clock: Clock::from_ms(1_700_000_000_000 + clock), incarnation };
    Update { dot: Dot { incarnation, n }, seen, order, version: 1, ops }
}
