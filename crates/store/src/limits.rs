/// What a store takes. The defaults are FoundationDB's, so that what runs on one engine runs on all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a key.
    pub key_bytes_max: usize,
    /// Bytes of a value.
    pub value_bytes_max: usize,
    /// [`Transaction::bytes`](crate::Transaction::bytes) at most.
    pub transaction_bytes_max: usize,
    /// Milliseconds from a snapshot to the commit that used it; a later one may be too old.
    pub transaction_ms_max: u64,
    /// Nobody but this handle writes, so what it knows to have committed is current.
    pub sole_writer: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            key_bytes_max: 10_000,
            value_bytes_max: 100_000,
            transaction_bytes_max: 10_000_000,
            transaction_ms_max: 5_000,
            sole_writer: false,
        }
    }
}

/// Watches a store holds at once; one more is refused.
pub(crate) const WATCHES_MAX: usize = 10_000;

/// Versions that the memory engine keeps for snapshots and conflict checks.
pub(crate) const MEMORY_VERSIONS_KEPT: u64 = 10_000;
