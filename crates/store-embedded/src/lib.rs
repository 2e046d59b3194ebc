//! The embedded store: [`Embedded`] keeps a store in one folder, on fjall. Nothing to install.
//!
//! One committer thread a store takes all transactions that are waiting, checks them for conflicts
//! against a bounded window of recent writes, gives them one version, and writes them as one fjall
//! batch. What always holds:
//!
//! - A commit resolves after its batch was synced ([`Durability::Sync`]). fjall applies a batch to
//!   what can be read only after its sync, and snapshots are handed out from a fjall snapshot that
//!   the committer takes after that, so nothing is ever visible that a crash could take back.
//! - Versions are reserved, durably, a block ahead, and a start skips what was reserved: none is
//!   used twice over the life of the folder, in [`Durability::Relaxed`] neither.
//! - While a batch syncs the next one fills. The committer lingers for more only if there was
//!   concurrency just before, and then for a fraction of a measured sync.
//!
//! Reads and scans run inline in their futures: they take microseconds, unless the disk is asked.
//! A range clear costs one delete for each key that it finds.

mod batch;
mod clock;
mod committer;
mod error;
mod folder;
mod identity;
mod journal;
pub mod limits;
mod linger;
mod metrics;
mod options;
mod queue;
mod snapshot;
mod space;
mod store;
mod window;

pub use error::OpenError;
pub use options::{Durability, Kind, Options};
pub use store::Embedded;
