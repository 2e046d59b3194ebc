//! Random histories of one aggregate: replicas write, pull from each other and are restored as new incarnations.

use proptest::collection::vec;
use proptest::prelude::*;
use sterna_crdt::{Action, Clock, Dot, FieldKind, Incarnation, Name, Op, Order, Policy, RegionId, Update, Value, VersionVector};

pub const REPLICAS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Write { replica: usize, ops: Vec<Op>, jump: u64, upgrade: bool },
    Pull { to: usize, from: usize, at_most: usize },
    Restore { replica: usize },
}

/// All updates of a history, in an order that respects causes.
#[derive(Clone, Debug)]
pub struct History(pub Vec<Update>);

pub fn schema() -> Vec<(&'static str, FieldKind)> {
    let register = FieldKind::Register;
    let map = |kind| FieldKind::Map(Box::new(kind));
    vec![
        ("bounded", FieldKind::Bounded { min: Some(0), max: None }),
        ("count", FieldKind::Counter),
        ("counts", map(FieldKind::Counter)),
        ("flag", FieldKind::Flag),
        ("flags", map(FieldKind::Flag)),
        ("keep", register(Policy::Keep)),
        ("keeps", map(register(Policy::Keep))),
        ("latest", register(Policy::Latest)),
        ("latests", map(register(Policy::Latest))),
        ("max", register(Policy::Max)),
        ("maxes", map(register(Policy::Max))),
        ("max_by", register(Policy::MaxBy)),
        ("min", register(Policy::Min)),
        ("min_by", register(Policy::MinBy)),
        ("prefer", register(Policy::Prefer(vec![RegionId(2), RegionId(0)]))),
        ("set", FieldKind::Set),
        ("sets", map(FieldKind::Set)),
    ]
}

pub fn op(field: &str, key: Option<Value>, action: Action) -> Op {
    Op { field: Name::from(field), key, action }
}

pub fn set(value: impl Into<Option<i64>>) -> Action {
    Action::Set { value: value.into().map_or(Value::Null, Value::Int), by: None, rule: None }
}

fn small() -> impl Strategy<Value = Value> {
    prop_oneof![1 => Just(Value::Null), 8 => (0..4i64).prop_map(Value::Int)]
}

/// What may be done to a field of this kind, or to an entry of a map of it.
fn action(kind: &FieldKind) -> BoxedStrategy<Action> {
    match kind {
        FieldKind::Register(_) => {
            (small(), proptest::option::of(small())).prop_map(|(value, by)| Action::Set { value, by, rule: None }).boxed()
        }
        FieldKind::Counter => (-3..5i64).prop_map(Action::Add).boxed(),
        FieldKind::Bounded { .. } => prop_oneof![
            (-3..5i64).prop_map(Action::Add),
            ((-2..3i64).prop_filter("something", |n| *n != 0), 0..3u16).prop_map(|(amount, to)| Action::Give {
                amount,
                to: RegionId(to),
                from: None
            }),
        ]
        .boxed(),
        FieldKind::Flag => any::<bool>().prop_map(|yes| Action::Set { value: Value::Bool(yes), by: None, rule: None }).boxed(),
        FieldKind::Set => {
            (any::<bool>(), small()).prop_map(|(insert, value)| if insert { Action::Insert(value) } else { Action::Remove(value) }).boxed()
        }
        FieldKind::Map(inner) => prop_oneof![3 => action(inner), 1 => Just(Action::RemoveKey)].boxed(),
    }
}

fn any_op(name: &'static str, kind: &FieldKind) -> BoxedStrategy<Op> {
    let keyed = matches!(kind, FieldKind::Map(_));
    (action(kind), 0..2i64).prop_map(move |(action, key)| op(name, keyed.then_some(Value::Int(key)), action)).boxed()
}

/// Histories that touch `fields` of [`schema`] (all if empty), with deletes of both sorts in some of them.
pub fn histories(fields: &'static [&'static str], steps: usize) -> BoxedStrategy<History> {
    let of_fields = schema().into_iter().filter(|(name, _)| fields.is_empty() || fields.contains(name));
    let of_fields = proptest::strategy::Union::new(of_fields.map(|(name, kind)| any_op(name, &kind)));
    let delete = any::<bool>().prop_map(|wins| op("", None, Action::Delete { wins }));
    let with_deletes = prop_oneof![12 => of_fields.clone(), 1 => delete];
    let of = move |ops: BoxedStrategy<Op>| {
        let write = (0..REPLICAS, vec(ops, 0..4), prop_oneof![4 => Just(0u64), 1 => 0..20u64], proptest::bool::weighted(0.08))
            .prop_map(|(replica, ops, jump, upgrade)| Step::Write { replica, ops, jump, upgrade });
        let pull = (0..REPLICAS, 0..REPLICAS, 1..6usize).prop_map(|(to, from, at_most)| Step::Pull { to, from, at_most });
        let restore = (0..REPLICAS).prop_map(|replica| Step::Restore { replica });
        vec(prop_oneof![20 => write, 14 => pull, 1 => restore], 1..steps)
    };
    prop_oneof![of(of_fields.boxed()), of(with_deletes.boxed())].prop_map(|steps| play(&steps)).boxed()
}

struct Writer {
    incarnation: Incarnation,
    seen: VersionVector,
    clock: u64,
    version: u32,
}

/// The rules take turns from one version of the model to the next; a lattice stays one.
fn rule(field: &str, version: u32) -> Option<Box<Policy>> {
    let prefer = || Policy::Prefer(vec![RegionId(2), RegionId(0)]);
    let turns = [Policy::Latest, Policy::Keep, prefer(), Policy::MaxBy, Policy::MinBy];
    let (_, kind) = schema().into_iter().find(|(name, _)| *name == field)?;
    let policy = match kind {
        FieldKind::Register(policy) => policy,
        FieldKind::Map(inner) => match *inner {
            FieldKind::Register(policy) => policy,
            _ => return None,
        },
        _ => return None,
    };
    let at = turns.iter().position(|turn| *turn == policy)?;
    let now = turns[(at + version as usize - 1) % turns.len()].clone();
    (now != Policy::Latest).then(|| Box::new(now))
}

fn play(steps: &[Step]) -> History {
    let fresh = |region| Incarnation::new(RegionId(region as u16), 1);
    let mut writers: Vec<_> =
        (0..REPLICAS).map(|r| Writer { incarnation: fresh(r), seen: VersionVector::default(), clock: 0, version: 1 }).collect();
    let mut all: Vec<Update> = Vec::new();
    for step in steps {
        match step {
            Step::Write { replica, ops, jump, upgrade } => {
                let writer = &mut writers[*replica];
                writer.clock += 1 + jump;
                writer.version += u32::from(*upgrade);
                let dot = Dot { incarnation: writer.incarnation, n: writer.seen.get(writer.incarnation) + 1 };
                let order = Order { clock: Clock(writer.clock), incarnation: writer.incarnation };
                let mut ops = ops.clone();
                for op in &mut ops {
                    if let Action::Set { rule: of, .. } = &mut op.action {
                        *of = rule(&op.field, writer.version);
                    }
                    if let Action::Give { to, .. } = &mut op.action
                        && *to == writer.incarnation.region()
                    {
                        *to = RegionId((to.0 + 1) % REPLICAS as u16);
                    }
                }
                all.push(Update { dot, seen: writer.seen.clone(), order, version: writer.version, ops });
                writer.seen.add(dot);
            }
            Step::Pull { to, from, at_most } => {
                let source = writers[*from].seen.clone();
                let target = &mut writers[*to];
                let mut missing: Vec<_> = all.iter().filter(|u| source.contains(u.dot) && !target.seen.contains(u.dot)).collect();
                missing.sort_by_key(|update| update.order);
                for update in missing.into_iter().take(*at_most) {
                    target.seen.add(update.dot);
                    target.clock = target.clock.max(update.order.clock.0);
                    target.version = target.version.max(update.version);
                }
            }
            Step::Restore { replica } => {
                let writer = &mut writers[*replica];
                writer.incarnation = Incarnation::new(writer.incarnation.region(), writer.incarnation.opened_ms() + 1);
            }
        }
    }
    all.sort_by_key(|update| update.order);
    History(all)
}
