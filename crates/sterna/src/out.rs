//! What is said to people, and to the next program of a pipe.

use serde::Serialize;
use std::fmt::Display;
use std::io::Write;

/// What a command line came to.
pub enum Outcome {
    Done,
    /// It ran, and the answer is no: a refused line, a difference, a model with mistakes. It was said.
    No,
}

/// For whom answers are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    Text,
    /// One JSON text a line.
    Json,
}

impl Form {
    /// Of this process.
    pub fn choose(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// An answer as one line of JSON.
pub fn answer(value: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(value) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

/// A line of the answer. A reader that is gone ends nothing.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line beside the answer.
pub fn note(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
