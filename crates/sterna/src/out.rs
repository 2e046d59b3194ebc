//! What is said to people, and to the next program of a pipe.

use std::fmt::Display;
use std::io::Write;

/// What a command line came to.
pub enum Outcome {
    Done,
    /// It ran, and the answer is no: a refused line, a difference, a model with mistakes. It was said.
    No,
}

/// A line of the answer. A reader that is gone ends nothing.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line beside the answer.
pub fn note(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
