//! Arguments: typed, defaulted, all mistakes at once with JSON pointers.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use sterna_crdt::Value;
use sterna_model::*;

const MODEL: &str = r#"
version = 2

[aggregate.order.fields]
lines = { map = "counter" }

[aggregate.order.commands.place]
args = { sku = { string = { min = 1, max = 8 } }, quantity = { int = { min = 1, max = 9, default = 1 } }, express = "bool?", on = "date?", at = "timestamp?", kind = { enum = ["gift", "own"], default = "own" }, tags = { list = "string", max = 2, default = [] }, to = { "object?" = { city = "string", "zip" = "int?" } }, big = "int?", amount = { "int?" = { min = 0 }, was = "sum" } }
effects = [{ add = "args.quantity", to = "lines", key = "args.sku" }]
upcast = { quantity = "get(args, 'qty', 1)" }
"#;

fn model() -> Model {
    parse(MODEL).0.unwrap()
}

fn parse_args(json: &str) -> Result<String, Vec<String>> {
    let model = model();
    let place = model.aggregate("order").unwrap().command("place").unwrap();
    let args = place.parse_args(json.as_bytes());
    args.map(|args| args.to_json(place)).map_err(|errors| errors.iter().map(|e| format!("{} {}", e.pointer, e.detail)).collect())
}

#[test]
fn what_is_stored_is_sorted_defaulted_and_without_nulls() {
    let cases = [
        (r#"{"sku":"a"}"#, r#"{"kind":"own","quantity":1,"sku":"a","tags":[]}"#),
        (r#" {"quantity" : 3, "sku":"a", "express":null, "kind":"gift"} "#, r#"{"kind":"gift","quantity":3,"sku":"a","tags":[]}"#),
        (
            r#"{"sku":"a","on":"2013-01-31","at":"2013-01-31T05:00:00-05:00","tags":["x","\u00e4"],"to":{"city":"K"},"big":-9007199254740991}"#,
            r#"{"at":"2013-01-31T10:00:00Z","big":-9007199254740991,"kind":"own","on":"2013-01-31","quantity":1,"sku":"a","tags":["x","ä"],"to":{"city":"K","zip":null}}"#,
        ),
        (r#"{"sku":"a","sum":5}"#, r#"{"kind":"own","quantity":1,"sku":"a","sum":5,"tags":[]}"#),
        (r#"{"sku":"a","amount":5}"#, r#"{"kind":"own","quantity":1,"sku":"a","sum":5,"tags":[]}"#),
    ];
    for (json, stored) in cases {
        assert_eq!(parse_args(json), Ok(stored.to_owned()), "{json}");
    }
}

#[test]
fn a_rename_and_a_new_optional_argument_leave_a_request_what_it_was() {
    let later = MODEL.replace("[aggregate.order.commands.place]", "[aggregate.order.commands.put]\nwas = \"place\"");
    let later = later.replace("sku = { string", "article = { was = \"sku\", string").replace("args.sku", "args.article");
    let later = later.replace("big = \"int?\"", "big = \"int?\", colour = { string = { default = \"red\" } }");
    let canonical = |text: &str, name: &str, json: &str| {
        let (model, diagnostics) = parse(text);
        let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
        let command = model.aggregate("order").unwrap().command(name).unwrap();
        let args = command.parse_args(json.as_bytes()).unwrap();
        format!("{} {}", command.stored(), args.canonical(command, &args.to_json(command)))
    };
    let was = canonical(MODEL, "place", r#"{"sku":"a","quantity":2}"#);
    assert_eq!(was, r#"place {"quantity":2,"sku":"a"}"#, "what is said by saying nothing is left out");
    assert_eq!(canonical(MODEL, "place", r#"{"sku":"a","quantity":2,"kind":"own","tags":[]}"#), was, "also if it is said");
    assert_eq!(canonical(&later, "place", r#"{"sku":"a","quantity":2}"#), was);
    assert_eq!(canonical(&later, "put", r#"{"article":"a","quantity":2,"colour":"red"}"#), was);
    assert_ne!(canonical(&later, "put", r#"{"article":"a","quantity":2,"colour":"blue"}"#), was);
}

#[test]
fn stored_arguments_are_shown_by_their_present_names() {
    let model = model();
    let place = model.aggregate("order").unwrap().command("place").unwrap();
    assert_eq!(place.shown_args(r#"{"sku":"a","sum":5}"#), r#"{"amount":5,"sku":"a"}"#);
    assert_eq!(place.shown_args("garbage"), "garbage");
}

#[test]
fn every_mistake_has_its_pointer() {
    let cases: &[(&str, &[&str])] = &[
        ("", &["/sku is missing"]),
        ("{", &[" this is not JSON: EOF while parsing an object at line 1 column 1"]),
        ("[]", &[" the arguments must be an object"]),
        ("7", &[" the arguments must be an object"]),
        (r#"{"sku":"a"} x"#, &[" this is not JSON: trailing characters at line 1 column 13"]),
        (
            r#"{"sku":7,"quantity":0,"express":"yes","on":"31.1.2013","kind":"owm","tags":["a",2,"c"],"to":{"zip":"x","town":1},"quantty":1}"#,
            &[
                "/sku must be a string",
                "/quantity must be at least 1",
                "/express must be true or false",
                "/on must be a date such as 2013-01-31",
                "/kind must be one of gift, own; did you mean `own`?",
                "/tags/1 must be a string",
                "/tags must have at most 2 elements",
                "/to/zip must be an integer",
                "/to/town there is no such member",
                "/to/city is missing",
                "/quantty there is no such argument; did you mean `quantity`?",
            ],
        ),
        (r#"{"sku":"a","sku":"b"}"#, &["/sku is given more than once"]),
        (r#"{"sku":"a","amount":1,"sum":2}"#, &["/amount is given more than once"]),
        (r#"{"sku":null}"#, &["/sku must not be null"]),
        (r#"{"sku":"123456789"}"#, &["/sku must have at most 8 characters"]),
        (r#"{"sku":""}"#, &["/sku must have at least 1 character"]),
        (r#"{"sku":"a","big":9007199254740992}"#, &["/big must be at most 2^53 − 1"]),
        (r#"{"sku":"a","big":99999999999999999999}"#, &["/big must be at most 2^53 − 1"]),
        (r#"{"sku":"a","big":1.5}"#, &["/big must be an integer"]),
        (r#"{"sku":"a","a/b~c":1}"#, &["/a~1b~0c there is no such argument"]),
        (r#"{"sku":{"deep":[1,{"x":2}]}}"#, &["/sku must be a string"]),
    ];
    for (json, expected) in cases {
        assert_eq!(parse_args(json).unwrap_err(), *expected, "{json}");
    }
}

#[test]
fn stored_arguments_are_read_under_a_newer_model() {
    let model = model();
    let place = model.aggregate("order").unwrap().command("place").unwrap();
    let old = place.stored_args(br#"{"sku":"a much longer one","qty":4,"gone":true,"sum":3,"express":"yes"}"#);
    let get = |name: &str| &old.values()[place.args.iter().position(|arg| &*arg.name == name).unwrap()];
    assert_eq!(get("sku"), &Value::str("a much longer one"), "today's rules are not for yesterday");
    assert_eq!(get("quantity"), &Value::Int(4), "by upcast");
    assert_eq!(get("amount"), &Value::Int(3), "by its old name");
    assert_eq!(get("express"), &Value::Null, "of another type");
    assert_eq!(place.stored_args(b"garbage").values().len(), place.args.len());
    let again = place.stored_args(old.to_json(place).as_bytes());
    assert_eq!(again, old);
}

#[test]
fn query_values_are_read_by_their_column() {
    let date = parse_query_value(&ValueType::Date, "2013-01-31").unwrap();
    assert_eq!(date, Value::Date(15_736));
    assert_eq!(parse_query_value(&ValueType::any_string(), "").unwrap(), Value::str(""));
    assert_eq!(parse_query_value(&ValueType::any_int(), "").unwrap(), Value::Null);
    assert!(parse_query_value(&ValueType::any_int(), "1x").is_err());
    assert!(parse_query_value(&ValueType::Enum(["a".into()].into()), "b").is_err());
}
