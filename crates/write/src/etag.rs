//! A document's version.

use crate::Aggregate;
use serde::{Deserialize, Serialize};
use std::fmt;
use sterna_crdt::VersionVector;

/// Strong, and equal in all regions: a hash of the aggregate's vector, of how many of its events are void (a verdict changes the state
/// and may come without an event), and of the model's version.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct ETag(u64);

impl ETag {
    pub fn of(aggregate: &Aggregate, model_version: u32) -> Self {
        Self::made_of(&aggregate.seen, aggregate.voided, model_version)
    }

    pub fn made_of(seen: &VersionVector, voided: u64, model_version: u32) -> Self {
        let mut bytes = Vec::with_capacity(4 + 16 * seen.len());
        bytes.extend_from_slice(&model_version.to_be_bytes());
        for dot in seen.iter() {
            bytes.extend_from_slice(&dot.incarnation.0.to_be_bytes());
            bytes.extend_from_slice(&dot.n.to_be_bytes());
        }
        if voided > 0 {
            bytes.extend_from_slice(&voided.to_be_bytes());
        }
        let hash = blake3::hash(&bytes);
        Self(u64::from_be_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes")))
    }

    /// With or without the quotes of the header.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_matches('"');
        (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{:016x}\"", self.0)
    }
}
