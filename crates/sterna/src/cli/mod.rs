//! What people type.

mod args;
mod call;
mod cluster;
mod completions;
mod history;
mod homes;
mod inspect;
mod links;
mod model;
mod regions;
mod replay;
mod send;
mod serve;
mod session;
mod settle;
mod target;
mod view;

use crate::out::{Form, Outcome, bad, note, note_json};
use args::{Args, Command, ConflictsCommand};
use clap::Parser;
use serde_json::json;
use std::process::ExitCode;
use sterna_client::Error;
use sterna_env::Env;

/// No answer, or one that asks to come again: the same command line may be sent again, and has one effect if it has a key.
const UNANSWERED: u8 = 3;

/// Runs the command line of this process. Statuses: 0 done, 1 failed or refused, 2 not understood, 3 not answered.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let form = Form::choose(args.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::Error::new(error).context("no threads"), form),
    };
    let outcome = runtime.block_on(run(args, form));
    drop(runtime);
    crate::store::shutdown();
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::FAILURE,
        Ok(Outcome::Later) => ExitCode::from(UNANSWERED),
        Err(error) => failed(&error, form),
    }
}

async fn run(args: Args, form: Form) -> anyhow::Result<Outcome> {
    let env = Env::real();
    match args.command {
        Command::Dev(args) => cluster::dev(&env, args, form).await,
        Command::Demo(args) => cluster::demo(&env, args, form).await,
        Command::Serve(args) => serve::serve(&env, args, form).await,
        Command::Call(args) => call::call(&env, args, form).await,
        Command::Get(args) => call::get(&env, args, form).await,
        Command::Send(args) => send::send(&env, args, form).await,
        Command::Cut(args) => links::cut(&env, args, form).await,
        Command::Heal(args) => links::heal(&env, args, form).await,
        Command::Status(args) => inspect::status(&env, args, form).await,
        Command::Conflicts(args) => match args.command {
            Some(ConflictsCommand::Replay(replay)) => replay::replay(&env, replay).await,
            None => inspect::conflicts(&env, args, form).await,
        },
        Command::History(args) => history::history(&env, args, form).await,
        Command::View(args) => view::view(&env, args, form).await,
        Command::Homes(args) => homes::homes(&env, args, form).await,
        Command::Regions(args) => regions::regions(&env, args, form).await,
        Command::Views(args) => inspect::views(&env, args, form).await,
        Command::Model(args) => model::model(args, form),
        Command::Completions(args) => Ok(completions::completions(&args)),
    }
}

/// The whole chain on one line, or more where a part has more; as JSON with the problem document, if there is one.
fn failed(error: &anyhow::Error, form: Form) -> ExitCode {
    let cause = error.chain().find_map(|cause| cause.downcast_ref::<Error>());
    match form {
        Form::Json => note_json(&json!({ "error": format!("{error:#}"), "problem": cause.and_then(Error::problem) })),
        Form::Text => note(format!("{} {error:#}", bad("error:"))),
    }
    if cause.is_some_and(Error::comes_later) { ExitCode::from(UNANSWERED) } else { ExitCode::FAILURE }
}
