//! `GET /v1/{aggregate}/{id}`.

use crate::request::{Context, Segments};
use crate::{Problem, Services, reply};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, header};
use std::sync::Arc;
use sterna_write::ETag;

pub(crate) async fn document(
    State(services): State<Arc<Services>>,
    Segments((kind, id)): Segments<(String, String)>,
    context: Context,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let answer = services.reads.document(&kind, &id, context.token.as_ref(), context.wait).await.map_err(Problem::from);
    let found = context.with_token(&services.tokens, answer)?;
    let response =
        if has(&headers, found.etag) { reply::not_modified(found.etag) } else { reply::with_etag(reply::json(found.json), found.etag) };
    Ok(reply::seen(response, &found.token, &services.tokens))
}

/// `If-None-Match` names what there is.
fn has(headers: &HeaderMap, etag: ETag) -> bool {
    let tags = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = tags.flat_map(|value| value.split(',')).map(|tag| tag.trim().trim_start_matches("W/"));
    tags.any(|tag| tag == "*" || ETag::parse(tag) == Some(etag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_if_none_match_is_a_list_a_star_or_weak() {
        let etag = ETag::parse("00000000000000ff").expect("sixteen digits");
        let has = |value: &str| {
            let headers = [(header::IF_NONE_MATCH, value.parse().expect("a header's value"))].into_iter().collect();
            has(&headers, etag)
        };
        assert!(has("\"00000000000000ff\"") && has("W/\"00000000000000ff\"") && has("*") && has("\"a\", \"00000000000000ff\""));
        assert!(!has("\"00000000000000fe\"") && !has("\"\"") && !has(""));
    }
}
