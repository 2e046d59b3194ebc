use std::{io, path::PathBuf};

use thiserror::Error;

use crate::journal::Damage;

/// Why a folder can't be opened. Each message says what to do.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process, or another handle of this one, has it open.
    #[error(
        "{} is in use{}: stop the other process, or give this one a folder of its own",
        path.display(), holder.as_ref().map(|pid| format!(" by process {pid}")).unwrap_or_default()
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The process that said it has it.
        holder: Option<String>,
    },
    /// It was written by a newer version.
    #[error(
        "{} has format {found}, and this version of sterna knows formats up to {known}: \
         use the version that wrote it, or a newer one",
        path.display()
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest known format.
        known: u32,
    },
    /// It holds a store of another kind.
    #[error(
        "{} holds a {found} store, not a {expected} store: check the configured paths",
        path.display()
    )]
    OtherKind {
        /// The folder.
        path: PathBuf,
        /// The kind that was asked for.
        expected: &'static str,
        /// The kind that it has.
        found: String,
    },
    /// It has files, and isn't a store.
    #[error(
        "{} is not a sterna store ({what}): give an empty or a new folder",
        path.display()
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It is a store, and can't be read.
    #[error(
        "{} is damaged ({what}): restore it from a backup or, if it is a read store or another \
         region has the data, move it away and start with an empty folder",
        path.display()
    )]
    Corrupt {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The operating system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// Why it failed.
        #[source]
        error: io::Error,
    },
    /// The metrics couldn't be registered.
    #[error("the store's metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl OpenError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Io { path, error }
    }

    /// What was found in the journals of the folder `path`.
    pub(crate) fn journal(path: impl Into<PathBuf>, damage: Damage) -> Self {
        match damage {
            Damage::Io(path, error) => Self::Io { path, error },
            Damage::Middle { journal, offset } => {
                Self::Corrupt { path: path.into(), what: format!("{} can't be read from byte {offset} on", journal.display()) }
            }
        }
    }

    /// What fjall said when it was opened in `path`.
    pub(crate) fn fjall(path: impl Into<PathBuf>, error: fjall::Error) -> Self {
        let path = path.into();
        match error {
            fjall::Error::Io(error) => Self::Io { path, error },
            fjall::Error::Locked => Self::Locked { path, holder: None },
            other => Self::Corrupt { path, what: other.to_string() },
        }
    }
}
