//! How far the projector is.

use sterna_crdt::Name;
use sterna_log::Progress;

#[derive(Clone, PartialEq, Debug)]
pub struct Status {
    /// What documents, history, feed and live views stand for.
    pub projected: Progress,
    /// In order of the model.
    pub views: Vec<ViewStatus>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct ViewStatus {
    pub name: Name,
    /// The generation that answers; none before the first is built.
    pub generation: Option<u32>,
    /// The generation that is built beside it.
    pub building: Option<Build>,
    /// How long ago the view had everything that this region had applied.
    pub staleness_seconds: f64,
    /// Aggregates and events whose rows are missing because an expression failed.
    pub rows_failed: u64,
    /// The model version that the answering generation was defined by.
    pub model_version: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Build {
    pub generation: u32,
    /// Documents or events read so far, since this process started.
    pub read: u64,
}
