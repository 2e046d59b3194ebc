//! `m`, name: what the read store is, and the generations of its views.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sterna_crdt::Incarnation;

/// What the store is: [`StoreRecord`].
pub(crate) const STORE: Bytes = Bytes::from_static(b"m/store");
/// The views: [`ViewsRecord`].
pub(crate) const VIEWS: Bytes = Bytes::from_static(b"m/views");

/// Which process keeps the store, where several can reach it: a random number.
pub(crate) const PROJECTOR: Bytes = Bytes::from_static(b"m/projector");

/// Raised when what is derived changes its form: an older store is then built again.
pub(crate) const STORE_FORMAT: u8 = 2;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct StoreRecord {
    pub format: u8,
    pub region: String,
    pub shards: u16,
    /// Of the region, when the store was last opened.
    pub incarnation: Incarnation,
    /// Of the read store: random, new whenever it is built from nothing.
    pub life: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ViewsRecord {
    /// The next generation's number.
    pub next: u32,
    pub views: Vec<ViewRecord>,
    /// Generations that nobody reads any more.
    pub clearing: Vec<u32>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ViewRecord {
    pub name: String,
    /// The generation that answers.
    pub live: Option<GenerationRecord>,
    /// The generation that is built beside it, and the key up to which it was.
    pub building: Option<(GenerationRecord, Vec<u8>)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct GenerationRecord {
    pub number: u32,
    /// Of the view's definition.
    pub hash: u64,
    /// The model that it is from.
    pub model: super::model::Hash,
}
