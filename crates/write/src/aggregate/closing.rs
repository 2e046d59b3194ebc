//! Which events of a tail are closed (DESIGN.md, section 4: settled and closed).
//!
//! An event is settled once every member has it, its cause's verdict is final, and everything before it is settled. It is *clear* if it is
//! settled and nothing unsettled is concurrent with it, and closed if all that are concurrent with it are clear too. What an incarnation
//! observes only grows, so in its lane the settled, the clear and the closed events each are a beginning, and so is their union
//! under causality: whatever came before a closed event is closed.

use super::Open;
use sterna_crdt::{Dot, Incarnation};
use sterna_env::mutation;
use sterna_log::Position;

/// The events of one incarnation, in order. From `settled` on they are unsettled, from `clear` on not clear.
struct Lane<'a> {
    incarnation: Incarnation,
    events: Vec<&'a Open>,
    settled: usize,
    clear: usize,
}

/// The dots of the events that are closed and were not before. `settled` says, for an incarnation's log, up to where every member has
/// applied it.
pub(super) fn closing<'a>(tail: impl Iterator<Item = &'a Open>, settled: &dyn Fn(Incarnation) -> Position) -> Vec<Dot> {
    let mut lanes = lanes(tail);
    for lane in &mut lanes {
        let upto = settled(lane.incarnation);
        let is_settled = |open: &&Open| open.closed || open.cause_settled && open.position.is_some_and(|position| position <= upto);
        lane.settled = lane.events.iter().position(|open| !is_settled(open)).unwrap_or(lane.events.len());
    }
    while lower(&mut lanes) {}
    for at in 0..lanes.len() {
        let others = lanes.iter().enumerate().filter(|(other, _)| *other != at).filter_map(|(_, lane)| lane.events.get(lane.settled));
        let seen_by_others = others.map(|first| first.update.seen.get(lanes[at].incarnation)).min().unwrap_or(u64::MAX);
        let lane = &lanes[at];
        lanes[at].clear = lane.events[..lane.settled].partition_point(|open| open.dot().n <= seen_by_others);
    }
    let one_step = mutation::on("closed-too-early");
    let is_closed =
        |at: usize, open: &Open| one_step || lanes.iter().enumerate().all(|(other, lane)| other == at || lane.is_clear_beside(open));
    let closed = lanes.iter().enumerate().flat_map(|(at, lane)| {
        let clear = &lane.events[..lane.clear];
        clear.iter().take_while(move |open| open.closed || is_closed(at, open))
    });
    closed.filter(|open| !open.closed).map(|open| open.dot()).collect()
}

/// What has an unsettled event in its past is unsettled. True if that changed something.
fn lower(lanes: &mut [Lane<'_>]) -> bool {
    let firsts: Vec<Dot> = lanes.iter().filter_map(|lane| lane.events.get(lane.settled)).map(|open| open.dot()).collect();
    let mut lowered = false;
    for lane in lanes {
        let settled = lane.events[..lane.settled].partition_point(|open| !firsts.iter().any(|first| open.update.seen.contains(*first)));
        lowered |= settled < lane.settled;
        lane.settled = settled;
    }
    lowered
}

fn lanes<'a>(tail: impl Iterator<Item = &'a Open>) -> Vec<Lane<'a>> {
    let mut lanes: Vec<Lane<'a>> = Vec::new();
    for open in tail {
        let incarnation = open.dot().incarnation;
        match lanes.iter_mut().find(|lane| lane.incarnation == incarnation) {
            Some(lane) => lane.events.push(open),
            None => lanes.push(Lane { incarnation, events: vec![open], settled: 0, clear: 0 }),
        }
    }
    lanes
}

impl Lane<'_> {
    /// All events of this lane that are concurrent with `open`, which is in another, are clear.
    fn is_clear_beside(&self, open: &Open) -> bool {
        let unclear = &self.events[self.clear..];
        let first = unclear.partition_point(|other| open.update.seen.contains(other.dot()));
        unclear.get(first).is_none_or(|other| other.update.seen.contains(open.dot()))
    }
}
