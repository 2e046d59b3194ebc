//! Waiting until all regions have everything.

use crate::region::RunningRegion;
use std::time::Duration;
use sterna_env::Env;
use sterna_log::{LogId, Position};

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A reaction is under way soon after its cause is durable; what does not change for so many looks has none to come.
const QUIET_LOOKS: u32 = 5;

/// Returns once nothing is written any more, every region has copied, merged and projected what the others wrote, all reactions
/// are delivered, and no view is being built. Nobody may send commands meanwhile.
pub async fn settled(env: &Env, regions: &[RunningRegion]) {
    let (mut quiet, mut before) = (0, Vec::new());
    while quiet < QUIET_LOOKS {
        let heads = heads(regions);
        let still = heads == before && reacted(regions) && regions.iter().all(|region| has_all(region, &heads));
        quiet = if still { quiet + 1 } else { 0 };
        before = heads;
        env.sleep(LOOK_EVERY).await;
    }
}

/// The ends of all logs, in the regions that write them.
fn heads(regions: &[RunningRegion]) -> Vec<(LogId, Position)> {
    let of = |region: &RunningRegion| {
        let region = region.region().clone();
        let head = |shard| (LogId { origin: region.me, shard }, region.board.applied(shard).get(region.me));
        region.board.shards().map(head).collect::<Vec<_>>()
    };
    regions.iter().flat_map(of).collect()
}

fn reacted(regions: &[RunningRegion]) -> bool {
    regions.iter().all(|region| region.replication.status().reactions_pending == 0)
}

fn has_all(region: &RunningRegion, heads: &[(LogId, Position)]) -> bool {
    let (status, board) = (region.reads.status(), &region.region().board);
    let applied =
        |(log, head): &(LogId, Position)| board.applied(log.shard).get(log.origin) >= *head && status.projected.get(*log) >= *head;
    heads.iter().all(applied) && status.views.iter().all(|view| view.building.is_none() && view.generation.is_some())
}
