//! Following the feed.

use super::{Cursor, FeedFilter, FeedItem, Tip};
use crate::keys::decode;
use crate::keys::feed::{self, Record};
use crate::limits::{FEED_KEEP_ALIVE, RETRY_FIRST, RETRY_MOST};
use crate::shared::Shared;
use futures::Stream;
use std::sync::Arc;
use sterna_crdt::Name;
use sterna_env::{Backoff, Instant};
use sterna_store::Page;
use sterna_write::ETag;
use tokio::sync::watch;

/// A stream that ends with the scope.
pub(crate) fn follow(shared: Arc<Shared>, from: Option<Cursor>, filter: FeedFilter) -> impl Stream<Item = FeedItem> + Send + 'static {
    let follower = Follower {
        tip: shared.feed.subscribe(),
        at: from.unwrap_or_else(|| shared.feed.end()),
        page: None,
        heard_at: shared.region.env.now(),
        shared,
        filter,
    };
    futures::stream::unfold(follower, |mut follower| async move {
        let item = follower.next().await?;
        follower.heard_at = follower.shared.region.env.now();
        Some((item, follower))
    })
}

struct Follower {
    shared: Arc<Shared>,
    filter: FeedFilter,
    tip: watch::Receiver<Tip>,
    /// What was heard.
    at: Cursor,
    /// The page that `at` is in, once it is loaded.
    page: Option<Arc<Record>>,
    heard_at: Instant,
}

/// Where reading goes on.
enum Load {
    Page(u64, Arc<Record>),
    /// Everything was heard.
    End,
    /// What follows is gone.
    Gone,
}

impl Follower {
    async fn next(&mut self) -> Option<FeedItem> {
        let mut backoff = Backoff::new(RETRY_FIRST, RETRY_MOST);
        loop {
            if let Some(page) = self.page.clone() {
                if let Some(item) = self.next_of(&page) {
                    return Some(item);
                }
                continue;
            }
            let tip = *self.tip.borrow_and_update();
            if self.at.life != self.shared.feed.life() || self.at.page > tip.next {
                return Some(self.reset());
            }
            match self.load(tip).await {
                Ok(Load::Page(number, page)) => {
                    self.at.page = number;
                    self.page = Some(page);
                }
                Ok(Load::Gone) => return Some(self.reset()),
                Ok(Load::End) => {
                    self.at = Cursor { page: tip.end(), ..self.at };
                    if let Some(item) = self.wait().await? {
                        return Some(item);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the change feed can't be read");
                    tokio::select! {
                        biased;
                        () = self.shared.scope.stopping() => return None,
                        () = backoff.pause(&self.shared.region.env) => {}
                    }
                }
            }
        }
    }

    /// The next item of a page that the filter lets through, or the page is left.
    fn next_of(&mut self, page: &Record) -> Option<FeedItem> {
        while let Some(change) = page.changes.get(self.at.heard as usize) {
            self.at.heard += 1;
            if let Some(item) = self.item(page, change) {
                self.shared.metrics.feed_items.inc();
                return Some(item);
            }
        }
        self.at = Cursor { page: self.at.page + 1, heard: 0, ..self.at };
        self.page = None;
        if page.reset {
            return Some(FeedItem::Reset { cursor: self.at });
        }
        let silent = self.shared.region.env.now() - self.heard_at >= FEED_KEEP_ALIVE;
        silent.then_some(FeedItem::KeepAlive { cursor: self.at })
    }

    fn item(&self, page: &Record, change: &feed::Change) -> Option<FeedItem> {
        let name = |number: &u16| page.names.get(usize::from(*number)).cloned().unwrap_or_else(|| Name::from("?"));
        let views: Vec<Name> = change.views.iter().map(name).collect();
        let (model, stored) = (self.shared.region.model(), name(&change.kind));
        let declared = model.aggregate(&stored);
        let shown = declared.map_or(&stored, |of| &of.name);
        let FeedFilter { kind: of, id, view } = &self.filter;
        let passes = of.as_ref().is_none_or(|of| *of == *shown || *of == stored)
            && id.as_ref().is_none_or(|id| *id == change.id)
            && view.as_ref().is_none_or(|view| views.contains(view));
        let command = name(&change.command);
        passes.then(|| FeedItem::Change {
            cursor: self.at,
            kind: shown.clone(),
            id: change.id.clone(),
            event: change.event,
            command: declared.and_then(|of| of.command(&command)).map_or(&command, |command| &command.name).clone(),
            etag: ETag::parse(&format!("{:016x}", change.etag)).expect("16 hexadecimal digits are an ETag"),
            views,
        })
    }

    async fn load(&self, tip: Tip) -> Result<Load, LoadError> {
        if self.at.page == tip.next {
            return Ok(if self.at.heard == 0 { Load::End } else { Load::Gone });
        }
        if let Some(page) = self.shared.feed.recent(self.at.page) {
            return Ok(Load::Page(self.at.page, page));
        }
        let snapshot = self.shared.store.snapshot().await?;
        let pairs = snapshot.scan(feed::from(self.at.page), Page::first(1)).await?;
        let continues = |previous: Option<u64>| self.at.heard == 0 && previous.map_or(0, |previous| previous + 1) == self.at.page;
        let found = pairs.first().map(|(key, value)| (feed::parse(key).unwrap_or_default(), value));
        // What is committed can be read before the tip says so. It waits for the tip: who is ahead of that is taken for one who heard
        // what is lost.
        let Some((number, value)) = found.filter(|(number, _)| *number < tip.next) else {
            return Ok(if continues(tip.last) { Load::End } else { Load::Gone });
        };
        let page: Record = decode("feed page", value)?;
        if number == self.at.page || continues(page.previous) { Ok(Load::Page(number, Arc::new(page))) } else { Ok(Load::Gone) }
    }

    /// Until there is more, or it is time for a sign of life. The outer `None` ends the stream.
    async fn wait(&mut self) -> Option<Option<FeedItem>> {
        let env = self.shared.region.env.clone();
        let silence = (self.heard_at + FEED_KEEP_ALIVE).saturating_duration_since(env.now());
        tokio::select! {
            biased;
            () = self.shared.scope.stopping() => None,
            changed = self.tip.changed() => changed.ok().map(|()| None),
            () = env.sleep(silence) => Some(Some(FeedItem::KeepAlive { cursor: self.at })),
        }
    }

    fn reset(&mut self) -> FeedItem {
        self.at = self.shared.feed.end();
        FeedItem::Reset { cursor: self.at }
    }
}

#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error(transparent)]
    Read(#[from] sterna_store::ReadError),
    #[error(transparent)]
    Unreadable(#[from] crate::keys::Unreadable),
}
