//! How it goes with the way from an origin to here.

use crate::limits::SILENCE_MAX;
use parking_lot::Mutex;
use std::time::Duration;
use sterna_env::{Env, Instant};
use tokio::sync::Notify;

pub(super) struct Link {
    env: Env,
    state: Mutex<State>,
    changed: Notify,
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
        Self { env: env.clone(), state: Mutex::new(State::Heard(env.now())), changed: Notify::new() }
    }

    pub fn heard(&self) {
        *self.state.lock() = State::Heard(self.env.now());
    }

    pub fn unreachable(&self) {
        *self.state.lock() = State::Unreachable;
        self.changed.notify_one();
    }

    pub fn refused(&self) {
        *self.state.lock() = State::Refused;
    }

    /// Resolves when the origin is silent or out of reach.
    pub async fn silent(&self) {
        loop {
            let patience = match *self.state.lock() {
                State::Heard(at) => (at + SILENCE_MAX).saturating_duration_since(self.env.now()),
                State::Unreachable => Duration::ZERO,
                State::Refused => SILENCE_MAX,
            };
            if patience.is_zero() {
                return;
            }
            self.env.timeout(patience, self.changed.notified()).await;
        }
    }
}
