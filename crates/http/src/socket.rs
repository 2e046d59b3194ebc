//! A client's socket, under hyper: every refusal says why, and its client gets to read it.
//!
//! hyper answers a head that it can't read, or that is too large, with a status and nothing else, and has no hook for more. This
//! socket recognizes those answers, which are the only ones without a request id, and puts a problem document in their place.
//! When a connection is closed behind a refusal, what its client still sends is read and dropped for a while: bytes that nobody
//! reads reset a connection, and the refusal is lost on its way (RFC 9112, section 9.6).

use crate::headers::REQUEST_ID;
use crate::{Code, Limits, Problem};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use sterna_env::{Boxed, Env};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// First lines of hyper's own refusals.
const REFUSALS: [(&[u8], Code, &str); 3] = [
    (b"HTTP/1.1 400 Bad Request\r\n", Code::InvalidRequest, "the head of the request is not HTTP"),
    (b"HTTP/1.1 414 URI Too Long\r\n", Code::TargetTooLong, "the path with its query is too long"),
    (b"HTTP/1.1 431 Request Header Fields Too Large\r\n", Code::HeadTooLarge, "the head of the request is too large"),
];

pub(crate) struct ClientSocket<S> {
    socket: S,
    env: Env,
    linger_bytes_max: usize,
    linger_max: std::time::Duration,
    /// The last answer was a refusal.
    refused: bool,
    lingering: Option<Lingering>,
    /// What is sent in place of a buffer, and how much of it was.
    instead: Option<(Vec<u8>, usize)>,
    /// A buffer was taken in part: the next one is its rest.
    partial: bool,
}

/// Our side is closed; the client's is read until it is closed, too, or a bound is reached.
struct Lingering {
    bytes_left: usize,
    over: Boxed<'static, ()>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> ClientSocket<S> {
    pub fn new(socket: S, env: Env, limits: &Limits) -> Self {
        let (linger_bytes_max, linger_max) = (limits.linger_bytes_max, limits.linger_max);
        Self { socket, env, linger_bytes_max, linger_max, refused: false, lingering: None, instead: None, partial: false }
    }

    /// Notes whether an answer that begins in this buffer is a refusal.
    fn note(&mut self, buffer: &[u8]) {
        if !self.partial
            && let Some(status) = buffer.strip_prefix(b"HTTP/1.1 ")
        {
            self.refused = matches!(status.first(), Some(b'4' | b'5'));
        }
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (env, wait, bytes_left) = (&self.env, self.linger_max, self.linger_bytes_max);
        let lingering = self.lingering.get_or_insert_with(|| {
            let env = env.clone();
            Lingering { bytes_left, over: Box::pin(async move { env.sleep(wait).await }) }
        });
        if lingering.over.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut dropped = [0; 16 << 10];
        loop {
            let mut buffer = ReadBuf::new(&mut dropped);
            match ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => match lingering.bytes_left.checked_sub(buffer.filled().len()) {
                    Some(less) => lingering.bytes_left = less,
                    None => return Poll::Ready(()),
                },
                _ => return Poll::Ready(()),
            }
        }
    }

    fn poll_instead(&mut self, cx: &mut Context<'_>, length: usize) -> Poll<io::Result<usize>> {
        while let Some((bytes, sent)) = &mut self.instead {
            if *sent == bytes.len() {
                self.instead = None;
                break;
            }
            match ready!(Pin::new(&mut self.socket).poll_write(cx, &bytes[*sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => *sent += written,
            }
        }
        Poll::Ready(Ok(length))
    }

    /// What to send for this buffer, if it ends with one of hyper's own refusals.
    fn replaced(&self, buffer: &[u8]) -> Option<Vec<u8>> {
        if self.partial || !buffer.ends_with(b"\r\n\r\n") {
            return None;
        }
        REFUSALS.iter().find_map(|(line, code, detail)| {
            let at = buffer.windows(line.len()).rposition(|window| window == *line)?;
            let (before, head) = buffer.split_at(at);
            let ours = head.windows(REQUEST_ID.as_str().len()).any(|window| window.eq_ignore_ascii_case(REQUEST_ID.as_str().as_bytes()));
            let empty = head.windows(4).position(|window| window == b"\r\n\r\n") == Some(head.len() - 4);
            (!ours && empty).then(|| [before, &refusal(*code, detail, self.env.random_u64())].concat())
        })
    }
}

fn refusal(code: Code, detail: &str, id: u64) -> Vec<u8> {
    let id = format!("{id:016x}");
    let body = Problem::new(code, detail).to_json(&id);
    let status = code.status();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n{REQUEST_ID}: {id}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ClientSocket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        if self.instead.is_none() {
            self.instead = self.replaced(buffer).map(|bytes| (bytes, 0));
        }
        if self.instead.is_some() {
            self.refused = true;
            return self.poll_instead(cx, buffer.len());
        }
        self.note(buffer);
        let written = ready!(Pin::new(&mut self.socket).poll_write(cx, buffer))?;
        self.partial = written < buffer.len();
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if let [buffer] = buffers {
            return self.poll_write(cx, buffer);
        }
        if let Some(first) = buffers.first() {
            self.note(first);
        }
        let written = ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, buffers))?;
        self.partial = written < buffers.iter().map(|buffer| buffer.len()).sum();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.socket).poll_shutdown(cx))?;
        }
        if self.refused {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClientSocket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}
