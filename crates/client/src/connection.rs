//! Connections to one url: HTTP/1.1, kept alive, bounded.

use crate::Options;
use crate::url::Base;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::convert::Infallible;
use sterna_env::Env;
use tokio::sync::Semaphore;

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

pub(crate) struct Endpoint {
    pub base: Base,
    idle: Mutex<Vec<SendRequest<Body>>>,
    slots: Semaphore,
}

/// The connection, not the service, failed.
#[derive(Debug)]
pub(crate) struct Broken {
    pub reason: String,
    /// It was kept from an earlier request, and may have been closed meanwhile.
    pub reused: bool,
}

impl Endpoint {
    pub fn new(base: Base, options: &Options) -> Self {
        Self { base, idle: Mutex::default(), slots: Semaphore::new(options.connections_max.max(1)) }
    }

    /// One exchange, whole answer read.
    pub async fn exchange(&self, env: &Env, request: Request<Body>, options: &Options, fresh: bool) -> Result<Response<Bytes>, Broken> {
        let _slot = self.slots.acquire().await.map_err(|_| broken("closed", false))?;
        let kept = if fresh { None } else { self.kept() };
        let reused = kept.is_some();
        let exchange = async {
            let mut sender = match kept {
                Some(sender) => sender,
                None => self.connect(env).await?,
            };
            let response = sender.send_request(request).await.map_err(|error| broken(error, reused))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, options.answer_bytes_max).collect().await.map_err(|error| broken(error, reused))?;
            if sender.ready().await.is_ok() {
                self.idle.lock().push(sender);
            }
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        env.timeout(options.timeout, exchange)
            .await
            .unwrap_or_else(|| Err(broken(format_args!("no answer in {:?}", options.timeout), false)))
    }

    /// A connection of its own, whose answer streams.
    pub async fn stream(&self, env: &Env, request: Request<Body>, options: &Options) -> Result<Response<Incoming>, Broken> {
        let mut sender =
            env.timeout(options.timeout, self.connect(env)).await.unwrap_or_else(|| Err(broken("no connection in time", false)))?;
        sender.send_request(request).await.map_err(|error| broken(error, false))
    }

    fn kept(&self) -> Option<SendRequest<Body>> {
        let mut idle = self.idle.lock();
        while let Some(sender) = idle.pop() {
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    async fn connect(&self, env: &Env) -> Result<SendRequest<Body>, Broken> {
        let socket = env.connect(&self.base.address).await.map_err(|error| broken(error, false))?;
        let (sender, connection) = http1::handshake(TokioIo::new(socket)).await.map_err(|error| broken(error, false))?;
        env.spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }
}

fn broken(reason: impl std::fmt::Display, reused: bool) -> Broken {
    Broken { reason: reason.to_string(), reused }
}
