//! A read store that other processes can reach too: one of them keeps it.

use crate::keys::meta::PROJECTOR;
use bytes::Bytes;
use std::sync::Arc;
use sterna_env::Env;
use sterna_store::{Boxed, CommitError, Committed, Limits, ReadError, Snapshot, Store, Transaction, Version, Write, contains, get};
use tokio::sync::watch;

/// A read store, as long as nobody else has taken it: then nothing is read from it or written to it by this handle any more. So a process
/// that was paused while another took over can neither project what was projected already nor answer from what it does not follow.
pub(crate) struct Fenced {
    store: Arc<dyn Store>,
    mine: Bytes,
    lost: Arc<watch::Sender<bool>>,
}

impl Fenced {
    /// Takes it from whoever had it.
    pub async fn take(store: Arc<dyn Store>, env: &Env) -> Result<Arc<Self>, CommitError> {
        let mine = Bytes::copy_from_slice(&env.random_u64().to_be_bytes());
        let mut t = Transaction::blind();
        t.put(PROJECTOR, mine.clone());
        store.commit(t).await?;
        Ok(Arc::new(Self { store, mine, lost: Arc::default() }))
    }

    /// Resolves when this handle has met that somebody else took the store.
    pub async fn lost(&self) {
        // The sender lives as long as this.
        _ = self.lost.subscribe().wait_for(|lost| *lost).await;
    }
}

async fn snapshot(store: &dyn Store, mine: &Bytes, lost: &watch::Sender<bool>) -> Result<Box<dyn Snapshot>, ReadError> {
    let snapshot = store.snapshot().await?;
    match get(&*snapshot, &PROJECTOR).await? {
        Some(holder) if holder == *mine => Ok(snapshot),
        _ => {
            lost.send_replace(true);
            Err(ReadError::Unavailable("another process of this region keeps the read store now".to_owned()))
        }
    }
}

impl Store for Fenced {
    fn limits(&self) -> &Limits {
        self.store.limits()
    }

    fn snapshot(&self) -> Boxed<'_, Result<Box<dyn Snapshot>, ReadError>> {
        Box::pin(snapshot(&*self.store, &self.mine, &self.lost))
    }

    fn commit(&self, mut t: Transaction) -> Boxed<'static, Result<Committed, CommitError>> {
        let (store, mine, lost) = (Arc::clone(&self.store), self.mine.clone(), Arc::clone(&self.lost));
        Box::pin(async move {
            // A version at which this handle has it. What read at another one was fenced when its snapshot was taken.
            if t.reads.is_empty() {
                let now = snapshot(&*store, &mine, &lost).await.map_err(|error| CommitError::Unavailable(error.to_string()))?;
                t.read_version = now.version();
            }
            t.read_key(&PROJECTOR);
            // Who empties the store keeps it.
            if t.writes.iter().any(|write| matches!(write, Write::Clear(range) if contains(range, &PROJECTOR))) {
                t.put(PROJECTOR, mine);
            }
            store.commit(t).await
        })
    }

    fn watch(&self, key: Bytes, seen: Version) -> Boxed<'static, Result<(), ReadError>> {
        self.store.watch(key, seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_store::Memory;

    #[tokio::test]
    async fn who_lost_the_store_neither_reads_nor_writes() {
        let (store, env) = (Arc::new(Memory::default()) as Arc<dyn Store>, Env::real());
        let first = Fenced::take(Arc::clone(&store), &env).await.unwrap();
        let put = |to: &Arc<Fenced>| {
            let mut t = Transaction::blind();
            t.put("k", "v");
            to.commit(t)
        };
        put(&first).await.unwrap();
        let mut wipe = Transaction::blind();
        wipe.clear(sterna_store::all_keys());
        first.commit(wipe).await.unwrap();
        put(&first).await.unwrap();
        let before = first.snapshot().await.unwrap();
        let second = Fenced::take(store, &env).await.unwrap();
        put(&second).await.unwrap();
        assert!(first.snapshot().await.is_err());
        first.lost().await;
        assert!(put(&first).await.is_err());
        let mut t = Transaction::new(before.version());
        t.read_key(b"other").put("k", "late");
        assert!(matches!(first.commit(t).await, Err(CommitError::Conflict { .. })));
    }
}
