//! What of a request's body nobody read.
//!
//! A connection that is closed while its client still sends is reset, and the client never sees the answer (RFC 9112, section
//! 9.6). So the body of a refused request is read on for a while, whatever refused it.

use crate::Limits;
use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::{Version, header};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use sterna_env::Env;

/// A body that can be read on when its handler has let it go.
#[derive(Clone)]
pub(super) struct Unread(Arc<Mutex<Inner>>);

struct Inner {
    body: Body,
    begun: bool,
    ended: bool,
    /// The client sends the body when it is asked for, which reading does.
    waits: bool,
}

/// What the handler reads.
struct Read(Unread);

impl Unread {
    /// Takes the place of the request's body. `None` if there is nothing to read on: no body, or a protocol whose streams are closed
    /// one by one.
    pub fn of(request: &mut Request) -> Option<Self> {
        if http_body::Body::is_end_stream(request.body()) || request.version() > Version::HTTP_11 {
            return None;
        }
        let waits = request.headers().contains_key(header::EXPECT);
        let body = std::mem::take(request.body_mut());
        let unread = Self(Arc::new(Mutex::new(Inner { body, begun: false, ended: false, waits })));
        *request.body_mut() = Body::new(Read(unread.clone()));
        Some(unread)
    }

    /// Reads on and drops, within bounds.
    pub async fn discard(self, env: &Env, limits: &Limits) {
        let skip = {
            let inner = self.lock();
            inner.ended || inner.waits && !inner.begun
        };
        if skip {
            return;
        }
        let reading = async {
            let (mut rest, mut left) = (Read(self), limits.body_discard_bytes_max);
            while let Some(Ok(frame)) = rest.frame().await {
                match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                    Some(less) => left = less,
                    None => break,
                }
            }
        };
        let _ = env.timeout(limits.body_discard_wait, reading).await;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl http_body::Body for Read {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut inner = self.0.lock();
        inner.begun = true;
        let polled = Pin::new(&mut inner.body).poll_frame(cx);
        inner.ended |= matches!(polled, Poll::Ready(None | Some(Err(_))));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().body.size_hint()
    }
}
