//! Queries.

mod changes;
mod conflicts;
mod document;
mod history;
mod view;

pub(crate) use changes::{Feeds, changes};
pub(crate) use conflicts::conflicts;
pub(crate) use document::document;
pub(crate) use history::history;
pub(crate) use view::view;

use crate::request::Query;
use crate::{Problem, Services, reply};
use axum::response::Response;
use http::{Uri, header};
use sterna_read::Page;

/// What all lists take.
struct Paging {
    limit: Option<usize>,
    after: Option<String>,
}

impl Paging {
    fn take(query: &mut Query) -> Result<Self, Problem> {
        Ok(Self { limit: query.limit()?, after: query.take("after")? })
    }
}

/// A page, with a `Link` to the next.
fn page(services: &Services, uri: &Uri, page: Page) -> Response {
    let mut response = reply::seen(reply::json(page.body), &page.token, &services.tokens);
    if let Some(next) = page.next {
        reply::set(response.headers_mut(), header::LINK, link(uri, &next));
    }
    response
}

/// `<…>; rel="next"`: the same query behind `next`.
fn link(uri: &Uri, next: &str) -> String {
    let kept = uri.query().unwrap_or_default().split('&').filter(|part| !part.is_empty() && !part.starts_with("after="));
    let query = kept.fold(String::new(), |query, part| query + part + "&");
    format!("<{}?{query}after={next}>; rel=\"next\"", uri.path())
}

#[cfg(test)]
mod tests {
    use super::link;

    #[test]
    fn a_link_keeps_the_query_and_replaces_the_cursor() {
        let of = |uri: &str| link(&uri.parse().expect("a uri"), "C2");
        assert_eq!(of("/v1/views/board?airport=JFK&after=C1&limit=2"), "</v1/views/board?airport=JFK&limit=2&after=C2>; rel=\"next\"");
        assert_eq!(of("/v1/views/board"), "</v1/views/board?after=C2>; rel=\"next\"");
    }
}
