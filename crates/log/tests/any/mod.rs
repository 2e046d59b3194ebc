//! Strategies: any value of every type that is written down.
#![allow(dead_code, reason = "each test file uses some of them")]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::sync::Arc;
use sterna_crdt::{Action, Clock, Dot, Incarnation, Name, Op, Order, Policy, RegionId, Update, Value, VersionVector};
use sterna_log::*;

pub fn name() -> impl Strategy<Value = Name> {
    prop_oneof!["[a-z_]{0,12}", "\\PC{0,30}"].prop_map(Name::from)
}

pub fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<i64>().prop_map(Value::Timestamp),
        any::<i32>().prop_map(Value::Date),
        (any::<u16>(), name()).prop_map(|(rank, name)| Value::Enum { rank, name }),
        name().prop_map(Value::Str),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![vec(inner.clone(), 0..4).prop_map(Value::List), vec((name(), inner), 0..4).prop_map(Value::Object)]
    })
}

fn rule() -> impl Strategy<Value = Box<Policy>> {
    let rule = prop_oneof![
        Just(Policy::Latest),
        Just(Policy::Keep),
        Just(Policy::Max),
        Just(Policy::Min),
        vec(any::<u16>(), 0..4).prop_map(|regions| Policy::Prefer(regions.into_iter().map(RegionId).collect())),
        Just(Policy::MaxBy),
        Just(Policy::MinBy),
    ];
    rule.prop_map(Box::new)
}

pub fn op() -> impl Strategy<Value = Op> {
    let action = prop_oneof![
        (value(), option::of(value()), option::of(rule())).prop_map(|(value, by, rule)| Action::Set { value, by, rule }),
        any::<i64>().prop_map(Action::Add),
        value().prop_map(Action::Insert),
        value().prop_map(Action::Remove),
        Just(Action::RemoveKey),
        any::<bool>().prop_map(|wins| Action::Delete { wins }),
        (any::<i64>(), any::<u16>(), option::of(any::<u16>())).prop_map(|(amount, to, from)| Action::Give {
            amount,
            to: RegionId(to),
            from: from.map(RegionId)
        }),
    ];
    (name(), option::of(value()), action).prop_map(|(field, key, action)| Op { field, key, action })
}

pub fn dot() -> impl Strategy<Value = Dot> {
    (any::<u64>(), 1..u64::MAX - 1).prop_map(|(incarnation, n)| Dot { incarnation: Incarnation(incarnation), n })
}

fn order() -> impl Strategy<Value = Order> {
    (any::<u64>(), any::<u64>()).prop_map(|(clock, incarnation)| Order { clock: Clock(clock), incarnation: Incarnation(incarnation) })
}

fn update() -> impl Strategy<Value = Update> {
    (vec(dot(), 0..4), any::<u64>(), any::<(u64, u32)>(), vec(op(), 0..5)).prop_map(|(seen, me, (clock, version), ops)| {
        let seen: VersionVector = seen.into_iter().collect();
        let incarnation = seen.iter().next().filter(|_| me % 2 == 0).map_or(Incarnation(me), |dot| dot.incarnation);
        let dot = Dot { incarnation, n: seen.get(incarnation) + 1 };
        Update { dot, seen, order: Order { clock: Clock(clock), incarnation }, version, ops }
    })
}

fn send() -> impl Strategy<Value = Send> {
    (name(), name(), name(), name()).prop_map(|(kind, id, command, args)| Send { kind, id, command, args })
}

fn cause() -> impl Strategy<Value = Cause> {
    (name(), name(), dot(), position(), any::<u32>(), order(), any::<u32>())
        .prop_map(|(kind, id, dot, position, index, rank, depth)| Cause { kind, id, dot, position, index, rank, depth })
}

pub fn event() -> impl Strategy<Value = Event> {
    let reaction = (name(), send(), option::of(send())).prop_map(|(name, send, refused)| Reaction { name, send, refused });
    let names = (name(), name(), name(), name(), name(), name(), name(), name());
    let rest = (any::<(bool, bool, [u8; 16], u64)>(), option::of(name()), vec(reaction, 0..3), option::of(cause()));
    (names, rest, update()).prop_map(|(names, (plain, answer, reactions, cause), update)| {
        let (kind, id, command, args, key, actor, trace, encryption_key) = names;
        let (critical, key_made, body_hash, model_hash) = plain;
        let update = Arc::new(update);
        Event {
            critical,
            kind,
            id,
            update,
            command,
            args,
            key,
            key_made,
            body_hash,
            answer,
            actor,
            model_hash,
            reactions,
            cause,
            trace,
            encryption_key,
            unreadable: None,
        }
    })
}

pub fn position() -> impl Strategy<Value = Position> {
    any::<(u64, [u8; 10], u16)>().prop_map(|(epoch, commit, index)| Position::new(epoch, commit, index))
}

/// Few epochs and versions, so that positions of different logs meet.
pub fn near_position() -> impl Strategy<Value = Position> {
    (0..3u64, 0..20u64, 0..2u16).prop_map(|(epoch, version, index)| {
        let mut commit = [0; 10];
        commit[..8].copy_from_slice(&version.to_be_bytes());
        Position::new(epoch, commit, index)
    })
}

pub fn log_id(regions: u16, shards: u16) -> impl Strategy<Value = LogId> {
    (0..regions, 0..shards).prop_map(|(origin, shard)| LogId { origin: RegionId(origin), shard: ShardId(shard) })
}

pub fn applied() -> impl Strategy<Value = Applied> {
    vec((0..5u16, near_position()), 0..6).prop_map(|raised| {
        let mut applied = Applied::default();
        raised.into_iter().for_each(|(origin, position)| {
            applied.raise(RegionId(origin), position);
        });
        applied
    })
}

pub fn progress() -> impl Strategy<Value = Progress> {
    vec((log_id(3, 3), near_position()), 0..12).prop_map(|raised| {
        let mut progress = Progress::default();
        raised.into_iter().for_each(|(log, position)| {
            progress.raise(log, position);
        });
        progress
    })
}

pub fn entry() -> impl Strategy<Value = Entry> {
    let handover = (name(), any::<u16>(), any::<u64>()).prop_map(|(kind, to, term)| Handover { kind, to: RegionId(to), term });
    (vec(event(), 0..3), applied(), vec(handover, 0..3), any::<bool>()).prop_map(|(events, applied, handovers, begins)| Entry {
        events,
        applied,
        handovers,
        begins,
    })
}

pub fn frame() -> impl Strategy<Value = Frame> {
    let entries = vec((position(), vec(any::<u8>(), 0..40)), 0..5);
    let models = vec(any::<(u32, u64)>(), 0..3);
    (log_id(9, 99), entries, position(), applied(), models, any::<[u64; 4]>()).prop_map(|(log, mut entries, sealed, applied, models, n)| {
        entries.sort();
        entries.dedup_by_key(|(position, _)| *position);
        entries.retain(|(position, _)| *position > Position::ZERO);
        let entries = entries.into_iter().map(|(position, bytes)| FrameEntry { position, bytes: bytes.into() }).collect();
        Frame {
            log,
            after: Position::ZERO,
            entries,
            sealed,
            applied,
            incarnation: Incarnation(n[0]),
            models: models.into_iter().map(|(version, hash)| ModelHeld { version, hash }).collect(),
            membership_number: n[1],
            membership_hash: n[2],
            sent_ms: n[3],
        }
    })
}

pub fn membership() -> impl Strategy<Value = Membership> {
    let member = (name(), vec(any::<u64>(), 0..3), any::<bool>());
    let member = member.prop_map(|(name, fenced, left)| Member { name, fenced: fenced.into_iter().map(Incarnation).collect(), left });
    (any::<u64>(), any::<u16>(), vec(member, 0..5)).prop_map(|(number, shards, members)| Membership { number, shards, members })
}
