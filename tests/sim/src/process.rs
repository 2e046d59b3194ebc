//! One simulated process: its clock, its randomness, its tasks, its sockets.

use crate::dice::Dice;
use parking_lot::Mutex;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use sterna_env::{Boxed, Env, Listener, Socket, World};
use turmoil::net::{TcpListener, TcpStream};

/// When simulated time begins: 2026-01-01.
const EPOCH_US: u64 = 1_767_225_600_000_000;
const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// Lives as long as its host; a restarted process is a new one.
pub struct Process {
    skew_us: Arc<AtomicI64>,
    frozen: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
    dice: Mutex<Dice>,
}

impl Process {
    /// `skew_us`: how far its machine's wall clock is ahead.
    pub fn new(dice: Dice, skew_us: Arc<AtomicI64>) -> Arc<Self> {
        Arc::new(Self { skew_us, frozen: AtomicBool::new(false), waiting: Mutex::default(), dice: Mutex::new(dice) })
    }

    pub fn env(self: &Arc<Self>) -> Env {
        Env::new(SimWorld(Arc::clone(self)))
    }

    /// Time goes on, and none of its tasks runs: a stopped machine, or a very long pause of its scheduler.
    pub fn freeze(&self) {
        self.frozen.store(true, Ordering::Relaxed);
    }

    pub fn thaw(&self) {
        self.frozen.store(false, Ordering::Relaxed);
        self.waiting.lock().drain(..).for_each(Waker::wake);
    }

    /// Resolves when it is not frozen.
    pub async fn awake(&self) {
        std::future::poll_fn(|context| self.poll_awake(context)).await;
    }

    fn poll_awake(&self, context: &Context<'_>) -> Poll<()> {
        if !self.frozen.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        self.waiting.lock().push(context.waker().clone());
        Poll::Pending
    }
}

struct SimWorld(Arc<Process>);

/// A task of a process that may be frozen.
struct Task {
    process: Arc<Process>,
    work: Boxed<'static, ()>,
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.process.poll_awake(context) {
            Poll::Ready(()) => self.work.as_mut().poll(context),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl World for SimWorld {
    fn wall_us(&self) -> u64 {
        let now = EPOCH_US + turmoil::sim_elapsed().map_or(0, |elapsed| elapsed.as_micros() as u64);
        now.saturating_add_signed(self.0.skew_us.load(Ordering::Relaxed))
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.0.dice.lock().fill(bytes);
    }

    #[allow(clippy::disallowed_methods, reason = "this is where the simulation's tasks are spawned")]
    fn spawn(&self, work: Boxed<'static, ()>) -> tokio::task::JoinHandle<()> {
        tokio::spawn(Task { process: Arc::clone(&self.0), work })
    }

    fn connect(&self, address: String) -> Boxed<'static, io::Result<Box<dyn Socket>>> {
        Box::pin(async move {
            let connecting = tokio::time::timeout(CONNECT_WAIT, TcpStream::connect(address));
            let stream = connecting.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            Ok(Box::new(stream) as Box<dyn Socket>)
        })
    }

    fn listen(&self, address: String) -> Boxed<'static, io::Result<Box<dyn Listener>>> {
        Box::pin(async move { Ok(Box::new(Ear(TcpListener::bind(address).await?)) as Box<dyn Listener>) })
    }
}

struct Ear(TcpListener);

impl Listener for Ear {
    fn accept(&mut self) -> Boxed<'_, io::Result<(Box<dyn Socket>, String)>> {
        Box::pin(async move {
            let (stream, peer) = self.0.accept().await?;
            Ok((Box::new(stream) as Box<dyn Socket>, peer.to_string()))
        })
    }

    fn local(&self) -> String {
        self.0.local_addr().map_or_else(|_| "?".to_owned(), |address| address.to_string())
    }
}
