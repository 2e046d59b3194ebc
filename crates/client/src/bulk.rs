//! Many commands in one request: NDJSON in, NDJSON out, both at once.

use crate::answer::json;
use crate::client::problem;
use crate::connection::Body;
use crate::{Client, Error};
use bytes::{Buf, Bytes, BytesMut};
use futures::{Stream, StreamExt};
use http::{HeaderMap, HeaderValue, Method, Response, header};
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// One answer's bytes; a longer line is not the service's.
const LINE_BYTES_MAX: usize = 4 << 20;

/// A command as a line.
#[derive(Clone, Debug, Serialize)]
pub struct BulkLine<'a, A> {
    #[serde(rename = "type")]
    pub kind: &'a str,
    pub id: &'a str,
    pub command: &'a str,
    pub args: A,
    pub key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_match: Option<&'a str>,
}

impl<A: Serialize> BulkLine<'_, A> {
    /// Appends the line with its end.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        serde_json::to_writer(&mut *out, self).map_err(|error| Error::Request(error.to_string()))?;
        out.push(b'\n');
        Ok(())
    }
}

/// The answer to one line, in the order of the lines.
#[derive(Debug, Deserialize)]
pub struct Answer {
    /// From 1.
    pub line: u64,
    pub status: u16,
    #[serde(default)]
    pub replayed: bool,
    /// What the single command would have been answered.
    pub body: Box<RawValue>,
}

impl Answer {
    pub fn is_accepted(&self) -> bool {
        self.status == 200
    }
}

/// The last line: without it the answers are not all there.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Done {
    pub accepted: u64,
    pub refused: u64,
    #[serde(default)]
    pub token: Option<String>,
}

/// Answers as they come. Ends with [`Bulk::done`] set, or with an error.
pub struct Bulk {
    client: Client,
    sent: Vec<String>,
    body: Incoming,
    buffer: BytesMut,
    /// Up to here `buffer` has no line end.
    searched: usize,
    answered: u64,
    done: Option<Done>,
    ended: bool,
}

impl Client {
    /// Sends what `lines` gives, whole lines or parts of them, while answers are read; both must go on for either to. Nothing is
    /// retried here: after [`Error::Truncated`], send again from the first line without an answer, with the same keys.
    pub async fn bulk(&self, lines: impl Stream<Item = Bytes> + Send + 'static) -> Result<Bulk, Error> {
        let sent = self.tokens.sent();
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        let body: Body = StreamBody::new(lines.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)))).boxed_unsync();
        let endpoint = self.current();
        let request = self.request_with(endpoint, Method::POST, "/v1/commands", headers, body, &sent)?;
        let response = endpoint.stream(self.env(), request, self.options()).await.map_err(|broken| {
            self.turn_from(endpoint);
            Error::Unreachable { attempts: 1, last: broken.reason }
        })?;
        if !response.status().is_success() {
            return Err(refused(response).await);
        }
        let body = response.into_body();
        Ok(Bulk { client: self.clone(), sent, body, buffer: BytesMut::new(), searched: 0, answered: 0, done: None, ended: false })
    }
}

/// The problem in a streaming answer.
pub(crate) async fn refused(response: Response<Incoming>) -> Error {
    let (parts, body) = response.into_parts();
    match Limited::new(body, LINE_BYTES_MAX).collect().await {
        Ok(body) => Error::Problem(Box::new(problem(&Response::from_parts(parts, body.to_bytes())))),
        Err(error) => Error::Truncated { answered: 0, reason: error.to_string() },
    }
}

impl Bulk {
    /// What the service counted, once all answers are read.
    pub fn done(&self) -> Option<&Done> {
        self.done.as_ref()
    }

    /// How many lines have been answered so far.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// Reads the answers to the end.
    pub async fn finish(mut self) -> Result<(Vec<Answer>, Done), Error> {
        let mut answers = Vec::new();
        while let Some(answer) = self.next().await {
            answers.push(answer?);
        }
        let done = self.done.take().ok_or_else(|| self.cut("it has no last line"))?;
        Ok((answers, done))
    }

    fn cut(&self, reason: impl std::fmt::Display) -> Error {
        Error::Truncated { answered: self.answered, reason: reason.to_string() }
    }

    /// The next whole line that has come.
    fn line(&mut self) -> Option<Bytes> {
        let Some(length) = self.buffer[self.searched..].iter().position(|b| *b == b'\n').map(|at| at + self.searched) else {
            self.searched = self.buffer.len();
            return None;
        };
        let line = self.buffer.split_to(length).freeze();
        self.buffer.advance(1);
        self.searched = 0;
        Some(line)
    }

    /// An answer; or nothing, for the last line.
    fn read(&mut self, line: &[u8]) -> Option<Result<Answer, Error>> {
        if line.starts_with(b"{\"done\"") {
            match json::<Done>(line) {
                Ok(done) => self.finished(done),
                Err(error) => return Some(Err(error)),
            }
            return None;
        }
        self.answered += 1;
        Some(json(line))
    }

    fn finished(&mut self, done: Done) {
        if let Some(token) = &done.token {
            self.client.tokens.answered(&self.sent, token);
        }
        self.done = Some(done);
        self.ended = true;
    }

    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.buffer.len() > LINE_BYTES_MAX {
            return Poll::Ready(Err(Error::Unintelligible("a line without an end".to_owned())));
        }
        match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.buffer.extend_from_slice(data);
                }
                Poll::Ready(Ok(()))
            }
            Some(Err(error)) => Poll::Ready(Err(self.cut(error))),
            None => Poll::Ready(Err(self.cut("it has no last line"))),
        }
    }
}

impl Stream for Bulk {
    type Item = Result<Answer, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            while let Some(line) = self.line() {
                match self.read(&line) {
                    Some(answer) => return Poll::Ready(Some(answer)),
                    None if self.ended => return Poll::Ready(None),
                    None => {}
                }
            }
            if let Err(error) = ready!(self.poll_more(cx)) {
                self.ended = true;
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}
