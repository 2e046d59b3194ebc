//! The parts of the language that the examples leave out: policies, homes, reactions with refusals, deletes, evolution.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use sterna_crdt::{Action, Clock, FieldKind, Policy, RegionId, Value};
use sterna_model::*;

const BANK: &str = r#"
version = 3
idempotency_window = "48h"

[aggregate.account]
home = "us-east"
delete_wins = true
was = "wallet"

[aggregate.account.fields]
balance = "counter"
owner   = { register = "string", on_conflict = { prefer = ["eu-west", "us-east"] } }
limit   = { register = "int", on_conflict = { max_by = "args.priority" } }
frozen  = "flag"
stock   = { counter = { min = 0, max = 9 } }
notes   = { map = { set = "string" } }

[aggregate.account.commands.debit]
args    = { amount = { int = { min = 1 } }, to = "string" }
require = [{ that = "!state.frozen", code = "frozen", else = "the account is frozen" }]
effects = [{ add = "-args.amount", to = "balance" }]

[aggregate.account.commands.credit]
on      = "present"
args    = { amount = { int = { min = 1, max = 100 } } }
effects = [{ add = "args.amount", to = "balance" }]

[aggregate.account.commands.refund]
args    = { amount = "int", reason = { string = { default = "refused" } } }
effects = [{ add = "args.amount", to = "balance" }]

[aggregate.account.commands.settle]
was     = "agree"
args    = { limit = "int", priority = "int", tags = { list = "string" } }
effects = [
    { set = "args.limit", to = "limit" },
    { set = "args.limit < 0", to = "frozen" },
    { insert = "it", to = "notes", key = "actor", each = "args.tags", when = "it != ''" },
    { remove = "'old'", from = "notes", key = "actor" },
]

[aggregate.account.commands.close]
on      = "present"
effects = [{ delete = true, when = "state.balance == 0" }]

[view.statement]
events  = ["account.debit", "account.credit"]
columns = { account = "event.aggregate_id", amount = "event.args.amount", event = "event.name" }

[view.owners]
of    = "account"
group = { owner = "state.owner" }
avg   = { mean = "state.balance" }
min   = { least = "state.limit" }

[reaction.credit]
on      = "account.debit"
when    = "args.to != id"
each    = "split(args.to, '+')"
send    = "account.credit"
to      = "it"
args    = { amount = "args.amount" }
refused = { send = "account.refund", to = "id", args = { amount = "args.amount" } }
"#;

fn bank() -> Model {
    let (model, diagnostics) = parse_with(BANK, Some(&["us-east", "us-central", "eu-west"]));
    let errors: Vec<_> = diagnostics.iter().filter(|d| d.severity != Severity::Note).collect();
    assert!(errors.is_empty(), "{errors:?}");
    model.unwrap()
}

fn input(state: &dyn StateView) -> Decide<'_> {
    Decide { id: "a1", exists: true, state, now: Clock::from_ms(1), region: "us-east", actor: "eve" }
}

fn with(model: &Model, values: &[(&str, Value)]) -> Vec<Value> {
    let account = model.aggregate("account").unwrap();
    let mut state = document(account, &sterna_crdt::Fields::default());
    values.iter().for_each(|(name, value)| state[account.field_index(name).unwrap()] = value.clone());
    state
}

#[test]
fn policies_homes_and_bounds_are_compiled() {
    let model = bank();
    let account = model.aggregate("account").unwrap();
    let kind = |name: &str| &account.fields()[account.field_index(name).unwrap()].kind;
    assert_eq!(kind("owner"), &FieldKind::Register(Policy::Prefer(vec![RegionId(2), RegionId(0)])));
    assert_eq!(kind("limit"), &FieldKind::Register(Policy::MaxBy));
    assert_eq!(kind("stock"), &FieldKind::Bounded { min: Some(0), max: Some(9) });
    assert_eq!(kind("notes"), &FieldKind::Map(Box::new(FieldKind::Set)));
    assert_eq!((account.home.as_ref(), account.delete_wins), (Some(&Home::Region("us-east".into())), true));
    assert_eq!((model.version, model.idempotency_window_ms), (3, 48 * 3_600_000));
}

#[test]
fn regions_that_do_not_exist_are_told() {
    let (model, diagnostics) = parse_with(BANK, Some(&["us-west", "eu-west"]));
    assert!(model.is_none());
    let found: Vec<_> = diagnostics.iter().filter(|d| d.code == "unknown-region").map(|d| (d.severity, d.line)).collect();
    assert_eq!(found, [(Severity::Error, 6), (Severity::Warning, 12)]);
}

#[test]
fn effects_run_for_each_element_and_only_when_they_should() {
    let model = bank();
    let settle = model.aggregate("wallet").unwrap().command("agree").unwrap();
    let args = settle.parse_args(br#"{"limit":-5,"priority":7,"tags":["x","","y"]}"#).unwrap();
    let ops = settle.decide(&input(&NoState), &args).unwrap().ops;
    let shown: Vec<_> = ops.iter().map(|op| (&*op.field, op.key.clone(), op.action.clone())).collect();
    let eve = Some(Value::str("eve"));
    assert_eq!(
        shown,
        [
            ("limit", None, Action::Set { value: Value::Int(-5), by: Some(Value::Int(7)), rule: Some(Box::new(Policy::MaxBy)) }),
            ("frozen", None, Action::Set { value: Value::Bool(true), by: None, rule: None }),
            ("notes", eve.clone(), Action::Insert(Value::str("x"))),
            ("notes", eve.clone(), Action::Insert(Value::str("y"))),
            ("notes", eve, Action::Remove(Value::str("old"))),
        ]
    );
}

#[test]
fn a_delete_carries_what_the_type_says() {
    let model = bank();
    let close = model.aggregate("account").unwrap().command("close").unwrap();
    assert_eq!(close.on, On::Present);
    let empty = close.decide(&input(&NoState), &Args::default()).unwrap();
    assert_eq!(empty.ops[0].action, Action::Delete { wins: true });
    let full = with(&model, &[("balance", Value::Int(3))]);
    assert!(close.decide(&input(&full), &Args::default()).unwrap().ops.is_empty());
}

#[test]
fn a_reaction_sends_to_each_and_knows_what_to_do_on_refusal() {
    let model = bank();
    let debit = model.aggregate("account").unwrap().command("debit").unwrap();
    let [reaction] = model.reactions("wallet", "debit") else { panic!("one reaction") };
    let send = |args: &str| {
        let args = debit.parse_args(args.as_bytes()).unwrap();
        reaction
            .evaluate(&model, &input(&NoState), &args)
            .map(|sent| sent.into_iter().map(|out| (out.id, out.args_json)).collect::<Vec<_>>())
    };
    let credit = r#"{"amount":5}"#.to_owned();
    assert_eq!(send(r#"{"amount":5,"to":"b+c"}"#).unwrap(), [("b".to_owned(), credit.clone()), ("c".to_owned(), credit)]);
    assert_eq!(send(r#"{"amount":5,"to":"a1"}"#).unwrap(), [], "`when` is false");
    assert!(send(r#"{"amount":5,"to":"not an id"}"#).is_err());
    assert!(send(r#"{"amount":500,"to":"b"}"#).is_err(), "the target's rules hold at the cause");
    let args = debit.parse_args(br#"{"amount":5,"to":"b"}"#).unwrap();
    let refund = reaction.evaluate_refused(&model, &input(&NoState), &args).unwrap().unwrap();
    assert_eq!((&*refund.command, &*refund.id, &*refund.args_json), ("refund", "a1", r#"{"amount":5,"reason":"refused"}"#));
}

#[test]
fn guards_answer_in_order_and_errors_refuse() {
    let model = bank();
    let debit = model.aggregate("account").unwrap().command("debit").unwrap();
    let args = debit.parse_args(br#"{"amount":5,"to":"b"}"#).unwrap();
    let frozen = with(&model, &[("frozen", Value::Bool(true))]);
    let refusal = debit.decide(&input(&frozen), &args).unwrap_err();
    assert_eq!(refusal, Refusal::Guard { code: "frozen".into(), message: "the account is frozen".into() });
}

#[test]
fn a_view_of_events_follows_each_of_its_commands() {
    let model = bank();
    let statement = model.view("statement").unwrap();
    let account = model.aggregate("account").unwrap();
    for (command, json) in [("debit", r#"{"amount":5,"to":"b"}"#), ("credit", r#"{"amount":5}"#)] {
        let args = account.command(command).unwrap().stored_args(json.as_bytes());
        let event =
            EventView { id: "e", aggregate: "wallet", command, aggregate_id: "a1", args: &args, at: Clock(0), region: "r", actor: "" };
        let expected = vec![Value::str("a1"), Value::Int(5), Value::str(command)];
        assert_eq!(statement.event_rows(&event).rows, Rows::Table(vec![expected]));
    }
    assert_eq!(model.views_of_event("wallet", "credit").count(), 1);
    assert_eq!(model.views_of("wallet").count(), 1);
}

#[test]
fn the_hash_is_of_what_is_declared_and_a_view_keeps_its_own() {
    let spaced = BANK.replace(" = ", "=").replace("[view.statement]", "# a comment\n[view.statement]");
    let (one, same) = (parse(BANK).0.unwrap(), parse(&spaced).0.unwrap());
    assert_eq!(one.hash, same.hash);
    let other = parse(&BANK.replace("min   = { least", "max   = { least")).0.unwrap();
    assert_ne!(one.hash, other.hash);
    let hash = |model: &Model, view: &str| model.view(view).unwrap().hash;
    assert_eq!(hash(&one, "statement"), hash(&other, "statement"));
    assert_ne!(hash(&one, "owners"), hash(&other, "owners"));
}
