//! `completions`: what a shell needs to complete command lines.

use super::args::Args;
use crate::out::Outcome;
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::Write;

/// Print a completion script for a shell.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  sterna completions bash > ~/.local/share/bash-completion/completions/sterna
  sterna completions zsh  > ~/.zfunc/_sterna
  sterna completions fish > ~/.config/fish/completions/sterna.fish")]
pub struct Completions {
    pub shell: Shell,
}

pub fn completions(args: &Completions) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "sterna", &mut script);
    // A reader that is gone ends nothing.
    let _ = std::io::stdout().write_all(&script);
    Outcome::Done
}
