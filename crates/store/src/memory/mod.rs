//! The memory engine: for tests and simulations, deterministic (no thread, no clock, no random
//! hashing), with every version kept for a while and faults on demand.
//!
//! A commit is first pending, then synced: only then is it checked, applied, visible and answered.
//! Without faults a sync happens within `commit`. What is pending when the store crashes is lost.

mod data;
mod faults;
mod snapshot;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use futures::channel::oneshot;
use parking_lot::Mutex;

use self::data::Data;
pub use self::faults::{Fault, Faults, Pause};
use crate::{Boxed, CommitError, Committed, Limits, ReadError, Snapshot, Store, Transaction, Version, Watches};

type Answer = Result<Committed, CommitError>;

/// A store in memory, as one process sees it. [`Memory::default`] is the sole writer, without faults.
pub struct Memory {
    limits: Limits,
    shared: Arc<Shared>,
    process: u64,
}

struct Shared {
    state: Mutex<State>,
    watches: Watches,
}

struct State {
    data: Data,
    pending: VecDeque<Pending>,
    enqueued: u64,
    processes: u64,
    /// Processes that died.
    dead: BTreeSet<u64>,
    faults: faults::State,
    closed: bool,
}

/// A commit that was enqueued and not yet synced.
struct Pending {
    id: u64,
    process: u64,
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

    /// The same store for one process more. What different processes commit has no order but that in which it is synced.
    pub fn connect(&self) -> Self {
        let mut state = self.shared.state.lock();
        state.processes += 1;
        Self { limits: self.limits, shared: self.shared.clone(), process: state.processes }
    }

    /// The process of this handle dies, and the store goes on: of what it has pending, that is lost for which `lost` says so, and the rest
    /// takes effect. The handle commits no more.
    pub fn disconnect(&self, mut lost: impl FnMut() -> bool) {
        let mut state = self.shared.state.lock();
        for pending in state.pending.iter_mut().filter(|pending| pending.process == self.process) {
            pending.fault.get_or_insert_with(|| if lost() { Fault::Lost } else { Fault::Applied });
        }
        state.sync(|pending| pending.process == self.process, &self.shared.watches);
        state.dead.insert(self.process);
    }

    fn of(limits: Limits, data: Data) -> Self {
        let state = State {
            data,
            pending: VecDeque::new(),
            enqueued: 0,
            processes: 0,
            dead: BTreeSet::new(),
            faults: faults::State::default(),
            closed: false,
        };
        Self { limits, shared: Arc::new(Shared { state: Mutex::new(state), watches: Watches::default() }), process: 0 }
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
        let enqueued = checked.and_then(|()| self.shared.enqueue(self.process, t));
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

/// An enqueued commit. Dropped or awaited, it is synced with all that its process enqueued before it.
struct Enqueued {
    shared: Arc<Shared>,
    process: u64,
    id: u64,
    pause: Option<Boxed<'static, ()>>,
    answer: oneshot::Receiver<Answer>,
}

impl Enqueued {
    async fn wait(mut self) -> Answer {
        if let Some(pause) = self.pause.take() {
            pause.await;
        }
        self.shared.sync(self.process, self.id);
        let answer = (&mut self.answer).await;
        answer.unwrap_or(Err(CommitError::MaybeCommitted))
    }
}

impl Drop for Enqueued {
    fn drop(&mut self) {
        self.shared.sync(self.process, self.id);
    }
}

impl Shared {
    fn enqueue(self: &Arc<Self>, process: u64, transaction: Transaction) -> Result<Enqueued, CommitError> {
        let (sender, answer) = oneshot::channel();
        let mut state = self.state.lock();
        if state.closed || state.dead.contains(&process) {
            return Err(CommitError::Closed);
        }
        let fault = state.faults.next_commit()?;
        state.enqueued += 1;
        let id = state.enqueued;
        state.pending.push_back(Pending { id, process, transaction, fault, answer: sender });
        let pause = state.faults.pause();
        drop(state);
        if pause.is_none() {
            self.sync(process, id);
        }
        Ok(Enqueued { shared: self.clone(), process, id, pause, answer })
    }

    /// Makes everything that `process` enqueued up to `id` durable, as one version, unless commits are held.
    fn sync(&self, process: u64, id: u64) {
        let mut state = self.state.lock();
        if !state.faults.held() {
            state.sync(|pending| pending.process == process && pending.id <= id, &self.watches);
        }
    }
}

impl State {
    fn sync(&mut self, due: impl Fn(&Pending) -> bool, watches: &Watches) {
        let (due, waiting): (VecDeque<_>, _) = std::mem::take(&mut self.pending).into_iter().partition(due);
        self.pending = waiting;
        if due.is_empty() {
            return;
        }
        let mut answers = Vec::with_capacity(due.len());
        let mut changed = Vec::new();
        self.data.begin();
        for pending in due {
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
