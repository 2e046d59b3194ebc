//! `GET /v1/views/{view}`.

use super::{Paging, page};
use crate::request::{Context, Query, Segments};
use crate::{Problem, Services};
use axum::extract::State;
use axum::response::Response;
use http::Uri;
use std::sync::Arc;

pub(crate) async fn view(
    State(services): State<Arc<Services>>,
    Segments(name): Segments<String>,
    uri: Uri,
    context: Context,
    mut query: Query,
) -> Result<Response, Problem> {
    let Paging { limit, after } = Paging::take(&mut query)?;
    let filters = query.rest();
    let answer =
        services.reads.view(&name, &filters, limit, after.as_deref(), context.token.as_ref(), context.wait).await.map_err(Problem::from);
    Ok(page(&services, &uri, context.with_token(&services.tokens, answer)?))
}
