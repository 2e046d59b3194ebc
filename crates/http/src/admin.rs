//! What operators and developers do.

use crate::request::{Query, Segments};
use crate::{Code, Links, Problem, Services, reply};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;

/// `POST /admin/views/{view}/rebuild`: begins, and answers at once; `/v1/status` shows how far it is.
pub(crate) async fn rebuild(State(services): State<Arc<Services>>, Segments(view): Segments<String>) -> Result<Response, Problem> {
    let generation = services.reads.rebuild(&view).await?;
    let answer = json!({ "view": view, "generation": generation });
    Ok((StatusCode::ACCEPTED, reply::json(answer.to_string())).into_response())
}

/// `POST /admin/homes/{type}/move` with `?to=REGION` and perhaps `&shard=N`. Each shard's home moves whole or not at all; the status is 200 if all
/// are where they should be, else 503, and the same call again moves the rest.
pub(crate) async fn move_homes(
    State(services): State<Arc<Services>>,
    Segments(kind): Segments<String>,
    mut query: Query,
) -> Result<Response, Problem> {
    let to = query.take("to")?.ok_or_else(|| Problem::new(Code::InvalidQuery, "`to` is missing: which region?"))?;
    let invalid = |_| Problem::new(Code::InvalidQuery, "`shard` must be a number");
    let shard = query.take("shard")?.map(|text| text.parse().map_err(invalid)).transpose()?;
    query.end()?;
    let moves = services.replication.move_homes(&kind, &to, shard).await?;
    let failed = moves.iter().filter(|moved| moved.error.is_some()).count();
    let told: Vec<_> =
        moves.iter().map(|m| json!({ "shard": m.shard.0, "home": &*m.home, "term": m.term, "moved": m.moved, "error": m.error })).collect();
    if failed > 0 {
        let detail = format!("{failed} of {} homes did not move; the same call again moves the rest", moves.len());
        return Err(Problem::new(Code::HomeAway, detail).with("homes", told));
    }
    Ok(reply::json(json!({ "type": kind, "homes": told }).to_string()))
}

/// `POST /admin/regions/{region}/lost` with `?confirm=REGION` and perhaps `&heir=REGION`. For good. Safe to repeat.
pub(crate) async fn declare_lost(
    State(services): State<Arc<Services>>,
    Segments(lost): Segments<String>,
    mut query: Query,
) -> Result<Response, Problem> {
    let (confirm, heir) = (query.take("confirm")?, query.take("heir")?);
    query.end()?;
    if confirm.as_deref() != Some(&*lost) {
        let detail = format!(
            "what only {lost} has is lost for good, also if it comes back: acknowledged commands that no other region has copied. If that is \
             what you want, add `confirm={lost}`"
        );
        return Err(Problem::new(Code::InvalidQuery, detail));
    }
    let declared = services.replication.declare_lost(&lost, heir.as_deref()).await?;
    let unconfirmed: Vec<&str> = declared.unconfirmed.iter().map(|name| &**name).collect();
    let told = json!({ "lost": &*declared.lost, "heir": &*declared.heir, "before": declared.before, "unconfirmed": unconfirmed });
    Ok(reply::json(told.to_string()))
}

pub(crate) async fn links(State(services): State<Arc<Services>>) -> Response {
    listed(&services)
}

pub(crate) async fn cut(State(services): State<Arc<Services>>, Segments(peer): Segments<String>) -> Result<Response, Problem> {
    services.links.as_ref().map(|links| links.cut(&peer)).transpose()?;
    Ok(listed(&services))
}

pub(crate) async fn heal(State(services): State<Arc<Services>>, Segments(peer): Segments<String>) -> Result<Response, Problem> {
    services.links.as_ref().map(|links| links.heal(&peer)).transpose()?;
    Ok(listed(&services))
}

fn listed(services: &Services) -> Response {
    let links = services.links.as_deref().map(Links::links).unwrap_or_default();
    let links: Vec<_> = links.iter().map(|link| json!({ "peer": link.peer, "cut": link.cut })).collect();
    reply::json(json!({ "links": links }).to_string())
}
