//! A way from one region to another that can be cut.

use crate::free_port;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use sterna_env::{Env, Scope, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::watch;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkMode {
    Up,
    /// Connections end, and new ones end at once.
    Cut,
    /// Connections stay, and nothing comes through: as when a router loses every packet.
    Frozen,
    /// Every piece takes this long, in each direction.
    Slow(Duration),
}

/// Listens on a port of its own and passes on to another.
pub struct Relay {
    pub port: u16,
    to: Arc<AtomicU16>,
    mode: watch::Sender<LinkMode>,
    scope: Scope,
}

type Mode = watch::Receiver<LinkMode>;

impl Relay {
    pub async fn start(to: u16) -> Self {
        let scope = Scope::new(Env::real());
        let (mode, watched) = watch::channel(LinkMode::Up);
        let (mut listener, port) = loop {
            let port = free_port();
            if let Ok(listener) = scope.env().listen(&format!("127.0.0.1:{port}")).await {
                break (listener, port);
            }
        };
        let (connections, to) = (scope.clone(), Arc::new(AtomicU16::new(to)));
        let target = Arc::clone(&to);
        scope.spawn_until_stop(async move {
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn_until_stop(pass(connections.env().clone(), socket, target.load(Ordering::Relaxed), watched.clone()));
            }
        });
        Self { port, to, mode, scope }
    }

    /// Where new connections go, as a balancer sends them to another process.
    pub fn point_to(&self, port: u16) {
        self.to.store(port, Ordering::Relaxed);
    }

    pub fn set(&self, mode: LinkMode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.scope.ask_to_stop();
    }
}

async fn pass(env: Env, near: Box<dyn Socket>, to: u16, mut mode: Mode) {
    if through(&env, &mut mode).await.is_err() {
        return;
    }
    let Ok(far) = env.connect(&format!("127.0.0.1:{to}")).await else { return };
    let ((near_in, near_out), (far_in, far_out)) = (tokio::io::split(near), tokio::io::split(far));
    tokio::select! {
        () = pump(&env, near_in, far_out, mode.clone()) => {}
        () = pump(&env, far_in, near_out, mode.clone()) => {}
        _ = mode.wait_for(|mode| *mode == LinkMode::Cut) => {}
    }
}

async fn pump(env: &Env, mut from: ReadHalf<Box<dyn Socket>>, mut to: WriteHalf<Box<dyn Socket>>, mut mode: Mode) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        if through(env, &mut mode).await.is_err() || to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
    _ = to.shutdown().await;
}

/// Waits as long as the link makes a piece wait.
async fn through(env: &Env, mode: &mut Mode) -> Result<(), ()> {
    let now = *mode.wait_for(|mode| *mode != LinkMode::Frozen).await.map_err(|_| ())?;
    match now {
        LinkMode::Up | LinkMode::Frozen => Ok(()),
        LinkMode::Cut => Err(()),
        LinkMode::Slow(delay) => {
            env.sleep(delay).await;
            Ok(())
        }
    }
}
