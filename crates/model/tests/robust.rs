//! No text is a panic: not as a model, not as an expression, not as arguments.

use proptest::prelude::*;
use sterna_crdt::Clock;
use sterna_model::*;

const PARTS: &[&str] = &[
    "state",
    "args",
    "id",
    "now",
    "it",
    ".",
    ".a",
    ".m",
    ".s",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    "'x'",
    "\\\"",
    "1",
    "-",
    "+",
    "*",
    "/",
    "%",
    "<",
    "==",
    "!=",
    "&&",
    "||",
    "!",
    "?",
    ":",
    ",",
    " in ",
    "null",
    "true",
    "size(",
    "sum(",
    "get(",
    "has(",
    "exists(x, ",
    ".map(y, ",
    "ä",
    "😀",
    " ",
    "9223372036854775807",
    "1.5",
    "`",
    "\\u0000",
    "state.n",
    "args.k",
    "state.m[args.k]",
    "duration('1h')",
    "timestamp(",
    "0x",
    "1u",
    "b'x'",
    "r'x'",
    "'''",
];

fn with_guard(expression: &str) -> String {
    format!(
        "version = 1\n[aggregate.t.fields]\na = \"string?\"\nn = \"int\"\nm = {{ map = \"counter\" }}\ns = {{ set = \"string\" }}\n\
         [aggregate.t.commands.c]\nargs = {{ k = \"string\", o = \"int?\" }}\nrequire = [{{ that = \"{expression}\", code = \"no\", else = \"no\" }}]\n\
         effects = [{{ add = \"{expression}\", to = \"m\", key = \"args.k\" }}]\n\
         [view.v]\nof = \"t\"\ncolumns = {{ x = \"{expression}\" }}\n"
    )
}

fn run(text: &str) {
    let (model, diagnostics) = parse(text);
    for diagnostic in &diagnostics {
        assert!(text.get(diagnostic.span.clone()).is_some(), "a span is a part of the text");
        diagnostic.render("m.toml", text);
    }
    assert_eq!(model.is_none(), diagnostics.iter().any(Diagnostic::is_error));
    let Some(model) = model else { return };
    for command in model.aggregates().iter().flat_map(AggregateType::commands) {
        let args = command.parse_args(br#"{"k":"x"}"#).unwrap_or_default();
        let input = Decide { id: "i", exists: true, state: &NoState, now: Clock::from_ms(1), region: "r", actor: "a" };
        let _ = command.decide(&input, &args);
    }
    for view in model.views() {
        view.rows(&DocView { id: "i", state: &NoState, created: Clock(1), updated: Clock(2) });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn expressions_of_likely_parts(parts in prop::collection::vec(prop::sample::select(PARTS), 0..24)) {
        run(&with_guard(&parts.concat()));
    }

    #[test]
    fn expressions_of_anything(text in "[^\"\\\\\\r\\n\\x00-\\x1f\\x7f]{0,60}") {
        run(&with_guard(&text));
    }

    #[test]
    fn arguments_of_anything(text in "[\\[\\]{}:,\"a-z0-9.eE+ -]{0,80}") {
        let model = parse(&with_guard("true")).0;
        prop_assert!(model.is_none(), "`true` is no int to add");
        let model = parse(include_str!("../../../examples/flights/flights.toml")).0.unwrap();
        let depart = model.aggregate("flight").unwrap().command("depart").unwrap();
        let _ = depart.parse_args(text.as_bytes());
        depart.stored_args(text.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn models_with_a_cut_or_a_slip(at in 0usize..4000, length in 0usize..12, with in "[\\[\\]{}=\"'a-z0-9?.,\\n ]{0,6}", which in 0usize..2) {
        let text = [include_str!("../../../examples/flights/flights.toml"), include_str!("../../../examples/shop.toml")][which];
        let from = (0..=at % text.len()).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let to = (from + length..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        run(&format!("{}{with}{}", &text[..from], &text[to..]));
    }
}

#[test]
fn the_deepest_expressions_fit_the_stack() {
    for (open, close) in [("(", ")"), ("[", "]"), ("!", ""), ("-", ""), ("size([", "])"), ("true ? ", " : 1"), ("{'a': ", "}")] {
        for depth in [5, 20, 60, 400] {
            run(&with_guard(&format!("{}1{}", open.repeat(depth), close.repeat(depth))));
        }
    }
    for chain in [".a", "+1", " == 1", "[0]", "&&true", "?1:1", ".b()"] {
        for length in [50, 200, 511] {
            run(&with_guard(&format!("args{}", chain.repeat(length))));
        }
    }
}
