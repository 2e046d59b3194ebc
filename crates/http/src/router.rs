//! Every path of a region.

use crate::envelope::{Envelope, envelope};
use crate::{Code, Problem, Services, admin, bulk, command, openapi, probes, problem, reads, status};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use std::sync::Arc;

/// A region's interface. What else a process serves, such as its logs for its peers, is merged in by the caller.
pub fn router(services: Services) -> Router {
    let services = Arc::new(services);
    let bulks = bulk::Bulks::new(&services.limits);
    let feeds = reads::Feeds::new(&services.limits);
    let routes = Router::new()
        .route("/v1/commands", post(move |state, context, request| bulk::post(bulks, state, context, request)))
        .route("/v1/changes", get(move |state, headers, query| reads::changes(feeds, state, headers, query)))
        .route("/v1/conflicts", get(reads::conflicts))
        .route("/v1/status", get(status::get))
        .route("/v1/views/{view}", get(reads::view))
        .route("/v1/{aggregate}/{id}", get(reads::document))
        .route("/v1/{aggregate}/{id}/events", get(reads::history))
        .route("/v1/{aggregate}/{id}/{command}", post(command::post))
        .route("/admin/regions/{region}/lost", post(admin::declare_lost))
        .route("/admin/homes/{type}/move", post(admin::move_homes))
        .route("/admin/views/{view}/rebuild", post(admin::rebuild))
        .route("/openapi.json", get(openapi::get))
        .route("/problems", get(problem::pages))
        .route("/problems/{code}", get(problem::page))
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz))
        .route("/metrics", get(probes::metrics));
    let routes = if services.links.is_some() { routes.merge(links()) } else { routes };
    let envelope_of = Envelope::new(services.clone());
    routes
        .method_not_allowed_fallback(async || Problem::new(Code::MethodNotAllowed, "`Allow` lists the methods of this path"))
        .fallback(async || Problem::new(Code::UnknownPath, "there is nothing at this path; `/openapi.json` lists every one"))
        .layer(from_fn_with_state(envelope_of, envelope))
        .with_state(services)
}

fn links() -> Router<Arc<Services>> {
    Router::new()
        .route("/admin/links", get(admin::links))
        .route("/admin/links/{peer}/cut", post(admin::cut))
        .route("/admin/links/{peer}/heal", post(admin::heal))
}
