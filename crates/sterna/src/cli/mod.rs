//! What people type.

mod args;
mod call;
mod cluster;
mod inspect;
mod links;
mod model;
mod send;
mod serve;
mod target;

use crate::out::{Form, Outcome, note};
use args::{Args, Command};
use clap::Parser;
use std::process::ExitCode;
use sterna_env::Env;

/// Runs the command line of this process. Statuses: 0 done, 1 failed or refused, 2 not understood.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let form = Form::choose(args.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::Error::new(error).context("no threads")),
    };
    match runtime.block_on(run(args, form)) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::FAILURE,
        Err(error) => failed(&error),
    }
}

async fn run(args: Args, form: Form) -> anyhow::Result<Outcome> {
    let env = Env::real();
    match args.command {
        Command::Dev(args) => cluster::dev(&env, args).await,
        Command::Demo(args) => cluster::demo(&env, args).await,
        Command::Serve(args) => serve::serve(&env, args).await,
        Command::Call(args) => call::call(&env, args).await,
        Command::Get(args) => call::get(&env, args).await,
        Command::Send(args) => send::send(&env, args).await,
        Command::Cut(args) => links::cut(&env, args).await,
        Command::Heal(args) => links::heal(&env, args).await,
        Command::Status(args) => inspect::status(&env, args, form == Form::Json).await,
        Command::Conflicts(args) => inspect::conflicts(&env, args).await,
        Command::Views(args) => inspect::views(&env, args).await,
        Command::Model(args) => model::model(args, form),
    }
}

/// The whole chain on one line, or more where a part has more.
fn failed(error: &anyhow::Error) -> ExitCode {
    note(format!("error: {error:#}"));
    ExitCode::FAILURE
}
