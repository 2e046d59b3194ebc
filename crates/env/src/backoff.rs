//! Waiting between attempts.

use crate::Env;
use std::time::Duration;

/// Exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015).
pub struct Backoff {
    first: Duration,
    most: Duration,
    attempt: u32,
}

impl Backoff {
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, attempt: 0 }
    }

    /// After a success.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }

    /// The next pause: at least half of the first, at most `most`.
    pub fn next(&mut self, env: &Env) -> Duration {
        let ceiling = self.first.saturating_mul(1 << self.attempt.min(16)).min(self.most);
        self.attempt += 1;
        let share = (env.random_u64() >> 11) as f64 / (1u64 << 53) as f64;
        ceiling.mul_f64(share).max(self.first / 2)
    }

    pub async fn pause(&mut self, env: &Env) {
        let pause = self.next(env);
        env.sleep(pause).await;
    }
}
