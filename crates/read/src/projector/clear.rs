//! Clearing what nobody reads any more, in bounded steps: old generations, old pages of the feed, a store that doesn't fit.

use super::{ProjectError, Projector};
use crate::StartError;
use crate::keys::meta::{STORE, VIEWS};
use crate::keys::{GENERATION_LETTERS, encode, failed, feed, generation_prefix, progress};
use crate::limits::{CLEAR_AFTER, CLEAR_KEYS_MAX, FEED_TRIM_EVERY};
use bytes::Bytes;
use std::ops::Range;
use sterna_env::HashMap;
use sterna_env::Instant;
use sterna_store::{Page, Snapshot, Store, Transaction, all_keys, key_range, prefix_range};

/// What is remembered between steps; a restart begins anew.
#[derive(Default)]
pub(super) struct Clearing {
    /// When generations were first seen to be cleared.
    since: HashMap<u32, Instant>,
    /// Up to where the first one is cleared, so that no step reads over what is gone.
    cleared: Option<(u32, Bytes)>,
    /// The page of the feed at which it is trimmed next.
    trim_at: u64,
}

impl Projector {
    /// A step. False if there is nothing to clear now.
    pub(super) async fn clear(&mut self) -> Result<bool, ProjectError> {
        Ok(self.clear_generation().await? || self.trim_feed().await?)
    }

    async fn clear_generation(&mut self) -> Result<bool, ProjectError> {
        let now = self.shared.region.env.now();
        let due = self
            .registry
            .record
            .clearing
            .iter()
            .copied()
            .find(|generation| now - *self.clearing.since.entry(*generation).or_insert(now) >= CLEAR_AFTER);
        let Some(generation) = due else { return Ok(false) };
        let snapshot = self.snapshot().await?;
        let mut t = self.transaction(snapshot.version());
        let cleared = self.clearing.cleared.take().filter(|(of, _)| *of == generation).map(|(_, key)| key).unwrap_or_default();
        match first_keys(&*snapshot, generation, &cleared).await? {
            Some(range) => {
                self.clearing.cleared = Some((generation, range.end.clone()));
                t.clear(range);
                self.shared.store.commit(t).await?;
            }
            None => {
                let mut registry = self.registry.clone();
                registry.record.clearing.retain(|clearing| *clearing != generation);
                t.clear(key_range(&failed::key(generation))).put(VIEWS, encode(&registry.record));
                self.shared.store.commit(t).await?;
                self.registry = registry;
                self.failed.remove(&generation);
                self.clearing.since.remove(&generation);
            }
        }
        Ok(true)
    }

    async fn trim_feed(&mut self) -> Result<bool, ProjectError> {
        let next = self.feed.tip().next;
        if next < self.clearing.trim_at {
            return Ok(false);
        }
        let snapshot = self.snapshot().await?;
        let oldest = snapshot.scan(feed::all(), Page::DEFAULT).await?;
        let Some(expired) = self.feed.expired(&oldest, self.shared.region.env.wall_ms())? else {
            self.clearing.trim_at = next + FEED_TRIM_EVERY;
            return Ok(false);
        };
        let mut t = self.transaction(snapshot.version());
        t.clear(expired);
        self.shared.store.commit(t).await?;
        Ok(true)
    }
}

/// Some of the first keys of a generation, from `cleared` on, as a range.
async fn first_keys(snapshot: &dyn Snapshot, generation: u32, cleared: &Bytes) -> Result<Option<Range<Bytes>>, ProjectError> {
    let mut letters = GENERATION_LETTERS;
    letters.sort_unstable();
    for letter in letters {
        let all = prefix_range(&generation_prefix(letter, generation));
        let range = all.start.max(cleared.clone())..all.end;
        if range.start >= range.end {
            continue;
        }
        let pairs = snapshot.scan(range.clone(), Page::first(CLEAR_KEYS_MAX)).await?;
        if let Some((last, _)) = pairs.last() {
            return Ok(Some(range.start..key_range(last).end));
        }
    }
    Ok(None)
}

/// Removes everything; first what says that there is something, so that a wipe that was cut short is begun again.
pub(super) async fn wipe(store: &dyn Store) -> Result<(), StartError> {
    let mut t = Transaction::blind();
    t.clear(key_range(&STORE)).clear(prefix_range(&[progress::LETTER]));
    store.commit(t).await?;
    let mut from = all_keys().start;
    loop {
        let pairs = store.snapshot().await?.scan(from.clone()..all_keys().end, Page::first(CLEAR_KEYS_MAX)).await?;
        let Some((last, _)) = pairs.last() else { return Ok(()) };
        let end = key_range(last).end;
        let mut t = Transaction::blind();
        t.clear(from..end.clone());
        store.commit(t).await?;
        from = end;
    }
}
