use bytes::Bytes;
use thiserror::Error;

/// Whether what failed may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It would fail again.
    Never,
    /// It had no effect; try again, a transaction from a new snapshot.
    Safe,
    /// It may have had its effect: look before trying again.
    MaybeCommitted,
}

/// Why a read gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// The snapshot is older than the versions the engine keeps.
    #[error("the snapshot is too old: take a new one")]
    TooOld,
    /// The engine can't answer now.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// This handle was closed.
    #[error("the store is closed")]
    Closed,
}

impl ReadError {
    /// Whether the read may be tried again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::TooOld | Self::Unavailable(_) => Retry::Safe,
            Self::Closed => Retry::Never,
        }
    }
}

/// Why a transaction was not, or perhaps not, committed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommitError {
    /// Something it read was changed after its read version.
    #[error("conflict: {} of the ranges it read changed", keys.len())]
    Conflict {
        /// The starts of read ranges that changed: at least one, and not necessarily all.
        keys: Vec<Bytes>,
    },
    /// Its read version is outside of what the engine can still check.
    #[error("the transaction's read version is too old: take a new snapshot")]
    TooOld,
    /// It breaks a limit of [`Limits`](crate::Limits).
    #[error("the transaction, a key or a value is too large")]
    TooLarge,
    /// It can't be carried out: an empty or reserved key, an inverted range, a stamp that doesn't fit.
    #[error("the transaction is invalid: {0}")]
    Invalid(&'static str),
    /// The engine lost track of it.
    #[error("the transaction may have been committed")]
    MaybeCommitted,
    /// The engine can't commit now; nothing was committed.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// There is no space left; nothing was committed, and reads go on.
    #[error("the store's disk is full")]
    Full,
    /// This handle was closed; nothing was committed.
    #[error("the store is closed")]
    Closed,
}

impl CommitError {
    /// Why, in a word, as metrics have it.
    pub const REASONS: [&str; 8] = ["conflict", "too_old", "too_large", "invalid", "maybe_committed", "unavailable", "full", "closed"];

    /// One of [`Self::REASONS`].
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "conflict",
            Self::TooOld => "too_old",
            Self::TooLarge => "too_large",
            Self::Invalid(_) => "invalid",
            Self::MaybeCommitted => "maybe_committed",
            Self::Unavailable(_) => "unavailable",
            Self::Full => "full",
            Self::Closed => "closed",
        }
    }

    /// Whether the transaction may be tried again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Conflict { .. } | Self::TooOld | Self::Unavailable(_) | Self::Full => Retry::Safe,
            Self::MaybeCommitted => Retry::MaybeCommitted,
            Self::TooLarge | Self::Invalid(_) | Self::Closed => Retry::Never,
        }
    }
}
