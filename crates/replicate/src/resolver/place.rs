//! Where a stream found the end of this region's copy of a log, kept beside the progress: who comes back need not search for it.

use super::LogFollower;
use crate::limits::PLACE_EVERY;
use bytes::Bytes;
use parking_lot::Mutex;
use sterna_env::{Env, Instant};
use sterna_store::Transaction;
use sterna_stream::Places;
use sterna_write::keys;

pub(super) struct Place(Mutex<Kept>);

struct Kept {
    written: Option<Bytes>,
    due: Instant,
}

impl Place {
    pub fn new(env: &Env) -> Self {
        Self(Mutex::new(Kept { written: None, due: env.now() + PLACE_EVERY }))
    }
}

impl LogFollower {
    /// Hands the stream what an earlier life wrote down. Without it, the stream searches.
    pub(super) async fn recall_place(&self) {
        let Some(places) = self.shared.stream.places() else { return };
        let read = async {
            let snapshot = self.store().snapshot().await?;
            sterna_store::get(&*snapshot, &self.place_key()).await
        };
        match read.await {
            Ok(None) => {}
            Ok(Some(place)) => {
                places.recall(self.log, &place);
                self.place.0.lock().written = Some(place);
            }
            Err(error) => tracing::debug!(origin = %self.origin, shard = self.log.shard.0, %error, "the place in the stream can't be read"),
        }
    }

    /// Writes the place down if it has changed, now and then: nothing depends on it.
    pub(super) async fn keep_place(&self) {
        let Some(place) = self.shared.stream.places().and_then(|places| self.changed_place(places)) else { return };
        let mut t = Transaction::default();
        t.put(self.place_key(), place.clone());
        match self.store().commit(t).await {
            Ok(_) => self.place.0.lock().written = Some(place),
            Err(error) => {
                tracing::debug!(origin = %self.origin, shard = self.log.shard.0, %error, "the place in the stream is not written")
            }
        }
    }

    fn changed_place(&self, places: &dyn Places) -> Option<Bytes> {
        let now = self.env().now();
        let mut kept = self.place.0.lock();
        if now < kept.due {
            return None;
        }
        kept.due = now + PLACE_EVERY;
        places.place(self.log, self.copied()).filter(|place| kept.written.as_ref() != Some(place))
    }

    fn store(&self) -> &std::sync::Arc<dyn sterna_store::Store> {
        self.region().stores.of(self.log.shard)
    }

    fn place_key(&self) -> Bytes {
        keys::follower::key(&format!("stream/{}", self.origin), self.log.shard)
    }
}
