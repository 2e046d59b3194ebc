//! Why there is no answer.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service refused.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// No url answered in any attempt. A command may or may not have taken effect: send it again with the same key.
    #[error("no region answered after {attempts} attempts; the last said: {last}")]
    Unreachable { attempts: u32, last: String },
    /// The connection ended before the answer did.
    #[error("the answer was cut after {answered} answers: {reason}")]
    Truncated { answered: u64, reason: String },
    /// An answer that no version of this service gives, such as a proxy's page.
    #[error("the answer can't be understood: {0}")]
    Unintelligible(String),
    #[error("the request can't be made: {0}")]
    Request(String),
    #[error("{0}")]
    Configuration(String),
}

impl Error {
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// The same request, a command with the same key, can have another answer later: nothing was answered, or the answer says so.
    pub fn comes_later(&self) -> bool {
        match self {
            Self::Problem(problem) => problem.retry == "same-key",
            Self::Unreachable { .. } | Self::Truncated { .. } => true,
            Self::Unintelligible(_) | Self::Request(_) | Self::Configuration(_) => false,
        }
    }

    /// The problem's code; empty if it is another error.
    pub fn code(&self) -> &str {
        self.problem().map_or("", |problem| problem.code.as_str())
    }
}

/// A problem document (RFC 9457) as Sterna writes it. What else a code says is in `more`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    pub code: String,
    pub request_id: String,
    /// `never` or `same-key`.
    pub retry: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ArgumentError>,
    /// Of a refused guard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<String>,
    /// The regions that a token waits for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
    #[serde(skip)]
    pub etag: Option<String>,
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ArgumentError {
    /// RFC 6901.
    pub pointer: String,
    pub detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let guard = self.guard.as_ref().map(|guard| format!(" {guard}")).unwrap_or_default();
        write!(f, "{} {}{guard}: {}", self.status, self.code, self.detail)?;
        self.errors.iter().try_for_each(|error| write!(f, "; {}: {}", error.pointer, error.detail))
    }
}
