//! Transactions on their way to the committer.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use futures::channel::oneshot;
use parking_lot::{Condvar, Mutex};
use sterna_store::{CommitError, Committed, Transaction};

use crate::limits::{BATCH_BYTES_MAX, BATCH_TRANSACTIONS_MAX, QUEUE_BYTES_MAX, QUEUE_TRANSACTIONS_MAX};

pub(crate) type Answer = Result<Committed, CommitError>;

/// A transaction and who waits for its answer.
pub(crate) struct Request {
    pub(crate) transaction: Transaction,
    pub(crate) answer: oneshot::Sender<Answer>,
    bytes: usize,
}

/// First in, first out; bounded; closed once.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    requests: VecDeque<Request>,
    bytes: usize,
    /// The committer sleeps until so many wait; 0 while it is awake.
    wanted: usize,
    closed: bool,
}

/// Why [`Queue::wait`] returned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    Ready,
    Idle,
    Closed,
}

impl Queue {
    /// Enqueues; the answer comes through the receiver.
    pub(crate) fn push(&self, transaction: Transaction) -> Result<oneshot::Receiver<Answer>, CommitError> {
        let bytes = transaction.bytes();
        let (answer, receiver) = oneshot::channel();
        let mut state = self.state.lock();
        if state.closed {
            return Err(CommitError::Closed);
        }
        let full = state.bytes + bytes > QUEUE_BYTES_MAX && !state.requests.is_empty();
        if full || state.requests.len() >= QUEUE_TRANSACTIONS_MAX {
            return Err(CommitError::Unavailable("too many commits wait".into()));
        }
        state.bytes += bytes;
        state.requests.push_back(Request { transaction, answer, bytes });
        if state.wanted > 0 && state.requests.len() >= state.wanted {
            state.wanted = 0;
            drop(state);
            self.wake.notify_one();
        }
        Ok(receiver)
    }

    pub(crate) fn len(&self) -> usize {
        self.state.lock().requests.len()
    }

    /// Waits until there is a request, or until `deadline`. Closed only once it is empty.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Woken {
        self.wait_for(1, deadline)
    }

    /// Waits until `wanted` requests are there, but not longer than `time`.
    pub(crate) fn linger(&self, wanted: usize, time: Duration) {
        self.wait_for(wanted, Some(crate::clock::now() + time));
    }

    fn wait_for(&self, wanted: usize, deadline: Option<Instant>) -> Woken {
        let mut state = self.state.lock();
        loop {
            if state.requests.len() >= wanted {
                return Woken::Ready;
            }
            if state.closed {
                return if state.requests.is_empty() { Woken::Closed } else { Woken::Ready };
            }
            state.wanted = wanted;
            let timed_out = match deadline {
                Some(deadline) => self.wake.wait_until(&mut state, deadline).timed_out(),
                None => {
                    self.wake.wait(&mut state);
                    false
                }
            };
            state.wanted = 0;
            if timed_out && state.requests.len() < wanted {
                return Woken::Idle;
            }
        }
    }

    /// The oldest requests, as many as a batch may have; at least one if there is any.
    pub(crate) fn take(&self) -> Vec<Request> {
        let mut state = self.state.lock();
        let mut bytes = 0;
        let room = |request: &&Request| {
            bytes += request.bytes;
            bytes <= BATCH_BYTES_MAX
        };
        let fitting = state.requests.iter().take_while(room).count();
        let count = fitting.clamp(1, BATCH_TRANSACTIONS_MAX).min(state.requests.len());
        let taken: Vec<_> = state.requests.drain(..count).collect();
        state.bytes -= taken.iter().map(|request| request.bytes).sum::<usize>();
        taken
    }

    /// Takes no more; the committer ends when the queue is empty.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.wake.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(bytes: usize) -> Transaction {
        let mut t = Transaction::blind();
        t.put("k", vec![0; bytes - 1]);
        t
    }

    #[test]
    fn a_batch_takes_what_fits_and_at_least_one() {
        let queue = Queue::default();
        let sizes = [BATCH_BYTES_MAX + 1, 10, BATCH_BYTES_MAX - 10, 1];
        let _answers: Vec<_> = sizes.iter().map(|size| queue.push(put(*size)).unwrap()).collect();
        let taken = [(); 3].map(|()| queue.take().len());
        assert_eq!(taken, [1, 2, 1]);
        assert_eq!((queue.take().len(), queue.state.lock().bytes), (0, 0));
    }

    #[test]
    fn more_than_its_limit_is_refused_at_once() {
        let queue = Queue::default();
        let _answers: Vec<_> = (0..QUEUE_TRANSACTIONS_MAX).map(|_| queue.push(put(2)).unwrap()).collect();
        let refused = queue.push(put(2)).unwrap_err();
        assert!(matches!(refused, CommitError::Unavailable(_)));
    }

    #[test]
    fn a_closed_queue_is_emptied_first() {
        let queue = Queue::default();
        let _answer = queue.push(put(2)).unwrap();
        queue.close();
        assert_eq!(queue.push(put(2)).unwrap_err(), CommitError::Closed);
        assert_eq!(queue.wait(None), Woken::Ready);
        queue.take();
        assert_eq!(queue.wait(None), Woken::Closed);
    }
}
