//! Waiting until what a token has seen is projected.

use crate::ReadRefused;
use crate::limits::WAIT_MAX;
use crate::shared::Shared;
use std::collections::BTreeSet;
use std::time::Duration;
use sterna_crdt::{Name, RegionId};
use sterna_env::mutation;
use sterna_log::{LogId, Position, ShardId, Token};

/// A log that something is awaited of.
struct Awaited {
    log: LogId,
    need: Position,
    /// Once the region has everything up to `need`: the last entry of it.
    goal: Option<Position>,
}

impl Shared {
    /// Waits until everything that `token` names of these shards is projected; after `wait`, refuses with what is missing.
    pub(crate) async fn wait_for(
        &self,
        shards: impl Iterator<Item = ShardId>,
        token: Option<&Token>,
        wait: Duration,
    ) -> Result<(), ReadRefused> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(()) };
        let logs = shards.flat_map(|shard| self.region.membership.regions().map(move |origin| LogId { origin, shard }));
        let needed = logs.map(|log| Awaited { log, need: token.needs(log), goal: None });
        let mut awaited: Vec<Awaited> = needed.filter(|awaited| awaited.need > Position::ZERO).collect();
        let (mut applied, mut projected) = (self.region.board.subscribe_any(), self.progress.subscribe());
        let waiting = async {
            loop {
                applied.borrow_and_update();
                projected.borrow_and_update();
                awaited.retain_mut(|awaited| !self.is_here(awaited));
                if awaited.is_empty() {
                    return;
                }
                tokio::select! {
                    biased;
                    _ = projected.changed() => {}
                    _ = applied.changed() => {}
                }
            }
        };
        let done = self.region.env.timeout(wait.min(WAIT_MAX), waiting).await;
        done.ok_or_else(|| {
            let missing: BTreeSet<RegionId> = awaited.iter().map(|awaited| awaited.log.origin).collect();
            ReadRefused::BehindToken {
                missing: missing.into_iter().map(|region| -> Name { self.region.membership.name(region) }).collect(),
            }
        })
    }

    /// A position may lie behind a log's last entry: what was sealed without an entry has nothing to project.
    fn is_here(&self, awaited: &mut Awaited) -> bool {
        let Awaited { log, need, goal } = awaited;
        if self.region.may_lack(*log, *need) {
            return false;
        }
        if goal.is_none() && self.reached(*log) >= *need {
            let end = self.region.board.applied(log.shard).get(log.origin);
            // What was copied back from a life before this one is said once more at the log's end.
            let earlier = log.origin == self.region.me && need.epoch < self.region.life().epoch;
            *goal = Some(if earlier { end } else { end.min(*need) });
        }
        self.progress.borrow().get(*log) >= goal.unwrap_or(*need)
    }

    /// This region's own log is complete up to its newest entry of any shard: positions are given by one store.
    fn reached(&self, log: LogId) -> Position {
        let board = &self.region.board;
        let reached = board.reached(log);
        if log.origin != self.region.me {
            return reached;
        }
        board.shards().map(|shard| board.applied(shard).get(log.origin)).max().unwrap_or_default().max(reached)
    }

    /// The request's token joined with what these shards show by now.
    pub(crate) fn answer_token(&self, token: Option<&Token>, shards: impl Iterator<Item = ShardId>) -> Token {
        if mutation::on("token-without-dependencies") {
            return token.cloned().unwrap_or_default();
        }
        let mut answer = token.cloned().unwrap_or_default();
        for shard in shards {
            for (origin, position) in self.ceiling(shard).0 {
                answer.raise(LogId { origin, shard }, position);
            }
        }
        answer
    }
}
