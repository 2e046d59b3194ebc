//! Bounded counters: what each region may still take from one, or add to it.
//!
//! Every addition and every spend is checked against the rights of the region that accepts it, which no other region can use, so that the
//! bound holds over all regions together, whatever they do at once (Balegas et al., "Extending Eventually Consistent Cloud Databases for
//! Enforcing Numeric Invariants", 2015). What a spend takes it takes at once. What an event brings counts only once the event can't become void
//! any more: when it is settled, or at once if it can have no twin.

use crate::{Aggregate, Refused, Region};
use serde::{Deserialize, Serialize};
use sterna_crdt::{Action, Dot, FieldKind, Incarnation, Name, Op, RegionId, Side};
use sterna_env::mutation;
use sterna_log::{Position, ShardId};
use sterna_model::AggregateType;

/// What a refused command lacked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lack {
    pub field: Name,
    pub side: Side,
    /// The rights that the command needs.
    pub needed: i64,
    /// What each region had, as far as is known here.
    pub available: Vec<(RegionId, i64)>,
    /// What all regions together will have more once everything is settled, if nothing becomes void.
    pub pending: i64,
}

impl Lack {
    /// All regions together have what is needed.
    pub fn is_elsewhere(&self) -> bool {
        self.total() >= i128::from(self.needed)
    }

    /// They will have it once everything is settled.
    pub fn is_coming(&self) -> bool {
        self.total() + i128::from(self.pending) >= i128::from(self.needed)
    }

    fn total(&self) -> i128 {
        self.available.iter().map(|(_, rights)| i128::from(*rights)).sum()
    }
}

/// The rights of one aggregate's counters, as one region knows them.
pub struct Escrow<'a> {
    region: &'a Region,
    shard: ShardId,
    aggregate: &'a Aggregate,
}

impl<'a> Escrow<'a> {
    pub fn new(region: &'a Region, shard: ShardId, aggregate: &'a Aggregate) -> Self {
        Self { region, shard, aggregate }
    }

    /// What `of` may still take away or add; `None` where there is no bound.
    pub fn rights(&self, field: &str, kind: &FieldKind, of: RegionId, side: Side) -> Option<i64> {
        self.rights_if(field, kind, of, side, &|dot| self.is_lasting(dot))
    }

    fn rights_if(&self, field: &str, kind: &FieldKind, of: RegionId, side: Side, lasting: &dyn Fn(Dot) -> bool) -> Option<i64> {
        let first = first_share(kind, side, of, self.region)?;
        let moved = self.aggregate.fields.field(field).map_or(0, |held| held.rights(of, side, lasting));
        let rights = i128::from(first) + moved;
        Some(i64::try_from(rights).unwrap_or(if rights < 0 { i64::MIN } else { i64::MAX }))
    }

    pub(crate) fn lack(&self, field: &Name, kind: &FieldKind, side: Side, needed: i64) -> Lack {
        let missing = |region| {
            let in_the_end = self.rights_if(field, kind, region, side, &|_| true)?;
            Some(in_the_end.saturating_sub(self.rights(field, kind, region, side)?))
        };
        let pending = self.region.membership.regions().filter_map(missing).fold(0, i64::saturating_add);
        Lack { field: field.clone(), side, needed, available: self.all(field, kind, side), pending }
    }

    /// Every member's, in order; none is below zero.
    pub fn all(&self, field: &str, kind: &FieldKind, side: Side) -> Vec<(RegionId, i64)> {
        let of = |region| Some((region, self.rights(field, kind, region, side)?.max(0)));
        self.region.membership.regions().filter_map(of).collect()
    }

    /// Nothing that is still open will bring rights later.
    pub fn is_final(&self) -> bool {
        self.aggregate.tail.iter().all(|open| self.is_lasting(open.update.dot))
    }

    /// An open event that can't become void.
    fn is_lasting(&self, dot: Dot) -> bool {
        if mutation::on("unsettled-rights") {
            return true;
        }
        let Some(open) = self.aggregate.tail.find(dot) else { return false };
        open.closed || !open.may_have_twin || open.cause_settled && open.position.is_some_and(|at| at <= self.settled(dot.incarnation))
    }

    fn settled(&self, incarnation: Incarnation) -> Position {
        crate::shard::settled(self.region, self.shard, incarnation)
    }

    /// That these operations, of a command in this region, keep the bounds.
    pub(crate) fn check(&self, ops: &[Op], of: &AggregateType) -> Result<(), Refused> {
        for def in of.fields().iter().filter(|def| def.kind.is_bounded()) {
            let added = ops.iter().filter(|op| op.field == *def.stored()).filter_map(|op| match op.action {
                Action::Add(delta) => Some(i128::from(delta)),
                _ => None,
            });
            let delta: i128 = added.sum();
            let side = if delta < 0 { Side::Down } else { Side::Up };
            if delta != 0
                && let Some(rights) = self.rights(def.stored(), &def.kind, self.region.me, side)
            {
                self.region.knows_its_rights(&def.name)?;
                if i128::from(rights) < delta.abs() {
                    let needed = i64::try_from(delta.abs()).unwrap_or(i64::MAX);
                    return Err(Refused::bound_reached(self.lack(def.stored(), &def.kind, side, needed), self.region));
                }
            }
        }
        Ok(())
    }
}

/// What the bounds leave at first is shared out evenly among the first members, so that every region knows its share without asking.
fn first_share(kind: &FieldKind, side: Side, of: RegionId, region: &Region) -> Option<i64> {
    let FieldKind::Bounded { min, max } = kind else { return None };
    let whole = match side {
        Side::Down => -i128::from((*min)?),
        Side::Up => i128::from((*max)?),
    };
    let (founders, at) = (i128::from(region.membership.founders()), i128::from(of.0));
    let share = whole / founders + i128::from(at < whole % founders);
    Some(if at < founders { i64::try_from(share.max(0)).unwrap_or(i64::MAX) } else { 0 })
}

/// Rights that go to other regions, or that an heir takes over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Give {
    pub field: Name,
    pub side: Side,
    /// Whose rights; this region's own, if it is no other one's heir.
    pub from: Option<RegionId>,
    /// Amounts above zero.
    pub to: Vec<(RegionId, i64)>,
}

/// The command that a transfer has in histories. No model can declare it.
pub const GIVE_COMMAND: &str = "rights.give";

impl Give {
    pub(crate) fn ops(&self) -> Vec<Op> {
        let sign = if self.side == Side::Down { 1 } else { -1 };
        let give = |&(to, amount): &(RegionId, i64)| Op {
            field: self.field.clone(),
            key: None,
            action: Action::Give { amount: amount * sign, to, from: self.from },
        };
        self.to.iter().map(give).collect()
    }

    pub(crate) fn total(&self) -> i64 {
        self.to.iter().map(|(_, amount)| *amount).fold(0, i64::saturating_add)
    }

    /// As history shows it.
    pub(crate) fn args_json(&self, region: &Region) -> Name {
        let to: serde_json::Map<_, _> = self.to.iter().map(|(to, n)| (region.membership.name(*to).to_string(), (*n).into())).collect();
        let side = if self.side == Side::Down { "min" } else { "max" };
        serde_json::json!({ "field": &*self.field, "bound": side, "to": to }).to_string().into()
    }
}
