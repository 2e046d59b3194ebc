//! What is answered.

use crate::Error;
use crate::client::text;
use bytes::Bytes;
use http::{Response, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A command's effect, durable.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub kind: String,
    pub id: String,
    /// The event's identity.
    pub event: String,
    /// Of the request; made by the client if none was given.
    pub key: String,
    pub etag: Option<String>,
    /// The key was known: the effect was there already.
    pub replayed: bool,
    /// If it was asked for.
    pub document: Option<Value>,
}

/// An aggregate as a region sees it.
#[derive(Clone, Debug)]
pub struct Document {
    /// For `If-Match`.
    pub etag: Option<String>,
    /// `type`, `id`, `state`, `conflicts`, `created_at`, `updated_at`.
    pub body: Value,
}

/// A part of a list.
#[derive(Clone, Debug, Deserialize)]
pub struct Page<T> {
    pub data: Vec<T>,
    /// For the `after` of the next page; `None` at the end.
    pub next: Option<String>,
}

impl Document {
    pub fn state<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_value(self.body["state"].clone()).map_err(|error| Error::Unintelligible(error.to_string()))
    }
}

#[derive(Deserialize)]
struct AcceptedBody {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    event: String,
    document: Option<Value>,
}

pub(crate) fn accepted(response: &Response<Bytes>, key: String) -> Result<Accepted, Error> {
    let AcceptedBody { kind, id, event, document } = json(response.body())?;
    let replayed = response.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
    Ok(Accepted { kind, id, event, key, etag: etag(response), replayed, document })
}

pub(crate) fn document(response: &Response<Bytes>) -> Result<Document, Error> {
    Ok(Document { etag: etag(response), body: json(response.body())? })
}

pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::Unintelligible(error.to_string()))
}

fn etag(response: &Response<Bytes>) -> Option<String> {
    text(response.headers(), &header::ETAG).map(str::to_owned)
}
