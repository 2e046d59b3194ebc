use crate::{Metrics, Part};
use std::path::PathBuf;
use sterna_env::Env;

/// Where a store is, and which.
#[derive(Clone)]
pub struct Options {
    pub env: Env,
    /// The cluster file. The client keeps it up to date when coordinators change, so it should be writable.
    pub cluster_file: PathBuf,
    /// libfdb_c; by default the system's linker finds it. Of several stores in a process, the first one's counts.
    pub library: Option<PathBuf>,
    /// Whose store it is: a region's name. Stores of other names in the same cluster are apart.
    pub name: String,
    pub kind: Kind,
    /// What of the store this cluster holds.
    pub part: Part,
    pub metrics: Metrics,
}

/// What a store is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Write,
    Read,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
        }
    }
}
