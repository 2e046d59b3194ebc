//! The real world: the system's clocks and sockets.

use crate::{Boxed, Listener, Socket, World};
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::{TcpListener, TcpStream};

/// How long an attempt to connect may take.
const CONNECT_MS_MAX: u64 = 5_000;

pub struct Real;

impl World for Real {
    #[allow(clippy::disallowed_methods, reason = "this is where the clock is read")]
    fn wall_us(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system has randomness");
    }

    #[allow(clippy::disallowed_methods, reason = "this is where tasks are spawned")]
    fn spawn(&self, task: Boxed<'static, ()>) -> tokio::task::JoinHandle<()> {
        tokio::spawn(task)
    }

    fn connect(&self, address: String) -> Boxed<'static, io::Result<Box<dyn Socket>>> {
        Box::pin(async move {
            let connecting = tokio::time::timeout(Duration::from_millis(CONNECT_MS_MAX), TcpStream::connect(address));
            let stream = connecting.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Socket>)
        })
    }

    fn listen(&self, address: String) -> Boxed<'static, io::Result<Box<dyn Listener>>> {
        Box::pin(async move { Ok(Box::new(TcpListener::bind(address).await?) as Box<dyn Listener>) })
    }
}

impl Listener for TcpListener {
    fn accept(&mut self) -> Boxed<'_, io::Result<(Box<dyn Socket>, String)>> {
        Box::pin(async move {
            let (stream, peer) = TcpListener::accept(self).await?;
            stream.set_nodelay(true)?;
            Ok((Box::new(stream) as Box<dyn Socket>, peer.to_string()))
        })
    }

    fn local(&self) -> String {
        self.local_addr().map_or_else(|_| "?".to_owned(), |a| a.to_string())
    }
}
