//! `GET /v1/conflicts`: the ledger.

use super::{Paging, link};
use crate::request::Query;
use crate::{Code, Problem, Services, reply};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, Uri, header};
use serde::Serialize;
use std::sync::Arc;
use sterna_crdt::conflicts::Rule;
use sterna_write::LedgerFilter;

#[derive(Serialize)]
struct Body<'a> {
    data: &'a [serde_json::Value],
    next: Option<&'a str>,
}

/// `?type=`, `&id=`, `&field=`, `&rule=` and `&final=` narrow it.
pub(crate) async fn conflicts(State(services): State<Arc<Services>>, uri: Uri, mut query: Query) -> Result<Response, Problem> {
    let Paging { limit, after } = Paging::take(&mut query)?;
    let filter = LedgerFilter {
        kind: query.take("type")?,
        id: query.take("id")?,
        field: query.take("field")?,
        rule: rule(query.take("rule")?)?,
        is_final: is_final(query.take("final")?)?,
    };
    query.end()?;
    let limit = checked(limit, &services)?;
    check_known(&services, &filter)?;
    let page = services.writer.conflicts(after.as_deref(), limit, &filter).await?;
    let body = serde_json::to_vec(&Body { data: &page.rows, next: page.next.as_deref() }).expect("JSON values always serialize");
    let mut response = reply::json(body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Some(next) = &page.next {
        reply::set(response.headers_mut(), header::LINK, link(&uri, next));
    }
    Ok(response)
}

fn checked(limit: Option<usize>, services: &Services) -> Result<usize, Problem> {
    let most = services.limits.conflict_rows_max;
    let limit = limit.unwrap_or(services.limits.conflict_rows_default);
    let invalid = || Problem::new(Code::InvalidLimit, format!("`limit` is a number from 1 to {most}"));
    (1..=most).contains(&limit).then_some(limit).ok_or_else(invalid)
}

fn rule(rule: Option<String>) -> Result<Option<String>, Problem> {
    let known = |rule: &String| Rule::ALL.iter().any(|known| known.name() == rule);
    if let Some(unknown) = rule.as_ref().filter(|rule| !known(rule)) {
        let names: Vec<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        return Err(Problem::new(Code::InvalidQuery, format!("there is no rule `{unknown}`; there are {}", names.join(", "))));
    }
    Ok(rule)
}

fn is_final(text: Option<String>) -> Result<Option<bool>, Problem> {
    let parsed = text.as_deref().map(str::parse).transpose();
    parsed.map_err(|_| Problem::new(Code::InvalidQuery, "`final` is true or false"))
}

fn check_known(services: &Services, filter: &LedgerFilter) -> Result<(), Problem> {
    let model = services.writer.region().model();
    match (filter.kind.as_deref(), filter.id.as_deref()) {
        (None, Some(_)) => Err(Problem::new(Code::InvalidQuery, "`id` needs a `type` beside it")),
        (Some(kind), _) if model.aggregate(kind).is_none() => {
            Err(Problem::new(Code::UnknownType, format!("there is no aggregate type `{kind}` in the model")))
        }
        _ => Ok(()),
    }
}
