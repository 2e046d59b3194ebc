//! What a request's headers say to the services.

use super::prefer::Prefer;
use super::{RequestId, tokens};
use crate::headers::{ACTOR, KEY, TOKEN, TRACEPARENT};
use crate::limits::HEADER_TEXT_MAX;
use crate::{Code, Problem, Services};
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, header};
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::Name;
use sterna_log::{Token, TokenKey};
use sterna_telemetry::TraceContext;
use sterna_write::ETag;

/// An ETag that no document has: what a tag that is not ours stands for in `If-Match`.
const NEVER: &str = "ffffffffffffffff";

#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub id: RequestId,
    pub token: Option<Token>,
    pub wait: Duration,
    pub represent: bool,
    /// Who acts, as a gateway in front of the service says; empty if nobody does.
    pub actor: Name,
    /// Empty without one.
    pub trace: Name,
    pub key: Option<Name>,
    pub if_match: Option<ETag>,
}

impl FromRequestParts<Arc<Services>> for Context {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Arc<Services>) -> Result<Self, Problem> {
        let headers = &parts.headers;
        let prefer = Prefer::read(headers);
        let limits = &services.limits;
        let id = parts.extensions.get::<RequestId>().cloned().ok_or_else(|| Problem::new(Code::Internal, "there is no envelope"))?;
        Ok(Self {
            id,
            token: tokens::read(headers, &services.tokens, limits)?,
            wait: prefer.wait.unwrap_or(limits.token_wait).min(limits.token_wait_max),
            represent: prefer.represent,
            actor: actor(headers)?,
            trace: trace(parts),
            key: text(headers, &KEY)?.map(Name::from),
            if_match: if_match(headers)?,
        })
    }
}

impl Context {
    /// The request's own token, for an answer that was made from nothing newer.
    pub fn with_token<T>(&self, key: &TokenKey, answer: Result<T, Problem>) -> Result<T, Problem> {
        answer.map_err(|problem| match &self.token {
            Some(token) => problem.header(TOKEN, token.encode(key)),
            None => problem,
        })
    }
}

pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Problem> {
    let invalid = |why: &str| Problem::new(Code::InvalidHeader, format!("`{name}` {why}"));
    let mut values = headers.get_all(name).iter();
    let (value, more) = (values.next(), values.next());
    if more.is_some() {
        return Err(invalid("must be there once"));
    }
    value.map(|value| value.to_str().map_err(|_| invalid("must be ASCII"))).transpose()
}

fn actor(headers: &HeaderMap) -> Result<Name, Problem> {
    let actor = text(headers, &ACTOR)?.unwrap_or_default();
    if actor.len() > HEADER_TEXT_MAX {
        return Err(Problem::new(Code::InvalidHeader, format!("`{ACTOR}` has at most {HEADER_TEXT_MAX} characters")));
    }
    Ok(Name::from(actor))
}

/// The exported span's context, else the client's as it is; what can't be read is passed over, as the recommendation asks.
fn trace(parts: &Parts) -> Name {
    let exported = sterna_telemetry::context_of(&tracing::Span::current());
    let given = || TraceContext::parse(parts.headers.get(TRACEPARENT)?.to_str().ok()?);
    exported.or_else(given).map_or_else(|| Name::from(""), |context| Name::from(context.to_string()))
}

fn if_match(headers: &HeaderMap) -> Result<Option<ETag>, Problem> {
    let Some(value) = text(headers, &header::IF_MATCH)? else { return Ok(None) };
    parse_if_match(value).map(Some)
}

/// One entity tag. One that is not ours, or weak, matches nothing.
pub(crate) fn parse_if_match(value: &str) -> Result<ETag, Problem> {
    let value = value.trim();
    let unquoted = value.strip_prefix("W/").unwrap_or(value).trim_matches('"');
    if value == "*" || unquoted.is_empty() || unquoted.contains(['"', ',', ' ']) {
        let detail = "`If-Match` takes one ETag, as a document's answer gave it; `*` and lists are not understood";
        return Err(Problem::new(Code::InvalidHeader, detail));
    }
    let ours = if value.starts_with("W/") { None } else { ETag::parse(value) };
    Ok(ours.or_else(|| ETag::parse(NEVER)).expect("sixteen digits are an ETag"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_if_match_is_one_tag_and_a_foreign_one_matches_nothing() {
        let ours = ETag::parse("00000000000000ff");
        assert_eq!(parse_if_match("\"00000000000000ff\"").ok(), ours);
        let never = ETag::parse(NEVER);
        assert_eq!(parse_if_match("\"abc\"").ok(), never);
        assert_eq!(parse_if_match("W/\"00000000000000ff\"").ok(), never);
        for value in ["*", "", "\"\"", "\"a\", \"b\"", "W/"] {
            assert_eq!(parse_if_match(value).expect_err("refused").code, Code::InvalidHeader, "{value:?}");
        }
    }

    #[test]
    fn a_header_that_is_there_twice_is_refused() {
        let mut headers = HeaderMap::new();
        headers.append(KEY, "a".parse().expect("valid"));
        assert_eq!(text(&headers, &KEY).ok(), Some(Some("a")));
        headers.append(KEY, "b".parse().expect("valid"));
        assert_eq!(text(&headers, &KEY).expect_err("refused").code, Code::InvalidHeader);
    }
}
