//! Idempotency records go when they are older than the window. A key whose event is not settled is known for as long by the aggregate's
//! tail, so that a partition longer than the window doubles nothing.

use crate::Region;
use crate::keys::idem;
use crate::limits::{EXPIRE_EVERY, EXPIRE_KEYS_MAX};
use bytes::Bytes;
use std::sync::Arc;
use sterna_crdt::Clock;
use sterna_log::ShardId;
use sterna_store::{CommitError, Page, ReadError, Transaction, prefix_range};

#[derive(Debug, thiserror::Error)]
enum ExpireError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Clears expired buckets now and then, for ever.
pub(crate) async fn run(region: Arc<Region>) {
    loop {
        region.env.sleep(EXPIRE_EVERY).await;
        for shard in region.board.shards() {
            while region.leases.holds(shard) {
                match clear_some(&region, shard).await {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(shard = shard.0, %error, "idempotency records could not be cleared; trying again later");
                        break;
                    }
                }
            }
        }
    }
}

/// Clears records of buckets that ended more than a window ago. Returns how many.
async fn clear_some(region: &Region, shard: ShardId) -> Result<usize, ExpireError> {
    let now = idem::bucket(Clock::from_ms(region.env.wall_ms()), region.model().idempotency_window_ms);
    let start = Bytes::copy_from_slice(&idem::bucket_prefix(shard, 0));
    let end = prefix_range(&idem::bucket_prefix(shard, now.saturating_sub(1))).start;
    if start >= end {
        return Ok(0);
    }
    let snapshot = region.store_of(shard).snapshot().await?;
    let expired = snapshot.scan(start..end, Page::first(EXPIRE_KEYS_MAX)).await?;
    if !expired.is_empty() {
        let mut t = Transaction::blind();
        expired.iter().for_each(|(key, _)| {
            t.clear_key(key);
        });
        region.store_of(shard).commit(t).await?;
    }
    Ok(expired.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OpenOptions;
    use crate::keys::idem::IdemRecord;
    use sterna_env::Env;
    use sterna_log::AggregateId;
    use sterna_store::Store;

    #[tokio::test]
    async fn records_live_for_the_window_and_not_for_ever() {
        let (model, _) = sterna_model::parse(
            "version = 1\nidempotency_window = '1h'\n[aggregate.a.fields]\nn = 'counter'\n[aggregate.a.commands.inc]\neffects = [{ add = '1', to = 'n' }]\n",
        );
        let model = Arc::new(model.expect("it is valid"));
        let window = model.idempotency_window_ms;
        let store: Arc<dyn Store> = Arc::new(sterna_store::Memory::default());
        let options = OpenOptions { name: "one".into(), members: vec!["one".into()], shards: 1, model, copied: false };
        let region = Region::open(Env::real(), Arc::clone(&store), options).await.expect("the store is empty");
        let shard = ShardId(0);
        let now = idem::bucket(Clock::from_ms(region.env.wall_ms()), window);
        let aggregate = AggregateId { kind: "a".into(), id: "1".into() };
        let record = IdemRecord { body_hash: [0; 16], dots: Default::default(), answer: None };
        let mut t = Transaction::blind();
        for age in 0..5 {
            t.put(idem::key(shard, now - age, &aggregate, "k"), record.encode());
        }
        store.commit(t).await.expect("it fits");
        assert_eq!(clear_some(&region, shard).await.expect("the store works"), 3);
        assert_eq!(clear_some(&region, shard).await.expect("the store works"), 0);
    }
}
