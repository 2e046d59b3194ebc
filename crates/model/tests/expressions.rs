//! What expressions give: each is a column of a view, over one aggregate with every kind of field.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use sterna_crdt::{Clock, Dot, Fields, Incarnation, Order, RegionId, Update, Value, VersionVector};
use sterna_model::*;

const MODEL: &str = r#"
version = 1

[aggregate.thing.fields]
n       = "int"
text    = "string"
none    = "int?"
day     = "date"
at      = "timestamp"
status  = { register = { enum = ["new", "paid", "sent"] }, on_conflict = "max" }
items   = { map = "counter" }
sizes   = { map = { register = "int" } }
tags    = { set = "string" }
vip     = "flag"
visits  = "counter"
where   = { object = { city = "string", zip = "int?" } }
numbers = { list = "int?" }

[aggregate.thing.commands.fill]
args = { place = { object = { city = "string", zip = "int?" } }, numbers = { list = "int?" } }
effects = [
    { set = "7", to = "n" },
    { set = "'Hello'", to = "text" },
    { set = "'2013-01-31'", to = "day" },
    { set = "timestamp('2013-01-31T05:00:00Z')", to = "at" },
    { set = "'paid'", to = "status" },
    { add = "2", to = "items", key = "'tea'" },
    { add = "3", to = "items", key = "'milk'" },
    { set = "20", to = "sizes", key = "1" },
    { set = "30", to = "sizes", key = "10" },
    { insert = "it", to = "tags", each = "['b', 'a']" },
    { set = "true", to = "vip" },
    { add = "-4", to = "visits" },
    { set = "args.place", to = "where" },
    { set = "args.numbers", to = "numbers" },
]
"#;

/// The value of `expression` over the merged state; the document must give the same.
fn eval(expression: &str) -> Result<String, String> {
    let quoted = format!("{expression:?}");
    let text = format!("{MODEL}\n[view.v]\nof = \"thing\"\ncolumns = {{ x = {quoted} }}\n");
    let (model, diagnostics) = parse(&text);
    let Some(model) = model else { return Err(diagnostics.iter().map(|d| d.message.clone()).collect::<Vec<_>>().join("; ")) };
    let thing = model.aggregate("thing").unwrap();
    let fill = thing.command("fill").unwrap();
    let args = fill.parse_args(br#"{"place":{"city":"Kiel"},"numbers":[1,null,3]}"#).unwrap();
    let input = Decide { id: "t1", exists: false, state: &NoState, now: Clock::from_ms(5), region: "eu", actor: "me" };
    let ops = fill.decide(&input, &args).unwrap().ops;
    let incarnation = Incarnation::new(RegionId(0), 1);
    let order = Order { clock: Clock::from_ms(5), incarnation };
    let mut fields = Fields::default();
    fields.apply(&Update { dot: Dot { incarnation, n: 1 }, seen: VersionVector::default(), order, version: 1, ops }, thing, false).unwrap();
    let merged = column(&model, &FieldsView::new(thing, &fields));
    assert_eq!(merged, column(&model, &document(thing, &fields)), "{expression}: state and document agree");
    merged
}

fn column(model: &Model, state: &dyn StateView) -> Result<String, String> {
    let doc = DocView { id: "t1", state, created: Clock::from_ms(5), updated: Clock::from_ms(3_600_005) };
    let evaluated = model.view("v").unwrap().rows(&doc);
    if let Some(error) = evaluated.failed.first() {
        return Err(error.to_string());
    }
    let Rows::Table(rows) = evaluated.rows else { panic!("a table") };
    let mut out = String::new();
    json::write_value(&rows[0][0], &mut out);
    Ok(out)
}

fn check(cases: &[(&str, &str)]) {
    for (expression, expected) in cases {
        assert_eq!(eval(expression).unwrap_or_else(|error| format!("! {error}")), *expected, "{expression}");
    }
}

#[test]
fn operators_work_on_our_types() {
    check(&[
        ("1 + 2 * 3 - 8 / 3 % 2", "7"),
        ("-7 / 2", "-3"),
        ("-7 % 3", "-1"),
        ("'a' + 'b' == 'ab'", "true"),
        ("!(1 < 2) || 2 >= 2 && 3 != 4", "true"),
        ("state.n != null && state.n > 6", "true"),
        ("state.n == null ? 0 : state.n + 1", "8"),
        ("state.status == 'paid'", "true"),
        ("state.status != null && state.status < 'sent'", "true"),
        ("state.status in ['paid', 'sent']", "true"),
        ("state.day == '2013-01-31'", "true"),
        ("state.day != null ? state.day + 1 : date('2000-01-01')", "\"2013-02-01\""),
        ("state.at != null && state.at - timestamp('2013-01-30T05:00:00Z') == duration('24h')", "true"),
        ("updated_at - created_at > duration('59m')", "true"),
        ("date(updated_at)", "\"1970-01-01\""),
        ("[1, 2] + [3]", "[1,2,3]"),
        ("{'b': 1, 'a': 'x'}", "{\"a\":\"x\",\"b\":1}"),
        ("{'b': 1}.b", "1"),
        ("id + '!'", "\"t1!\""),
    ]);
}

#[test]
fn collections_are_read_where_they_are() {
    check(&[
        ("'tea' in state.items && !('beer' in state.items)", "true"),
        ("state.items['tea'] + state.items.milk", "5"),
        ("get(state.items, 'beer', 9)", "9"),
        ("sum(state.items)", "5"),
        ("max(state.items)", "3"),
        ("size(state.tags) + size(state.items) + size('äö')", "6"),
        ("state.tags", "[\"a\",\"b\"]"),
        ("'a' in state.tags", "true"),
        ("state.items", "{\"milk\":3,\"tea\":2}"),
        ("state.items.exists(k, k.startsWith('t'))", "true"),
        ("state.items.all(k, state.items[k] > 2)", "false"),
        ("state.tags.map(t, t + '1')", "[\"a1\",\"b1\"]"),
        ("state.tags.filter(t, t > 'a')", "[\"b\"]"),
        ("[1, 2, 3].exists_one(x, x > 2)", "true"),
        ("state.sizes", "{\"1\":20,\"10\":30}"),
        ("state.sizes[10]", "30"),
        ("10 in state.sizes", "true"),
        ("state.vip ? state.visits : 0", "-4"),
        ("state.numbers != null ? sum(state.numbers) : 0", "4"),
        ("state.numbers != null ? min(state.numbers) : null", "1"),
        ("state.numbers != null ? state.numbers[2] : null", "3"),
        ("state.where != null ? state.where.city : ''", "\"Kiel\""),
        ("has(state.where.zip)", "! `state.where` may be null here"),
        ("state.where != null && has(state.where.zip)", "false"),
        ("[1, 2, 3][0]", "1"),
        ("['a', 'b'][1]", "\"b\""),
    ]);
}

#[test]
fn functions_beyond_cel_are_there() {
    check(&[
        ("lower('ÄB')", "\"äb\""),
        ("split('a,b,,c', ',')", "[\"a\",\"b\",\"\",\"c\"]"),
        ("min(3, 1, 2)", "1"),
        ("max(state.none, 2)", "2"),
        ("max(state.none, state.none)", "null"),
        ("min([])", "! this must be a value that a column can hold, and is nothing"),
        ("sum([])", "0"),
        ("'abc'.contains('b') && 'abc'.endsWith('c')", "true"),
        ("'A12'.matches('^[A-Z][0-9]+$')", "true"),
        ("string(12) + string(state.vip)", "\"12true\""),
        ("int('-5')", "-5"),
    ]);
}

#[test]
fn errors_at_run_time_are_values_too() {
    check(&[
        ("9007199254740991 * 9007199254740991", "! an integer overflows"),
        ("1 / (1 - 1)", "! a division by zero"),
        ("state.items['beer']", "! there is no `beer`"),
        ("[1][1]", "! there is no `1`"),
        ("int('x')", "! `x` is not an int"),
        ("date('2013-02-' + '30')", "! `2013-02-30` is not a date"),
        ("true || 1 / (1 - 1) == 1", "true"),
    ]);
}

#[test]
fn null_is_narrowed_by_what_was_tested() {
    check(&[
        ("state.none != null && state.none > 1", "false"),
        ("state.none == null || state.none > 1", "true"),
        ("!(state.none == null) && state.none > 1", "false"),
        ("has(state.none) ? state.none : 1", "1"),
        ("state.none != null ? state.none : state.n", "7"),
        ("state.none > 1", "! `state.none` may be null here"),
        ("state.none != null || state.none > 1", "! `state.none` may be null here"),
        ("state.none", "null"),
    ]);
}

#[test]
fn a_view_of_events_reads_their_arguments() {
    let text = format!(
        "{MODEL}\n[view.v]\nevents = \"thing.fill\"\ncolumns = {{ of = \"event.aggregate_id\", city = \"event.args.place.city\", by = \"event.actor\" }}\n"
    );
    let model = parse(&text).0.unwrap();
    let fill = model.aggregate("thing").unwrap().command("fill").unwrap();
    let args = fill.stored_args(br#"{"numbers":[],"place":{"city":"Kiel"}}"#);
    let event = EventView {
        id: "1.2.3",
        aggregate: "thing",
        command: "fill",
        aggregate_id: "t1",
        args: &args,
        at: Clock::from_ms(1),
        region: "eu",
        actor: "me",
    };
    let rows = model.view("v").unwrap().event_rows(&event);
    assert_eq!(rows.rows, Rows::Table(vec![vec![Value::str("t1"), Value::str("Kiel"), Value::str("me")]]));
    let other = EventView { command: "other", ..event };
    assert!(model.view("v").unwrap().event_rows(&other).rows.is_empty(), "other events have no rows");
}

/// Nested runs over long lists end: as an error, and soon.
#[test]
fn work_is_bounded() {
    let text = r#"
version = 1

[aggregate.t.fields]
n = "int"

[aggregate.t.commands.cross]
args    = { list = { list = "int", max = 10000 } }
effects = [{ set = "size(args.list.filter(x, args.list.exists(y, x + y < 0)))", to = "n" }]

[aggregate.t.commands.find]
args    = { list = { list = "int", max = 10000 } }
effects = [{ set = "size(args.list.filter(x, -x in args.list))", to = "n" }]

[aggregate.t.commands.grow]
args    = { list = { list = "int", max = 10000 }, text = "string" }
effects = [{ set = "size(args.list.map(x, args.text + args.text))", to = "n" }]
"#;
    let model = parse(text).0.unwrap();
    let run = |name: &str, items: usize, chars: usize| {
        let command = model.aggregate("t").unwrap().command(name).unwrap();
        let list = vec!["1"; items].join(",");
        let text = if name == "grow" { format!(",\"text\":\"{}\"", "x".repeat(chars)) } else { String::new() };
        let args = command.parse_args(format!("{{\"list\":[{list}]{text}}}").as_bytes()).unwrap();
        let input = Decide { id: "t", exists: false, state: &NoState, now: Clock::from_ms(1), region: "eu", actor: "" };
        command.decide(&input, &args).map(|decision| decision.ops.len()).map_err(|refusal| refusal.to_string())
    };
    for (name, fine, too_large) in
        [("cross", (300, 0), (10_000, 0)), ("find", (300, 0), (10_000, 0)), ("grow", (300, 1000), (10_000, 60_000))]
    {
        assert_eq!(run(name, fine.0, fine.1), Ok(1), "{name}");
        let refused = run(name, too_large.0, too_large.1).unwrap_err();
        assert!(refused.ends_with("is too large"), "{name}: {refused}");
    }
}
