//! How it goes with the way from an origin to here.

use crate::limits::SILENCE_MAX;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use sterna_env::{Env, Instant};
use sterna_log::{Frame, Position};
use tokio::sync::watch;

pub(super) struct Link {
    env: Env,
    state: watch::Sender<State>,
    /// What the last heartbeat said of its time.
    sent_ms: AtomicU64,
}

#[derive(Clone, Copy)]
enum State {
    Heard(Instant),
    Unreachable,
    /// The origin disagrees about the cluster: its log is not sought elsewhere either.
    Refused,
}

impl Link {
    pub fn new(env: &Env) -> Self {
        Self { env: env.clone(), state: watch::Sender::new(State::Heard(env.now())), sent_ms: AtomicU64::new(0) }
    }

    /// The stream delivered a frame. True if that shows the origin to be alive: a stream may keep the last heartbeat of a dead one.
    pub fn heard(&self, frame: &Frame, copied: Position) -> bool {
        let known = self.sent_ms.swap(frame.sent_ms, Ordering::Relaxed) == frame.sent_ms;
        let alive = !known || frame.sent_ms == 0 || frame.end() > copied;
        if alive {
            self.state.send_if_modified(|state| {
                *state = State::Heard(self.env.now());
                false
            });
        }
        alive
    }

    pub fn unreachable(&self) {
        self.state.send_replace(State::Unreachable);
    }

    pub fn refused(&self) {
        self.state.send_replace(State::Refused);
    }

    /// Resolves when the origin is silent or out of reach.
    pub async fn silent(&self) {
        let mut state = self.state.subscribe();
        loop {
            let patience = match *state.borrow_and_update() {
                State::Heard(at) => (at + SILENCE_MAX).saturating_duration_since(self.env.now()),
                State::Unreachable => Duration::ZERO,
                State::Refused => SILENCE_MAX,
            };
            if patience.is_zero() {
                return;
            }
            self.env.timeout(patience, state.changed()).await;
        }
    }
}
