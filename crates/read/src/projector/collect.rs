//! Reading what was applied and is not projected yet.

use super::batch::{Batch, Delivered};
use super::{ProjectError, Projector};
use crate::limits::{BATCH_BYTES_MAX, LOG_READ_BYTES};
use sterna_crdt::RegionId;
use sterna_log::{LogId, Position, ShardId};

impl Projector {
    /// Entries behind the progress, of every log that has some, until the batch is full. Each time another shard begins.
    pub(super) async fn collect(&mut self) -> Result<Batch, ProjectError> {
        let shards = usize::from(self.shared.region.shards());
        let mut batch = Batch::default();
        self.turn = (self.turn + 1) % shards;
        for shard in (0..shards).map(|at| ShardId(((at + self.turn) % shards) as u16)) {
            let applied = self.shared.region.board.applied(shard);
            for (origin, until) in applied.0 {
                self.collect_log(LogId { origin, shard }, until, &mut batch).await?;
            }
            if self.is_full(&batch) {
                break;
            }
        }
        Ok(batch)
    }

    async fn collect_log(&self, log: LogId, until: Position, batch: &mut Batch) -> Result<(), ProjectError> {
        let mut after = self.progress.get(log);
        while after < until && !self.is_full(batch) {
            let bytes = LOG_READ_BYTES.min(BATCH_BYTES_MAX - batch.bytes);
            let entries = self.logs.read(log, after, until, bytes).await?;
            let Some(last) = entries.last() else { break };
            after = last.position;
            for entry in &entries {
                if self.is_full(batch) {
                    break;
                }
                match entry.entry() {
                    Ok(decoded) => batch.push(Delivered { log, position: entry.position, entry: decoded.clone() }, entry.bytes.len()),
                    Err(error) => {
                        let RegionId(origin) = log.origin;
                        tracing::error!(origin, shard = log.shard.0, position = %entry.position, %error, "an entry can't be read: its log is not projected");
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn is_full(&self, batch: &Batch) -> bool {
        batch.events >= self.events_max || batch.bytes >= BATCH_BYTES_MAX
    }
}
