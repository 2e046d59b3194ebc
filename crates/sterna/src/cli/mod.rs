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

use args::{Args, Command};
use clap::Parser;
use std::process::ExitCode;
use sterna_env::Env;

/// What a command line came to.
pub(crate) enum Outcome {
    Done,
    /// It ran, and the answer is no: a refused line, a difference, a model with mistakes. It was printed.
    No,
}

/// Runs the command line of this process. Statuses: 0 done, 1 failed or refused, 2 not understood.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::Error::new(error).context("no threads")),
    };
    match runtime.block_on(run(args)) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::FAILURE,
        Err(error) => failed(&error),
    }
}

async fn run(args: Args) -> anyhow::Result<Outcome> {
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
        Command::Status(args) => inspect::status(&env, args).await,
        Command::Conflicts(args) => inspect::conflicts(&env, args).await,
        Command::Views(args) => inspect::views(&env, args).await,
        Command::Model(args) => model::model(args),
    }
}

/// The whole chain on one line, or more where a part has more.
#[allow(clippy::print_stderr, reason = "this is where the command line says what went wrong")]
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

/// Prints a line for people or for the next program in a pipe; a reader that is gone ends nothing.
pub(crate) fn say(line: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}
