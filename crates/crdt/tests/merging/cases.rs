//! Cases worth a name.

use crate::history::{op, schema, set};
use sterna_crdt::conflicts::{Rule, rows};
use sterna_crdt::{
    Action, ApplyError, Clock, Dot, FieldKind, Fields, Incarnation, Name, Op, Order, Policy, RegionId, Side, Update, Value, VersionVector,
};

fn update(region: u16, n: u64, clock: u64, seen: &[&Update], ops: Vec<Op>) -> Update {
    let incarnation = Incarnation::new(RegionId(region), 1);
    let mut vector: VersionVector = seen.iter().map(|u| u.dot).collect();
    seen.iter().for_each(|u| vector.join(&u.seen));
    Update { dot: Dot { incarnation, n }, seen: vector, order: Order { clock: Clock(clock), incarnation }, version: 1, ops }
}

fn merged(updates: &[&Update]) -> Fields {
    let mut fields = Fields::default();
    updates.iter().for_each(|update| fields.apply(update, &schema(), true).unwrap());
    fields
}

fn key() -> Option<Value> {
    Some(Value::Int(1))
}

fn value(fields: &Fields, name: &str) -> Value {
    let schema = schema();
    let (_, kind) = schema.iter().find(|(n, _)| *n == name).unwrap();
    fields.value(name, kind)
}

#[test]
fn a_removed_key_keeps_what_was_added_beside_the_removal() {
    let first = update(0, 1, 1, &[], vec![op("counts", key(), Action::Add(10))]);
    let removal = update(0, 2, 2, &[&first], vec![op("counts", key(), Action::RemoveKey)]);
    let beside = update(1, 1, 3, &[&first], vec![op("counts", key(), Action::Add(3))]);
    for order in [[&first, &removal, &beside], [&first, &beside, &removal]] {
        let counts = merged(&order);
        assert_eq!(value(&counts, "counts"), Value::Object(vec![(Name::from("1"), Value::Int(3))]));
    }
    let ledger = rows(&[&first, &removal, &beside], &schema());
    assert_eq!(ledger.len(), 1);
    assert_eq!((ledger[0].rule, ledger[0].loser, ledger[0].winner), (Rule::AddWins, removal.dot, Some(beside.dot)));
}

#[test]
fn a_loser_is_visible_again_when_the_winner_is_removed_by_who_had_not_seen_it() {
    let loser = update(0, 1, 1, &[], vec![op("latests", key(), set(1))]);
    let winner = update(1, 1, 2, &[], vec![op("latests", key(), set(2))]);
    let removal = update(1, 2, 3, &[&winner], vec![op("latests", key(), Action::RemoveKey)]);
    let both = merged(&[&loser, &winner]);
    assert_eq!(both.field("latests").unwrap().map_get(&Value::Int(1), &schema()[8].1), Some(Value::Int(2)));
    let after = merged(&[&loser, &winner, &removal]);
    assert_eq!(value(&after, "latests"), Value::Object(vec![(Name::from("1"), Value::Int(1))]));
}

#[test]
fn a_concurrent_update_survives_a_delete_unless_the_delete_wins() {
    let first = update(0, 1, 1, &[], vec![op("count", None, Action::Add(5)), op("latest", None, set(1))]);
    let beside = update(1, 1, 3, &[&first], vec![op("count", None, Action::Add(2))]);
    let delete = |wins| update(0, 2, 2, &[&first], vec![op("", None, Action::Delete { wins })]);
    for (wins, count, present, rule) in [(false, 2, true, Rule::Delete), (true, 0, false, Rule::DeleteWins)] {
        let delete = delete(wins);
        for order in [[&first, &delete, &beside], [&first, &beside, &delete]] {
            let fields = merged(&order);
            assert_eq!((value(&fields, "count"), fields.present()), (Value::Int(count), present));
            assert_eq!(value(&fields, "latest"), Value::Null);
            assert_eq!(rows(&order, &schema()).iter().map(|row| row.rule).collect::<Vec<_>>(), [rule]);
        }
    }
}

#[test]
fn a_lower_value_shows_once_the_maximum_is_removed_by_who_had_not_seen_it() {
    let high = update(0, 1, 1, &[], vec![op("maxes", key(), set(9))]);
    let low = update(1, 1, 2, &[], vec![op("maxes", key(), set(4))]);
    let removal = update(0, 2, 3, &[&high], vec![op("maxes", key(), Action::RemoveKey)]);
    let fields = merged(&[&high, &low, &removal]);
    assert_eq!(value(&fields, "maxes"), Value::Object(vec![(Name::from("1"), Value::Int(4))]));
}

#[test]
fn equal_values_are_no_conflict_and_different_ones_are() {
    let sets = |value| [update(0, 1, 1, &[], vec![op("latest", None, set(1))]), update(1, 1, 2, &[], vec![op("latest", None, set(value))])];
    let [a, b] = sets(1);
    assert!(rows(&[&a, &b], &schema()).is_empty());
    let [a, b] = sets(2);
    let ledger = rows(&[&b, &a], &schema());
    assert_eq!(ledger.len(), 1);
    assert_eq!((ledger[0].loser, ledger[0].winner, ledger[0].rule.name()), (a.dot, Some(b.dot), "latest"));
    assert_eq!((&ledger[0].lost, &ledger[0].won), (&Some(Value::Int(1)), &Some(Value::Int(2))));
}

#[test]
fn sums_beyond_an_int_are_kept_and_clamped_when_read() {
    let a = update(0, 1, 1, &[], vec![op("count", None, Action::Add(i64::MAX))]);
    let b = update(1, 1, 2, &[], vec![op("count", None, Action::Add(i64::MAX))]);
    let back = update(0, 2, 3, &[&a, &b], vec![op("count", None, Action::Add(-i64::MAX))]);
    assert_eq!(value(&merged(&[&a, &b]), "count"), Value::Int(i64::MAX));
    assert_eq!(value(&merged(&[&a, &b, &back]), "count"), Value::Int(i64::MAX));
    let decoded = Fields::decode(&merged(&[&a, &b]).encode()).unwrap();
    assert_eq!(decoded, merged(&[&a, &b]));
}

#[test]
fn an_update_that_does_not_fit_changes_nothing() {
    let good = op("count", None, Action::Add(1));
    let bad = [
        op("nowhere", None, Action::Add(1)),
        op("count", None, set(1)),
        op("count", key(), Action::Add(1)),
        op("counts", None, Action::Add(1)),
        op("count", None, Action::RemoveKey),
        op("flag", None, set(1)),
        op("bounded", None, Action::Give { amount: 1, to: RegionId(0), from: None }),
    ];
    for bad in bad {
        let mut fields = Fields::default();
        let error = fields.apply(&update(0, 1, 1, &[], vec![good.clone(), bad.clone()]), &schema(), true).unwrap_err();
        assert_eq!(matches!(error, ApplyError::UnknownField { .. }), &*bad.field == "nowhere", "{error}");
        assert_eq!(fields, Fields::default());
    }
}

#[test]
fn a_field_of_another_kind_parks() {
    let first = update(0, 1, 1, &[], vec![op("count", None, Action::Add(1))]);
    let mut fields = merged(&[&first]);
    let changed = vec![("count", FieldKind::Set)];
    let second = update(0, 2, 2, &[&first], vec![op("count", None, Action::Insert(Value::Null))]);
    let error = fields.apply(&second, &changed, true).unwrap_err();
    assert_eq!(error, ApplyError::StateUnfit { field: Name::from("count") });
}

#[test]
fn rights_are_kept_by_giver_and_receiver() {
    let add = update(0, 1, 1, &[], vec![op("bounded", None, Action::Add(10))]);
    let give = update(0, 2, 2, &[&add], vec![op("bounded", None, Action::Give { amount: 4, to: RegionId(1), from: None })]);
    let spend = update(1, 1, 3, &[&add, &give], vec![op("bounded", None, Action::Add(-3))]);
    let fields = merged(&[&add, &give, &spend]);
    assert_eq!(value(&fields, "bounded"), Value::Int(7));
    let rights = |of, side| fields.field("bounded").unwrap().rights(RegionId(of), side, &|_| true);
    assert_eq!([0, 1, 2].map(|of| rights(of, Side::Down)), [6, 1, 0]);
    assert_eq!([0, 1, 2].map(|of| rights(of, Side::Up)), [-10, 3, 0]);
}

#[test]
fn what_may_become_void_brings_no_rights_and_takes_them_at_once() {
    let add = update(0, 1, 1, &[], vec![op("bounded", None, Action::Add(10))]);
    let spend = update(0, 2, 2, &[&add], vec![op("bounded", None, Action::Add(-3))]);
    let give = update(0, 3, 3, &[&add, &spend], vec![op("bounded", None, Action::Give { amount: -2, to: RegionId(1), from: None })]);
    let mut fields = merged(&[&add, &spend, &give]);
    let rights = |fields: &Fields, of, side| fields.field("bounded").unwrap().rights(RegionId(of), side, &|_| false);
    assert_eq!((rights(&fields, 0, Side::Down), rights(&fields, 0, Side::Up)), (-3, -12));
    assert_eq!((rights(&fields, 1, Side::Down), rights(&fields, 1, Side::Up)), (0, 2));
    fields.close(&add, &schema());
    assert_eq!((rights(&fields, 0, Side::Down), rights(&fields, 0, Side::Up)), (7, -12));
    fields.close(&spend, &schema());
    assert_eq!((rights(&fields, 0, Side::Down), rights(&fields, 0, Side::Up)), (7, -9));
    assert_eq!(Fields::decode(&fields.encode()).unwrap(), fields);
}

#[test]
fn a_region_s_heir_writes_its_row() {
    let add = update(0, 1, 1, &[], vec![op("bounded", None, Action::Add(10))]);
    let spend = update(0, 2, 2, &[&add], vec![op("bounded", None, Action::Add(-3))]);
    let give = Action::Give { amount: 7, to: RegionId(1), from: Some(RegionId(0)) };
    let inherit = update(1, 1, 3, &[&add, &spend], vec![op("bounded", None, give)]);
    let mut fields = merged(&[&add, &spend, &inherit]);
    let rights = |fields: &Fields, of| fields.field("bounded").unwrap().rights(RegionId(of), Side::Down, &|_| true);
    assert_eq!((rights(&fields, 0), rights(&fields, 1)), (0, 7));
    [&add, &spend, &inherit].iter().for_each(|update| fields.close(update, &schema()));
    assert_eq!((rights(&fields, 0), rights(&fields, 1)), (0, 7));
    let mut closed = Fields::default();
    [&add, &spend, &inherit].iter().for_each(|update| closed.apply(update, &schema(), false).unwrap());
    assert_eq!(fields, closed);
}

#[test]
fn a_delete_leaves_a_bounded_counter_and_a_transfer_revives_nothing() {
    let add = update(0, 1, 1, &[], vec![op("bounded", None, Action::Add(10)), op("count", None, Action::Add(1))]);
    for wins in [false, true] {
        let delete = update(0, 2, 2, &[&add], vec![op("", None, Action::Delete { wins })]);
        let spend = update(1, 1, 2, &[&add], vec![op("bounded", None, Action::Add(-3))]);
        let give = update(0, 3, 9, &[&add, &delete], vec![op("bounded", None, Action::Give { amount: 4, to: RegionId(1), from: None })]);
        for order in [[&add, &delete, &spend, &give], [&add, &spend, &delete, &give], [&add, &delete, &give, &spend]] {
            let fields = merged(&order);
            assert_eq!((value(&fields, "bounded"), value(&fields, "count")), (Value::Int(7), Value::Int(0)));
            assert_eq!((fields.present(), fields.updated()), (!wins, Some(Clock(2))));
        }
    }
}

#[test]
fn closing_too_early_is_what_the_contract_forbids() {
    let first = update(0, 1, 1, &[], vec![op("set", None, Action::Insert(Value::Int(1)))]);
    let removal = update(1, 1, 2, &[], vec![op("set", None, Action::Remove(Value::Int(1)))]);
    let mut early = merged(&[&first]);
    early.close(&first, &schema());
    early.apply(&removal, &schema(), true).unwrap();
    assert_ne!(value(&early, "set"), value(&merged(&[&first, &removal]), "set"));
}

#[test]
fn a_long_partition_grows_only_counters() {
    let of = |ops: fn(u64) -> Op| {
        let mut fields = Fields::default();
        let mut last: Option<Update> = None;
        for n in 1..=1000 {
            let next = update(0, n, n, &last.iter().collect::<Vec<_>>(), vec![ops(n)]);
            fields.apply(&next, &schema(), true).unwrap();
            last = Some(next);
        }
        fields.encode().len()
    };
    let flat: [fn(u64) -> Op; 4] = [
        |n| op("latest", None, set(n as i64)),
        |n| op("max", None, set(n as i64)),
        |_| op("set", None, Action::Insert(Value::Int(1))),
        |_| op("flag", None, Action::Set { value: Value::Bool(true), by: None, rule: None }),
    ];
    for ops in flat {
        assert!(of(ops) < 64);
    }
    assert!(of(|_| op("count", None, Action::Add(1))) < 5_000);
}

/// As made under a version of the model with this rule.
fn under(version: u32, rule: Policy, mut update: Update) -> Update {
    update.version = version;
    for op in &mut update.ops {
        if let Action::Set { rule: of, .. } = &mut op.action {
            *of = Some(Box::new(rule.clone()));
        }
    }
    update
}

#[test]
fn between_sets_of_two_versions_the_rule_of_the_later_one_decides() {
    let first = Policy::Prefer(vec![RegionId(0)]);
    let old = under(1, Policy::Latest, update(0, 1, 1, &[], vec![op("latest", None, set(1))]));
    let new = under(2, first, update(1, 1, 2, &[], vec![op("latest", None, set(2))]));
    for order in [[&old, &new], [&new, &old]] {
        assert_eq!(value(&merged(&order), "latest"), Value::Int(1), "the preferred region's, though it is older");
        let row = &rows(&order, &schema())[0];
        assert_eq!((row.loser, row.winner, row.rule, row.version), (new.dot, Some(old.dot), Rule::Prefer, 2));
    }
}

#[test]
fn sets_of_the_old_version_stay_decided_by_the_old_rule_once_those_of_the_new_one_are_removed() {
    let set_of = |region, clock, n| update(region, 1, clock, &[], vec![op("latests", key(), set(n))]);
    let first = || Policy::Prefer(vec![RegionId(0), RegionId(2)]);
    let (a, b) = (under(1, Policy::Latest, set_of(0, 1, 1)), under(1, Policy::Latest, set_of(1, 2, 2)));
    let c = under(2, first(), set_of(2, 3, 3));
    let removal = update(2, 2, 4, &[&c], vec![op("latests", key(), Action::RemoveKey)]);
    let shown = |updates: &[&Update]| match value(&merged(updates), "latests") {
        Value::Object(entries) => entries[0].1.clone(),
        other => panic!("{other:?} is no map"),
    };
    assert_eq!(shown(&[&a, &b, &c]), Value::Int(1));
    assert_eq!(shown(&[&a, &b, &c, &removal]), Value::Int(2));
    assert_eq!(shown(&[&c, &removal, &b, &a]), Value::Int(2));
    let ledger = rows(&[&a, &b, &c, &removal], &schema());
    let lost = |of: &Update| {
        ledger.iter().find(|row| row.loser == of.dot && row.rule != Rule::AddWins).map(|row| (row.winner, row.rule, row.version))
    };
    assert_eq!(lost(&a), Some((Some(b.dot), Rule::Latest, 1)), "it is hidden in the end, so the ledger says by what");
    assert_eq!(lost(&b), Some((Some(a.dot), Rule::Prefer, 2)));
    assert_eq!(lost(&c), Some((Some(a.dot), Rule::Prefer, 2)));
}
