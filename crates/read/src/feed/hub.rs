//! The newest pages in memory, and who waits for the next.

use super::{Cursor, Pages};
use crate::keys::feed::Record;
use crate::limits::FEED_RECENT_PAGES;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::watch;

/// The end of the feed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tip {
    /// The newest page, if there is one.
    pub last: Option<u64>,
    /// The page that will be written next.
    pub next: u64,
}

impl Tip {
    /// The page at which everything was heard. As long as there is none it is the same for every process, whatever the first one's
    /// number will be.
    pub fn end(self) -> u64 {
        self.last.map_or(0, |_| self.next)
    }
}

/// Committed pages only.
pub(crate) struct Hub {
    life: u64,
    tip: watch::Sender<Tip>,
    recent: Mutex<VecDeque<(u64, Arc<Record>)>>,
}

impl Hub {
    pub fn new(life: u64, tip: Tip) -> Self {
        Self { life, tip: watch::Sender::new(tip), recent: Mutex::default() }
    }

    pub fn life(&self) -> u64 {
        self.life
    }

    /// Behind everything that was committed.
    pub fn end(&self) -> Cursor {
        Cursor { life: self.life, page: self.tip.borrow().end(), heard: 0 }
    }

    pub fn subscribe(&self) -> watch::Receiver<Tip> {
        self.tip.subscribe()
    }

    pub fn recent(&self, page: u64) -> Option<Arc<Record>> {
        let recent = self.recent.lock();
        let at = recent.binary_search_by_key(&page, |(number, _)| *number).ok()?;
        Some(recent[at].1.clone())
    }

    /// Pages that were just committed, in order.
    pub fn publish(&self, pages: Pages) {
        let Some(&(last, _)) = pages.last() else { return };
        let mut recent = self.recent.lock();
        recent.extend(pages);
        while recent.len() > FEED_RECENT_PAGES {
            recent.pop_front();
        }
        drop(recent);
        self.tip.send_replace(Tip { last: Some(last), next: last + 1 });
    }

    /// The tip is what the store says.
    pub fn correct(&self, tip: Tip) {
        if *self.tip.borrow() != tip {
            self.recent.lock().clear();
            self.tip.send_replace(tip);
        }
    }
}
