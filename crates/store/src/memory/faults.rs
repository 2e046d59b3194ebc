//! What can go wrong, on demand.

use std::{collections::VecDeque, sync::Arc};

use super::Shared;
use crate::{Boxed, CommitError, ReadError};

/// What passes between a commit and its sync: a sleep of the simulated clock, a yield, a gate.
pub type Pause = Arc<dyn Fn() -> Boxed<'static, ()> + Send + Sync>;

/// What happens to one commit, whose caller is told [`CommitError::MaybeCommitted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It had no effect.
    Lost,
    /// It took effect, unless it conflicted.
    Applied,
}

/// Breaks a [`Memory`](super::Memory) and mends it.
#[derive(Clone)]
pub struct Faults(pub(super) Arc<Shared>);

#[derive(Default)]
pub(super) struct State {
    pause: Option<Pause>,
    held: bool,
    next: VecDeque<Fault>,
    unavailable: Option<String>,
    full: bool,
}

impl Faults {
    /// Every later commit waits for a fresh `pause` before it is synced, together with all before it of the same process.
    pub fn delay(&self, pause: Option<Pause>) {
        self.0.state.lock().faults.pause = pause;
    }

    /// Commits stay pending until [`release`](Self::release).
    pub fn hold(&self) {
        self.0.state.lock().faults.held = true;
    }

    /// Syncs everything that is pending, as one version, and holds no more.
    pub fn release(&self) {
        let mut state = self.0.state.lock();
        state.faults.held = false;
        state.sync(|_| true, &self.0.watches);
    }

    /// How many commits are pending.
    pub fn pending(&self) -> usize {
        self.0.state.lock().pending.len()
    }

    /// The next commit that is enqueued (after those already told so) gets `fault`.
    pub fn next_commit(&self, fault: Fault) {
        self.0.state.lock().faults.next.push_back(fault);
    }

    /// Refuses reads and commits, for this reason, until told `None`. What is pending goes on.
    pub fn unavailable(&self, reason: Option<&str>) {
        self.0.state.lock().faults.unavailable = reason.map(str::to_owned);
    }

    /// Refuses commits for want of space, until told otherwise.
    pub fn full(&self, full: bool) {
        self.0.state.lock().faults.full = full;
    }

    /// Makes every version but the newest too old, for reads and for conflict checks.
    pub fn expire(&self) {
        self.0.state.lock().data.expire();
    }

    /// The process dies: of what is pending the first `kept` were synced, and the rest is lost;
    /// their callers, should they live, are told `MaybeCommitted`. This handle and its snapshots are
    /// closed for good; [`Memory::copy`](super::Memory::copy) is what a restart finds.
    pub fn crash(&self, kept: usize) {
        let mut state = self.0.state.lock();
        state.pending.truncate(kept);
        for pending in &mut state.pending {
            pending.fault.get_or_insert(Fault::Applied);
        }
        state.sync(|_| true, &self.0.watches);
        state.closed = true;
        drop(state);
        self.0.watches.close();
    }
}

impl State {
    pub(super) fn held(&self) -> bool {
        self.held
    }

    pub(super) fn pause(&self) -> Option<Boxed<'static, ()>> {
        self.pause.as_ref().map(|pause| pause())
    }

    pub(super) fn readable(&self) -> Result<(), ReadError> {
        match &self.unavailable {
            Some(reason) => Err(ReadError::Unavailable(reason.clone())),
            None => Ok(()),
        }
    }

    /// What is in store for a commit that is about to be enqueued.
    pub(super) fn next_commit(&mut self) -> Result<Option<Fault>, CommitError> {
        if let Some(reason) = &self.unavailable {
            return Err(CommitError::Unavailable(reason.clone()));
        }
        if self.full {
            return Err(CommitError::Full);
        }
        Ok(self.next.pop_front())
    }
}
