//! Clocks, randomness, spawning, connecting and listening: everything that a simulation replaces.
//!
//! Nothing else in the workspace reads a clock, makes a random number, spawns a task or opens a socket by itself. Time to wait
//! is tokio's (a simulation pauses it); wall time is only stored, never used to measure.

mod backoff;
mod hashing;
pub mod mutation;
mod real;
mod scope;
#[cfg(feature = "testing")]
pub mod testing;

pub use backoff::Backoff;
pub use hashing::{HashMap, HashSet, HashState, seed_hashing};
pub use real::Real;
pub use scope::Scope;
pub use tokio::time::Instant;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A connected byte stream.
pub trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

pub trait Listener: Send {
    /// The next connection and its peer's address as text.
    fn accept(&mut self) -> Boxed<'_, io::Result<(Box<dyn Socket>, String)>>;
    /// The address in use, with the port that was chosen if 0 was asked for.
    fn local(&self) -> String;
}

/// What a simulation implements.
pub trait World: Send + Sync {
    /// Microseconds since the Unix epoch.
    fn wall_us(&self) -> u64;
    fn fill_random(&self, bytes: &mut [u8]);
    fn spawn(&self, task: Boxed<'static, ()>) -> tokio::task::JoinHandle<()>;
    /// `address` is `host:port`.
    fn connect(&self, address: String) -> Boxed<'static, io::Result<Box<dyn Socket>>>;
    fn listen(&self, address: String) -> Boxed<'static, io::Result<Box<dyn Listener>>>;
}

/// The world as one process sees it. Cheap to clone.
#[derive(Clone)]
pub struct Env(Arc<dyn World>);

impl Env {
    pub fn new(world: impl World + 'static) -> Self {
        Self(Arc::new(world))
    }

    pub fn real() -> Self {
        Self::new(Real)
    }

    /// Monotonic; paused and stepped in a simulation.
    #[allow(clippy::disallowed_methods, reason = "this is where the clock is read")]
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    pub fn wall_us(&self) -> u64 {
        self.0.wall_us()
    }

    pub fn wall_ms(&self) -> u64 {
        self.0.wall_us() / 1000
    }

    #[allow(clippy::disallowed_methods, reason = "this is where sleeping is done")]
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// `None` when `duration` has passed first.
    pub async fn timeout<T>(&self, duration: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(duration, work).await.ok()
    }

    pub fn fill_random(&self, bytes: &mut [u8]) {
        self.0.fill_random(bytes);
    }

    pub fn random_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill_random(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
        self.0.spawn(Box::pin(task))
    }

    pub async fn connect(&self, address: &str) -> io::Result<Box<dyn Socket>> {
        self.0.connect(address.to_owned()).await
    }

    pub async fn listen(&self, address: &str) -> io::Result<Box<dyn Listener>> {
        self.0.listen(address.to_owned()).await
    }
}
