use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::channel::oneshot;
use parking_lot::Mutex;

use crate::{ReadError, limits::WATCHES_MAX};

/// Who waits for which key: the part of [`Store::watch`](crate::Store::watch) that engines within
/// one process share. Costs a committer one atomic load while nobody watches.
#[derive(Clone, Default)]
pub struct Watches(Arc<Shared>);

#[derive(Default)]
struct Shared {
    count: AtomicUsize,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    closed: bool,
    next_id: u64,
    waiting: BTreeMap<Bytes, Vec<(u64, oneshot::Sender<()>)>>,
}

impl Watches {
    /// Waits for the next [`notify`](Self::notify) of `key`.
    pub fn register(&self, key: Bytes) -> Result<Watch, ReadError> {
        let mut table = self.0.table.lock();
        if table.closed {
            return Err(ReadError::Closed);
        }
        if self.0.count.load(Ordering::SeqCst) >= WATCHES_MAX {
            return Err(ReadError::Unavailable("too many watches".into()));
        }
        self.0.count.fetch_add(1, Ordering::SeqCst);
        let id = table.next_id;
        table.next_id += 1;
        let (sender, receiver) = oneshot::channel();
        table.waiting.entry(key.clone()).or_default().push((id, sender));
        Ok(Watch { watches: self.clone(), key, id, receiver })
    }

    /// Whether a notification would reach nobody.
    ///
    /// Read by modifying, so that of a committer (publish, then ask) and a watcher (register, then
    /// look at what is published) at least one sees the other.
    pub fn is_empty(&self) -> bool {
        self.0.count.fetch_add(0, Ordering::SeqCst) == 0
    }

    /// Wakes everybody who waits for `key`.
    pub fn notify(&self, key: &[u8]) {
        if self.is_empty() {
            return;
        }
        let woken = self.0.table.lock().waiting.remove(key).unwrap_or_default();
        self.0.count.fetch_sub(woken.len(), Ordering::SeqCst);
        for (_, sender) in woken {
            let _gone = sender.send(());
        }
    }

    /// Ends every watch, and those to come, with [`ReadError::Closed`].
    pub fn close(&self) {
        let mut table = self.0.table.lock();
        table.closed = true;
        let waiting = std::mem::take(&mut table.waiting);
        self.0.count.store(0, Ordering::SeqCst);
        drop(table);
        drop(waiting);
    }

    fn remove(&self, key: &Bytes, id: u64) {
        let mut table = self.0.table.lock();
        let Some(senders) = table.waiting.get_mut(key) else {
            return;
        };
        let before = senders.len();
        senders.retain(|(other, _)| *other != id);
        self.0.count.fetch_sub(before - senders.len(), Ordering::SeqCst);
        if senders.is_empty() {
            table.waiting.remove(key);
        }
    }
}

/// A registered watch; dropping it removes it.
pub struct Watch {
    watches: Watches,
    key: Bytes,
    id: u64,
    receiver: oneshot::Receiver<()>,
}

impl Future for Watch {
    type Output = Result<(), ReadError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(cx).map(|told| told.map_err(|_| ReadError::Closed))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watches.remove(&self.key, self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[test]
    fn a_dropped_watch_leaves_nothing_behind() {
        let watches = Watches::default();
        let kept = watches.register("k".into()).unwrap();
        drop(watches.register("k".into()).unwrap());
        assert_eq!(watches.0.count.load(Ordering::SeqCst), 1);
        watches.notify(b"k");
        assert_eq!(kept.now_or_never(), Some(Ok(())));
        assert!(watches.is_empty());
    }

    #[test]
    fn closing_ends_watches() {
        let watches = Watches::default();
        let watch = watches.register("k".into()).unwrap();
        watches.close();
        assert_eq!(watch.now_or_never(), Some(Err(ReadError::Closed)));
        assert_eq!(watches.register("k".into()).err(), Some(ReadError::Closed));
    }
}
