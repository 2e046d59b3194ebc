//! `POST /v1/{aggregate}/{id}/{command}`.

use crate::headers::KEY;
use crate::request::{Context, JsonBody, Segments};
use crate::{Problem, Services, reply};
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use std::sync::Arc;
use sterna_crdt::Name;
use sterna_log::AggregateId;
use sterna_write::Command;

pub(crate) type CommandPath = Segments<(Name, Name, Name)>;

pub(crate) async fn post(
    State(services): State<Arc<Services>>,
    path: CommandPath,
    context: Context,
    JsonBody(args): JsonBody,
) -> Result<Response, Problem> {
    let command = command(path, &context, args);
    let answer = services.writer.execute(command).await.map_err(|refused| refusal(refused.into(), &context));
    let accepted = context.with_token(&services.tokens, answer)?;
    Ok(reply::accepted(accepted, &context, &services.tokens))
}

fn command(Segments((kind, id, name)): CommandPath, context: &Context, args: Bytes) -> Command {
    Command {
        aggregate: AggregateId { kind, id },
        name,
        args,
        key: context.key.clone(),
        if_match: context.if_match,
        token: context.token.clone(),
        wait: context.wait,
        actor: context.actor.clone(),
        trace: context.trace.clone(),
        represent: context.represent,
        cause: None,
    }
}

/// A key that was sent is echoed also where it was not used.
fn refusal(problem: Problem, context: &Context) -> Problem {
    match &context.key {
        Some(key) => problem.header(KEY, &**key),
        None => problem,
    }
}
