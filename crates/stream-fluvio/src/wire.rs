//! One connection to a storage unit, in the client's own wire format.
//!
//! The client's consumer takes a batch whose end was cut off for a whole one and asks for what comes behind it: so records are lost
//! without an error (decision 0005). Here every answer is checked before the next question is asked.

use crate::limits::ANSWER_WAIT;
use bytes::{Buf, Bytes};
use fluvio_protocol::Decoder;
use fluvio_protocol::api::{Request, RequestMessage};
use fluvio_socket::{ClientConfig, FluvioSink, FluvioStream, Versions};
use futures::StreamExt;
use sterna_env::Env;

/// The connection is of no more use.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Lost(pub String);

pub(crate) struct Connection {
    env: Env,
    sink: FluvioSink,
    stream: FluvioStream,
    versions: Versions,
    asked: i32,
}

/// A question under way.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub id: i32,
    version: i16,
}

impl Asked {
    /// The answer to a question of type `R`.
    pub fn answer<R: Request>(self, bytes: &[u8]) -> Result<R::Response, Lost> {
        let mut bytes = bytes;
        R::Response::decode_from(&mut bytes, self.version).map_err(|e| Lost(format!("an answer that can't be read: {e}")))
    }
}

impl Connection {
    pub async fn open(env: &Env, config: ClientConfig) -> Result<Self, Lost> {
        let address = config.addr().to_owned();
        let opened = env.timeout(ANSWER_WAIT, config.connect()).await;
        let socket = opened.ok_or_else(|| Lost(format!("{address} does not answer")))?.map_err(|e| Lost(format!("{address}: {e}")))?;
        let (socket, _, versions) = socket.split();
        let (sink, stream) = socket.split();
        Ok(Self { env: env.clone(), sink, stream, versions, asked: 0 })
    }

    pub async fn ask<R: Request + Send + Sync>(&mut self, request: R) -> Result<Asked, Lost> {
        let version = self.versions.lookup_version::<R>().ok_or_else(|| Lost("the cluster's release is too old".to_owned()))?;
        self.asked = self.asked.wrapping_add(1);
        let mut message = RequestMessage::new_request(request).set_client_id("sterna");
        message.header.set_api_version(version);
        message.header.set_correlation_id(self.asked);
        self.sink.send_request(&message).await.map_err(|e| Lost(e.to_string()))?;
        Ok(Asked { id: self.asked, version })
    }

    /// The next answer, to whichever question. May be dropped while it waits.
    pub async fn answer(&mut self) -> Result<(i32, Bytes), Lost> {
        match self.stream.get_mut_tcp_stream().next().await {
            Some(Ok(bytes)) if bytes.len() >= 4 => {
                let mut bytes = bytes.freeze();
                Ok((bytes.get_i32(), bytes))
            }
            Some(Ok(_)) => Err(Lost("an answer without a beginning".to_owned())),
            Some(Err(e)) => Err(Lost(e.to_string())),
            None => Err(Lost("the cluster closed the connection".to_owned())),
        }
    }

    /// Asks, and waits for the answer; nothing else is under way.
    pub async fn request<R: Request + Send + Sync>(&mut self, request: R) -> Result<R::Response, Lost> {
        let env = self.env.clone();
        let answered = env.timeout(ANSWER_WAIT, async {
            let asked = self.ask(request).await?;
            loop {
                let (id, bytes) = self.answer().await?;
                if id == asked.id {
                    return asked.answer::<R>(&bytes);
                }
            }
        });
        answered.await.unwrap_or_else(|| Err(Lost(format!("no answer within {ANSWER_WAIT:?}"))))
    }
}
