//! What is said to people, and to the next program of a pipe.

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a command line came to.
pub enum Outcome {
    Done,
    /// It ran, and the answer is no: a refused line, a difference, a model with mistakes. It was said.
    No,
    /// Nobody answered, or "later" was the answer. It was said.
    Later,
}

/// For whom answers are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    Text,
    /// One JSON text a line.
    Json,
}

/// Standard output is for programs, and what people are told goes beside it.
static FOR_PROGRAMS: AtomicBool = AtomicBool::new(false);

impl Form {
    /// Of this process.
    pub fn choose(json: bool) -> Self {
        FOR_PROGRAMS.store(json, Ordering::Relaxed);
        if json { Self::Json } else { Self::Text }
    }
}

/// A line for people. A reader that is gone ends nothing. Colours are left out where no terminal is, or `NO_COLOR` is set.
pub fn say(line: impl Display) {
    if FOR_PROGRAMS.load(Ordering::Relaxed) {
        return note(line);
    }
    let _ = writeln!(anstream::stdout(), "{line}");
}

/// An answer as one line of JSON.
pub fn answer(value: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(value) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

/// A line beside the answer.
pub fn note(line: impl Display) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// As [`note`], as one line of JSON.
pub fn note_json(value: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(value) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

pub fn good(text: impl Display) -> impl Display {
    painted(AnsiColor::Green, text)
}

pub fn bad(text: impl Display) -> impl Display {
    painted(AnsiColor::Red, text)
}

/// Worth a look, and no mistake.
pub fn open(text: impl Display) -> impl Display {
    painted(AnsiColor::Yellow, text)
}

fn painted(color: AnsiColor, text: impl Display) -> String {
    let style: Style = color.on_default();
    format!("{style}{text}{style:#}")
}
