//! Why a read gave nothing, and why reading could not begin.

use sterna_crdt::Name;
use sterna_store::{CommitError, ReadError};

/// Nothing was read. What may help is in each message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReadRefused {
    #[error("there is no aggregate type `{kind}` in the model{}", hint(.suggestion))]
    UnknownType { kind: Name, suggestion: Option<Name> },
    #[error("an id has 1 to 128 of A-Z a-z 0-9 . _ ~ @ : + -, and is not `.` or `..`")]
    InvalidId,
    #[error("there is no such aggregate")]
    NotFound,
    #[error("the aggregate was deleted")]
    Deleted,
    #[error("there is no view `{view}` in the model{}", hint(.suggestion))]
    UnknownView { view: Name, suggestion: Option<Name> },
    #[error("view `{view}` has no column `{column}`{}", hint(.suggestion))]
    UnknownColumn { view: Name, column: Name, suggestion: Option<Name> },
    #[error("filter `{filter}`: {detail}")]
    InvalidFilter { filter: Name, detail: String },
    #[error("view `{view}` can't be filtered by {} through {}", list(.columns), ways(.paths))]
    NotIndexed {
        view: Name,
        /// The columns that were filtered by: those with a value, then the one with a range.
        columns: Vec<Name>,
        /// The orders that there are. Values for the first columns of one, and a range for the next, can be asked for.
        paths: Vec<Vec<Name>>,
        /// An index that would do; none for a rollup, whose order is that of its group.
        wanted: Option<Vec<Name>>,
    },
    #[error("`limit` is a number from 1 to {max}")]
    InvalidLimit { max: usize },
    #[error("this cursor is not one that this query returned; send the `next` of the page before, with the same filters, or none")]
    InvalidCursor,
    #[error("what the token has seen has not arrived here from {}", .missing.join(", "))]
    BehindToken { missing: Vec<Name> },
    #[error("view `{view}` is being built for the first time")]
    Building { view: Name },
    #[error("the read store is unavailable: {0}")]
    Unavailable(String),
}

/// Whether asking again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    Never,
    Later,
}

impl ReadRefused {
    pub fn retry(&self) -> Retry {
        match self {
            Self::BehindToken { .. } | Self::Building { .. } | Self::Unavailable(_) => Retry::Later,
            _ => Retry::Never,
        }
    }

    /// For metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::UnknownType { .. } => "unknown-type",
            Self::InvalidId => "invalid-id",
            Self::NotFound => "not-found",
            Self::Deleted => "deleted",
            Self::UnknownView { .. } => "unknown-view",
            Self::UnknownColumn { .. } => "unknown-column",
            Self::InvalidFilter { .. } => "invalid-filter",
            Self::NotIndexed { .. } => "not-indexed",
            Self::InvalidLimit { .. } => "invalid-limit",
            Self::InvalidCursor => "invalid-cursor",
            Self::BehindToken { .. } => "behind-token",
            Self::Building { .. } => "building",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

impl From<ReadError> for ReadRefused {
    fn from(error: ReadError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The read store can't be used. It can always be deleted: it is built again from the logs.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "this read store belongs to region `{stored}`, not to `{configured}`; set its path to another folder, or delete the folder to build it again"
    )]
    OtherRegion { stored: String, configured: Name },
    #[error("this read store was made with {stored} shards, the configuration says {configured}; delete its folder to build it again")]
    OtherShards { stored: u16, configured: u16 },
    #[error("this read store was written by a newer release (format {stored}); start that release, or delete its folder to build it again")]
    Newer { stored: u8 },
    #[error("a {what} in the read store can't be read: {why}; delete its folder to build it again")]
    Unreadable { what: &'static str, why: String },
    #[error("the read store can't be read: {0}")]
    Read(#[from] ReadError),
    #[error("the read store can't be written: {0}")]
    Commit(#[from] CommitError),
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

fn hint(suggestion: &Option<Name>) -> String {
    suggestion.as_ref().map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

fn list(columns: &[Name]) -> String {
    let quoted: Vec<String> = columns.iter().map(|c| format!("`{c}`")).collect();
    quoted.join(", ")
}

fn ways(paths: &[Vec<Name>]) -> String {
    match paths {
        [] => "no index".to_owned(),
        paths => paths.iter().map(|path| format!("[{}]", path.join(", "))).collect::<Vec<_>>().join(" or "),
    }
}
