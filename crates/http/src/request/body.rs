//! Bodies, bounded in bytes and in time.

use crate::{Code, Limits, Problem, Services};
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use std::sync::Arc;
use sterna_env::Env;

/// A whole body that says it is JSON, or says nothing; not parsed.
pub(crate) struct JsonBody(pub Bytes);

impl FromRequest<Arc<Services>> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, services: &Arc<Services>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_type(
            &parts.headers,
            |kind| kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json"),
            "application/json",
        )?;
        read(body, &parts.headers, services.scope.env(), &services.limits).await.map(Self)
    }
}

/// The body of a bulk request, which streams.
pub(crate) fn checked_lines(request: Request) -> Result<Body, Problem> {
    let kinds = ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"];
    check_type(request.headers(), |kind| kinds.contains(&kind), kinds[0])?;
    Ok(request.into_body())
}

fn check_type(headers: &HeaderMap, fits: impl Fn(&str) -> bool, wanted: &str) -> Result<(), Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let refused = || Problem::new(Code::UnsupportedMediaType, format!("send `content-type: {wanted}`, not `{kind}`"));
    if fits(&kind) { Ok(()) } else { Err(refused()) }
}

async fn read(mut body: Body, headers: &HeaderMap, env: &Env, limits: &Limits) -> Result<Bytes, Problem> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limits.body_bytes_max as u64) {
        return Err(too_large(limits));
    }
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    loop {
        let frame = env
            .timeout(limits.body_silence_max, body.frame())
            .await
            .ok_or_else(|| Problem::new(Code::BodyCut, "the body paused for too long"))?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| Problem::new(Code::BodyCut, error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + all.len() + data.len() > limits.body_bytes_max {
            return Err(too_large(limits));
        }
        if first.is_empty() {
            first = data;
        } else {
            all.extend_from_slice(&data);
        }
    }
    if all.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + all.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&all);
    Ok(whole.freeze())
}

fn too_large(limits: &Limits) -> Problem {
    Problem::new(Code::BodyTooLarge, format!("the body has more than {} bytes", limits.body_bytes_max))
        .with("bytes_max", limits.body_bytes_max)
}
