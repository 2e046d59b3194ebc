//! The store: a transactional, ordered key-value contract with the shape of FoundationDB, and the
//! memory engine that tests and simulations run on.
//!
//! What always holds, whatever the engine ([`mod@conformance`] checks it):
//!
//! - A [`Snapshot`] is one consistent version of everything, and shows only what is durable.
//! - A [`Transaction`] is plain data: the version it read at, the ranges it read, and its writes.
//!   It commits only if nothing it read was changed after that version, so committed
//!   transactions are serializable in the order of their [`Stamp`]s.
//! - [`Store::commit`] enqueues before it returns and resolves when the writes are durable; a
//!   snapshot taken after that shows them.
//! - Stamps grow strictly over the life of a store, restarts included, and are never used twice.
//! - Keys are 1 to `key_bytes_max` bytes and do not begin with `0xff`, which belongs to engines.
//!
//! Keys mean nothing here: each is defined beside its owner.

pub mod conformance;
mod contract;
mod error;
mod limits;
pub mod memory;
mod range;
mod read;
mod stamp;
mod transaction;
mod watches;

pub use contract::{Boxed, Page, Pair, Snapshot, Store};
pub use error::{CommitError, ReadError, Retry};
pub use limits::Limits;
pub use memory::Memory;
pub use range::{all_keys, as_key, contains, key_range, prefix_range};
pub use read::{get, scan_all, scan_prefix};
pub use stamp::{Committed, STAMP_BYTES, Stamp, Version};
pub use transaction::{StampAt, Transaction, Write};
pub use watches::{Watch, Watches};
