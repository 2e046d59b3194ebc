//! For tests: a world whose wall clock is tokio's paused one, and whose randomness has a seed. It has no network.

use crate::{Boxed, Env, Instant, Listener, Socket, World};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

struct Simulated {
    start: Instant,
    seed: AtomicU64,
}

/// The same seed gives the same random bytes in the same order.
pub fn paused(seed: u64) -> Env {
    Env::new(Simulated { start: Env::real().now(), seed: AtomicU64::new(seed) })
}

impl World for Simulated {
    fn wall_us(&self) -> u64 {
        1_700_000_000_000_000 + Env::real().now().duration_since(self.start).as_micros() as u64
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut z = self.seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }

    fn spawn(&self, task: Boxed<'static, ()>) -> tokio::task::JoinHandle<()> {
        Env::real().spawn(task)
    }

    fn connect(&self, _: String) -> Boxed<'static, io::Result<Box<dyn Socket>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    fn listen(&self, _: String) -> Boxed<'static, io::Result<Box<dyn Listener>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }
}
