//! The models in `examples/` load without a diagnostic, and do what they say.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use sterna_crdt::{Action, Clock, Fields, Value};
use sterna_model::*;

fn load(text: &str) -> Model {
    let (model, diagnostics) = parse(text);
    let shown: String = diagnostics.iter().map(|d| d.render("model.toml", text)).collect();
    assert!(diagnostics.is_empty(), "{shown}");
    model.expect("no diagnostic, so a model")
}

fn shop() -> Model {
    load(include_str!("../../../examples/shop.toml"))
}

fn flights() -> Model {
    load(include_str!("../../../examples/flights/flights.toml"))
}

fn decide(model: &Model, aggregate: &str, command: &str, state: &dyn StateView, args: &str) -> Result<Decision, Refusal> {
    let command = model.aggregate(aggregate).unwrap().command(command).unwrap();
    let args = command.parse_args(args.as_bytes()).unwrap();
    let input = Decide { id: "x", exists: true, state, now: Clock::from_ms(1), region: "eu", actor: "me" };
    command.decide(&input, &args)
}

#[test]
fn the_shop_adds_items_and_guards_removal() {
    let model = shop();
    let added = decide(&model, "cart", "add_item", &NoState, r#"{"sku":"tea","quantity":2}"#).unwrap();
    assert_eq!(added.ops.len(), 1);
    assert_eq!((&*added.ops[0].field, &added.ops[0].key, &added.ops[0].action), ("items", &Some(Value::str("tea")), &Action::Add(2)));
    let refused = decide(&model, "cart", "remove_item", &NoState, r#"{"sku":"tea"}"#).unwrap_err();
    assert!(matches!(refused, Refusal::Guard { code, .. } if &*code == "not-in-cart"));
}

#[test]
fn a_flight_has_a_row_for_each_end_and_one_contribution() {
    let model = flights();
    let flight = model.aggregate("flight").unwrap();
    let mut document = document(flight, &Fields::default());
    let mut set = |name: &str, value: Value| document[flight.field_index(name).unwrap()] = value;
    set("origin", Value::str("JFK"));
    set("dest", Value::str("LAX"));
    set("carrier", Value::str("UA"));
    set("month", Value::Int(1));
    set("distance", Value::Int(2475));
    set("arr_delay", Value::Int(16));
    set("status", Value::Enum { rank: 2, name: "arrived".into() });
    let doc = DocView { id: "f", state: &document, created: Clock::from_ms(1), updated: Clock::from_ms(2) };
    let Rows::Table(rows) = model.view("board").unwrap().rows(&doc).rows else { panic!("a table") };
    assert_eq!(rows.iter().map(|row| &row[0]).collect::<Vec<_>>(), [&Value::str("JFK"), &Value::str("LAX")]);
    let Rows::Rollup(contributions) = model.view("punctuality").unwrap().rows(&doc).rows else { panic!("a rollup") };
    let (one, null) = (Value::Int(1), Value::Null);
    assert_eq!(contributions[0].group, [Value::str("UA"), Value::Int(1)]);
    assert_eq!(contributions[0].values, [one.clone(), null.clone(), one.clone(), one, null, Value::Int(16), Value::Int(2475)]);
}

#[test]
fn an_arrival_makes_the_aircraft_fly() {
    let model = flights();
    let arrive = model.aggregate("flight").unwrap().command("arrive").unwrap();
    let args = arrive.parse_args(br#"{"tail":"N1","dest":"LAX","distance":2475,"arr_delay":null}"#).unwrap();
    let input = Decide { id: "f", exists: true, state: &NoState, now: Clock::from_ms(1), region: "eu", actor: "me" };
    assert_eq!(arrive.decide(&input, &args).unwrap().ops.len(), 4, "null delays set nothing");
    let [reaction] = model.reactions("flight", "arrive") else { panic!("one reaction") };
    let sent = reaction.evaluate(&model, &input, &args).unwrap();
    assert_eq!((sent.len(), &*sent[0].aggregate, &*sent[0].id, &*sent[0].command), (1, "aircraft", "N1", "fly"));
    assert_eq!(sent[0].args_json, r#"{"dest":"LAX","distance":2475}"#);
}
