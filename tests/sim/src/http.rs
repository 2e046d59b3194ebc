//! One request over the simulated network.

use crate::node::PORT;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use sterna_env::Env;

pub const TOKEN: &str = "sterna-token";

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub token: Option<String>,
    pub etag: Option<String>,
    pub replayed: bool,
    pub body: Bytes,
}

impl Reply {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A problem document's code.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or("?").to_owned()
    }
}

pub struct Request<'a> {
    pub host: &'a str,
    pub method: &'a str,
    pub path: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: String,
}

/// Over a connection of its own. `Err` says why nobody can know what became of it.
pub async fn send(env: &Env, request: Request<'_>, wait: Duration) -> Result<Reply, String> {
    env.timeout(wait, exchange(env, request)).await.unwrap_or_else(|| Err("no answer in time".to_owned()))
}

async fn exchange(env: &Env, request: Request<'_>) -> Result<Reply, String> {
    let socket = env.connect(&format!("{}:{PORT}", request.host)).await.map_err(|error| format!("connecting: {}", error.kind()))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.map_err(|error| error.to_string())?;
    let task = env.spawn(async move {
        // The request says what went wrong.
        _ = connection.await;
    });
    let built = http::Request::builder().method(request.method).uri(request.path).header("host", request.host);
    let built = request.headers.iter().fold(built, |built, (name, value)| built.header(*name, *value));
    let built = built.header("content-type", "application/json").body(Full::new(Bytes::from(request.body)));
    let answer = sender.send_request(built.map_err(|error| error.to_string())?).await;
    let result = match answer {
        Ok(response) => {
            let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let (status, token, etag) = (response.status().as_u16(), header(TOKEN), header("etag"));
            let replayed = header("idempotent-replayed").is_some();
            match response.into_body().collect().await {
                Ok(body) => Ok(Reply { status, token, etag, replayed, body: body.to_bytes() }),
                Err(_) => Err("the answer broke off".to_owned()),
            }
        }
        Err(_) => Err("the connection broke".to_owned()),
    };
    task.abort();
    result
}
