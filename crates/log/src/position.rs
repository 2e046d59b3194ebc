//! A place in a log.

use std::fmt;

/// `epoch` grows when the shard changes cluster or its store begins a new life (milliseconds of its beginning, so that an old
/// copy, restored twice, can't reuse one); `commit` is the store's versionstamp; `index` counts the events of one commit.
/// The derived order is the order of the log. A *seal* is a position behind every event of its commit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    pub epoch: u64,
    pub commit: [u8; 10],
    pub index: u16,
}

impl Position {
    /// Before every log's first event.
    pub const ZERO: Self = Self { epoch: 0, commit: [0; 10], index: 0 };
    pub const BYTES: usize = 20;

    pub fn new(epoch: u64, commit: [u8; 10], index: u16) -> Self {
        Self { epoch, commit, index }
    }

    /// Everything committed up to and including `version` of this epoch.
    pub fn seal(epoch: u64, version: u64) -> Self {
        let mut commit = [0xff; 10];
        commit[..8].copy_from_slice(&version.to_be_bytes());
        Self { epoch, commit, index: u16::MAX }
    }

    /// Behind every event of the same commit.
    pub fn end_of_commit(self) -> Self {
        Self { index: u16::MAX, ..self }
    }

    /// Big-endian, so that bytes sort as positions do.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        out[..8].copy_from_slice(&self.epoch.to_be_bytes());
        out[8..18].copy_from_slice(&self.commit);
        out[18..].copy_from_slice(&self.index.to_be_bytes());
        out
    }

    /// `None` unless there are exactly [`Self::BYTES`] bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        let (epoch, rest) = bytes.split_first_chunk::<8>()?;
        let (commit, index) = rest.split_first_chunk::<10>()?;
        Some(Self { epoch: u64::from_be_bytes(*epoch), commit: *commit, index: u16::from_be_bytes([index[0], index[1]]) })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, order) = self.commit.split_at(8);
        let version = u64::from_be_bytes(version.try_into().map_err(|_| fmt::Error)?);
        write!(f, "{}/{version}.{}/{}", self.epoch, u16::from_be_bytes([order[0], order[1]]), self.index)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
