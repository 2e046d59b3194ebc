//! `GET /v1/{aggregate}/{id}/events`.

use super::{Paging, page};
use crate::request::{Context, Query, Segments};
use crate::{Problem, Services};
use axum::extract::State;
use axum::response::Response;
use http::Uri;
use std::sync::Arc;

pub(crate) async fn history(
    State(services): State<Arc<Services>>,
    Segments((kind, id)): Segments<(String, String)>,
    uri: Uri,
    context: Context,
    mut query: Query,
) -> Result<Response, Problem> {
    let Paging { limit, after } = Paging::take(&mut query)?;
    query.end()?;
    let answer =
        services.reads.history(&kind, &id, limit, after.as_deref(), context.token.as_ref(), context.wait).await.map_err(Problem::from);
    Ok(page(&services, &uri, context.with_token(&services.tokens, answer)?))
}
