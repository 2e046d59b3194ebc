//! `history`: what happened to an aggregate, in all regions.

use super::args::{Where, Who};
use super::session::with_session;
use super::target::Target;
use crate::out::{Form, Outcome, answer, bad, good, note, open, say};
use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};
use sterna_client::Client;
use sterna_env::Env;

/// Show what happened to an aggregate, in all regions.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  sterna history cart c1
  sterna history cart c1 --region ap-south --limit 100

`open` events may still get company: something concurrent can still arrive. A `void` event has no effect, as another region
accepted the same key first.")]
pub struct History {
    /// Type of the aggregate
    #[arg(value_name = "TYPE")]
    pub kind: String,
    /// Id of the aggregate
    pub id: String,
    /// Events, at most 1000
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
    /// Behind this event: the `next` of the page before
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
    #[command(flatten)]
    pub at: Where,
    #[command(flatten)]
    pub who: Who,
}

#[derive(Deserialize)]
struct Event {
    event: String,
    command: String,
    args: Value,
    at: String,
    region: String,
    actor: String,
    void: bool,
    settled: bool,
}

pub async fn history(env: &Env, args: History, form: Form) -> Result<Outcome> {
    let target = Target::find(&args.at)?;
    let (client, session) = (target.client(env)?, target.session(&args.who));
    let limit = args.limit.to_string();
    let params: Vec<_> = [("limit", limit.as_str())].into_iter().chain(args.after.as_deref().map(|after| ("after", after))).collect();
    let read = async |client: &Client| client.history(&args.kind, &args.id, &params).await;
    let page = with_session(&client, &session, read).await.map_err(|error| target.told(error))?;
    match form {
        Form::Json => answer(&json!({ "data": page.data, "next": page.next })),
        Form::Text => {
            for event in page.data {
                say(told(serde_json::from_value(event)?));
            }
            page.next.iter().for_each(|next| note(format!("There is more: --after {next}")));
        }
    }
    Ok(Outcome::Done)
}

fn told(event: Event) -> String {
    let Event { event, command, args, at, region, actor, void, settled } = event;
    let actor = if actor.is_empty() { String::new() } else { format!(" by {actor}") };
    let state = if settled { good("settled").to_string() } else { open("open").to_string() };
    let void = if void { format!(", {}", bad("void")) } else { String::new() };
    format!("{at}  {region}{actor}  {command} {args}  {event}, {state}{void}")
}
