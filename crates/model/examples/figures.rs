//! What one evaluation costs: `cargo run --release -p sterna-model --example figures`.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout, reason = "a measurement on a terminal")]

use std::hint::black_box;
use std::time::Instant;
use sterna_crdt::{Clock, Dot, Fields, Incarnation, Order, RegionId, Update, VersionVector};
use sterna_model::*;

fn main() {
    let text = include_str!("../../../examples/flights/flights.toml");
    let started = Instant::now();
    let flights = parse(text).0.unwrap();
    println!("{:>9.1} µs  load flights.toml", started.elapsed().as_secs_f64() * 1e6);
    let shop = parse(include_str!("../../../examples/shop.toml")).0.unwrap();

    let depart = flights.aggregate("flight").unwrap().command("depart").unwrap();
    let json = br#"{"carrier":"UA","number":1545,"origin":"EWR","dest":"IAH","day":"2013-01-01","month":1,"sched_dep":515,"distance":1400,"tail":"N14228","dep_delay":2}"#;
    let args = depart.parse_args(json).unwrap();
    let input = Decide { id: "20130101-UA-1545-EWR", exists: false, state: &NoState, now: Clock::from_ms(1), region: "us-east", actor: "" };
    time("parse_args of depart (10 arguments)", || depart.parse_args(black_box(json)).unwrap());
    time("decide depart (11 sets)", || depart.decide(black_box(&input), &args).unwrap());
    time("to_json and canonical", || args.canonical(depart, &args.to_json(depart)).len());

    let arrive = flights.aggregate("flight").unwrap().command("arrive").unwrap();
    let arrived = arrive.parse_args(br#"{"tail":"N14228","dest":"IAH","distance":1400,"arr_delay":11,"air_time":227}"#).unwrap();
    let reaction = &flights.reactions("flight", "arrive")[0];
    time("decide arrive (6 sets)", || arrive.decide(black_box(&input), &arrived).unwrap());
    time("evaluate the reaction", || reaction.evaluate(&flights, black_box(&input), &arrived).unwrap());

    let cart = shop.aggregate("cart").unwrap();
    let mut fields = Fields::default();
    for (n, command, args) in [(1, "add_item", r#"{"sku":"tea","quantity":2}"#), (2, "apply_coupon", r#"{"code":"SAVE10"}"#)] {
        apply(cart, &mut fields, n, command, args);
    }
    let view = FieldsView::new(cart, &fields);
    let input = Decide { state: &view, exists: true, ..input };
    let remove = cart.command("remove_item").unwrap();
    let tea = remove.parse_args(br#"{"sku":"tea"}"#).unwrap();
    let coffee = remove.parse_args(br#"{"sku":"coffee"}"#).unwrap();
    time("guard `args.sku in state.items`, refused", || remove.decide(black_box(&input), &coffee).unwrap_err());
    time("the same, accepted, with its effect", || remove.decide(black_box(&input), &tea).unwrap());
    let apply_coupon = cart.command("apply_coupon").unwrap();
    let coupon = apply_coupon.parse_args(br#"{"code":"SAVE20"}"#).unwrap();
    time("guard `size(state.coupons) < 3` with its effect", || apply_coupon.decide(black_box(&input), &coupon).unwrap());

    let flight = flights.aggregate("flight").unwrap();
    let mut fields = Fields::default();
    apply(flight, &mut fields, 1, "depart", std::str::from_utf8(json).unwrap());
    let state = document(flight, &fields);
    time("document of a flight (13 fields)", || document(flight, black_box(&fields)));
    let doc = DocView { id: "20130101-UA-1545-EWR", state: &state, created: Clock::from_ms(1), updated: Clock::from_ms(1) };
    for name in ["board", "punctuality", "routes"] {
        let view = flights.view(name).unwrap();
        time(&format!("rows of {name}"), || view.rows(black_box(&doc)));
    }
    let mut out = String::new();
    time("the state as JSON", || {
        out.clear();
        json::write_state(flight, black_box(&state), &mut out);
        out.len()
    });
}

fn apply(aggregate: &AggregateType, fields: &mut Fields, n: u64, command: &str, args: &str) {
    let command = aggregate.command(command).unwrap();
    let args = command.parse_args(args.as_bytes()).unwrap();
    let view = FieldsView::new(aggregate, fields);
    let decision =
        command.decide(&Decide { id: "x", exists: true, state: &view, now: Clock::from_ms(n), region: "", actor: "" }, &args).unwrap();
    let incarnation = Incarnation::new(RegionId(0), 1);
    let seen: VersionVector = (n > 1).then_some(Dot { incarnation, n: n - 1 }).into_iter().collect();
    let update =
        Update { dot: Dot { incarnation, n }, seen, order: Order { clock: Clock::from_ms(n), incarnation }, version: 1, ops: decision.ops };
    fields.apply(&update, aggregate, false).unwrap();
}

fn time<T>(what: &str, mut run: impl FnMut() -> T) {
    const TIMES: u32 = 200_000;
    for _ in 0..TIMES / 10 {
        black_box(run());
    }
    let (wall, cpu) = (Instant::now(), cpu_ns());
    for _ in 0..TIMES {
        black_box(run());
    }
    let spent_ns = cpu_ns().zip(cpu).map_or(wall.elapsed().as_nanos() as f64, |(after, before)| (after - before) as f64);
    println!("{:>9.1} ns  {what}", spent_ns / f64::from(TIMES));
}

/// What this thread has run, whatever else the machine did meanwhile.
fn cpu_ns() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}
