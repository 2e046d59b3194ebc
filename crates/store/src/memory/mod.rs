//! The memory engine: for tests and simulations, deterministic (no thread, no clock, no random
//! hashing), with every version kept for a while and faults on demand.
//!
//! A commit is first pending, then synced: only then is it checked, applied, visible and answered.
//! Without faults a sync happens within `commit`. What is pending when the store crashes is lost.

mod data;
mod faults;
mod snapshot;

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use futures::channel::oneshot;
use parking_lot::Mutex;

use self::data::Data;
pub use self::faults::{Fault, Faults, Pause};
use crate::{Boxed, CommitError, Committed, Limits, ReadError, Snapshot, Store, Transaction, Version, Watches};

type Answer = Result<Committed, CommitError>;

/// A store in memory. [`Memory::default`] is the sole writer, without faults.
pub struct Memory {
    limits: Limits,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    watches: Watches,
}

struct State {
    data: Data,
    pending: VecDeque<Pending>,
    enqueued: u64,
    faults: faults::State,
    closed: bool,
}

/// A commit that was enqueued and not yet synced.
struct Pending {
    id: u64,
    transaction: Transaction,
    fault: Option<Fault>,
    answer: oneshot::Sender<Answer>,
}

impl Memory {
    /// An empty store with these limits, that keeps this many versions.
    pub fn new(limits: Limits, versions_kept: u64) -> Self {
        Self::of(limits, Data::new(versions_kept))
    }

    /// The handle that breaks things.
    pub fn faults(&self) -> Faults {
        Faults(self.shared.clone())
    }

    /// A new store with what is durable in this one: what a process finds after a restart (see
    /// [`Faults::crash`]), or an old backup brings back.
    pub fn copy(&self) -> Self {
        let data = self.shared.state.lock().data.clone();
        Self::of(self.limits, data)
    }

    fn of(limits: Limits, data: Data) -> Self {
        let state = State { data, pending: VecDeque::new(), enqueued: 0, faults: faults::State::default(), closed: false };
        Self { limits, shared: Arc::new(Shared { state: Mutex::new(state), watches: Watches::default() }) }
    }
}

impl Default for Memory {
    fn default() -> Self {
        let limits = Limits { sole_writer: true, ..Limits::default() };
        Self::new(limits, crate::limits::MEMORY_VERSIONS_KEPT)
    }
}

impl Store for Memory {
    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn snapshot(&self) -> Boxed<'_, Result<Box<dyn Snapshot>, ReadError>> {
        let opened = snapshot::open(&self.shared);
        Box::pin(async move { Ok(Box::new(opened?) as Box<dyn Snapshot>) })
    }

    fn commit(&self, t: Transaction) -> Boxed<'static, Answer> {
        let checked = t.check(&self.limits);
        let enqueued = checked.and_then(|()| self.shared.enqueue(t));
        Box::pin(async move { enqueued?.wait().await })
    }

    fn watch(&self, key: Bytes, seen: Version) -> Boxed<'static, Result<(), ReadError>> {
        let watch = self.shared.watches.register(key.clone());
        let changed = self.shared.state.lock().data.changed_after(&key, seen);
        Box::pin(async move {
            let watch = watch?;
            if changed { Ok(()) } else { watch.await }
        })
    }
}

/// An enqueued commit. Dropped or awaited, it is synced with all that came before it.
struct Enqueued {
    shared: Arc<Shared>,
    id: u64,
    pause: Option<Boxed<'static, ()>>,
    answer: oneshot::Receiver<Answer>,
}

impl Enqueued {
    async fn wait(mut self) -> Answer {
        if let Some(pause) = self.pause.take() {
            pause.await;
        }
        self.shared.sync(self.id);
        let answer = (&mut self.answer).await;
        answer.unwrap_or(Err(CommitError::MaybeCommitted))
    }
}

impl Drop for Enqueued {
    fn drop(&mut self) {
        self.shared.sync(self.id);
    }
}

impl Shared {
    fn enqueue(self: &Arc<Self>, transaction: Transaction) -> Result<Enqueued, CommitError> {
        let (sender, answer) = oneshot::channel();
        let mut state = self.state.lock();
        if state.closed {
            return Err(CommitError::Closed);
        }
        let fault = state.faults.next_commit()?;
        state.enqueued += 1;
        let id = state.enqueued;
        state.pending.push_back(Pending { id, transaction, fault, answer: sender });
        let pause = state.faults.pause();
        drop(state);
        if pause.is_none() {
            self.sync(id);
        }
        Ok(Enqueued { shared: self.clone(), id, pause, answer })
    }

    /// Makes everything enqueued up to `id` durable, as one version, unless commits are held.
    fn sync(&self, id: u64) {
        let mut state = self.state.lock();
        if !state.faults.held() {
            state.sync(id, &self.watches);
        }
    }
}

impl State {
    fn sync(&mut self, id: u64, watches: &Watches) {
        let count = self.pending.partition_point(|pending| pending.id <= id);
        if count == 0 {
            return;
        }
        let mut answers = Vec::with_capacity(count);
        let mut changed = Vec::new();
        self.data.begin();
        for pending in self.pending.drain(..count) {
            let answer = match pending.fault {
                Some(Fault::Lost) => Err(CommitError::MaybeCommitted),
                Some(Fault::Applied) => {
                    // Whether it conflicted or not is what the caller doesn't get to know.
                    let _unknown = self.data.apply(&pending.transaction, &mut changed);
                    Err(CommitError::MaybeCommitted)
                }
                None => self.data.apply(&pending.transaction, &mut changed),
            };
            answers.push((pending.answer, answer));
        }
        self.data.publish();
        for key in changed {
            watches.notify(&key);
        }
        for (sender, answer) in answers {
            let _gone = sender.send(answer);
        }
    }
}

#[cfg(test)]
mod tests;
