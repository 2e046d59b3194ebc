//! Connections: HTTP/1.1, and HTTP/2 by prior knowledge, on one port.

use crate::metrics::Gauged;
use crate::socket::ClientSocket;
use crate::{Limits, Metrics};
use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use sterna_env::{Backoff, Env, Listener, Scope, Socket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[derive(Clone)]
pub struct ServeOptions {
    pub limits: Arc<Limits>,
    /// Of the region whose connections they are.
    pub metrics: Option<Metrics>,
    /// Answers carry `Date`. A simulation turns it off: it is read from the system's clock.
    pub date: bool,
}

/// Takes connections until the scope stops. What is under way is finished, within [`Limits::drain_max`]; then this returns.
pub async fn serve(mut listener: Box<dyn Listener>, router: Router, scope: Scope, options: ServeOptions) {
    let slots = Arc::new(Semaphore::new(options.limits.connections_max));
    let builder = Arc::new(builder(scope.env(), &options));
    let mut backoff = Backoff::new(Duration::from_millis(5), Duration::from_secs(1));
    loop {
        let accepted = tokio::select! {
            biased;
            () = scope.stopping() => break,
            accepted = accept(&mut *listener, &slots) => accepted,
        };
        match accepted {
            Some((socket, slot)) => {
                backoff.reset();
                let connection =
                    Connection { builder: builder.clone(), router: router.clone(), scope: scope.clone(), options: options.clone() };
                scope.spawn(connection.run(socket, slot));
            }
            None => backoff.pause(scope.env()).await,
        }
    }
    drop(listener);
    let all = u32::try_from(options.limits.connections_max).unwrap_or(u32::MAX);
    _ = scope.env().timeout(options.limits.drain_max, slots.acquire_many(all)).await;
}

/// A place first, then a connection: more wait in the listener's queue. `None` if the listener has trouble, such as no file left.
async fn accept(listener: &mut dyn Listener, slots: &Arc<Semaphore>) -> Option<(Box<dyn Socket>, OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((socket, _)) => Some((socket, slot)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            None
        }
    }
}

#[derive(Clone)]
struct Executor(Env);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Executor {
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

fn builder(env: &Env, options: &ServeOptions) -> auto::Builder<Executor> {
    let limits = &options.limits;
    let mut builder = auto::Builder::new(Executor(env.clone()));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_wait_max)
        .max_buf_size(limits.header_bytes_max.max(8 << 10))
        .max_headers(limits.headers_max)
        .auto_date_header(options.date);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(8 << 20)
        .keep_alive_interval(limits.head_wait_max / 2)
        .keep_alive_timeout(limits.head_wait_max / 2)
        .auto_date_header(options.date);
    builder
}

struct Connection {
    builder: Arc<auto::Builder<Executor>>,
    router: Router,
    scope: Scope,
    options: ServeOptions,
}

impl Connection {
    async fn run(self, socket: Box<dyn Socket>, slot: OwnedSemaphorePermit) {
        let _counted = self.options.metrics.as_ref().map(|metrics| Gauged::new(&metrics.connections));
        let _slot = slot;
        let service = TowerToHyperService::new(self.router.clone());
        let socket = ClientSocket::new(socket, self.scope.env().clone(), &self.options.limits);
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(socket), service));
        let ended = tokio::select! {
            biased;
            ended = connection.as_mut() => Some(ended),
            () = self.scope.stopping() => None,
        };
        let ended = match ended {
            Some(ended) => Some(ended),
            None => {
                connection.as_mut().graceful_shutdown();
                self.scope.env().timeout(self.options.limits.drain_max, connection).await
            }
        };
        if let Some(Err(error)) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}
