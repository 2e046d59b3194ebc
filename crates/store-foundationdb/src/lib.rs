//! The store on FoundationDB 7.3: [`FoundationDb`] keeps a store in a part of a cluster's keys.
//!
//! What always holds:
//!
//! - A snapshot is a FoundationDB read version; a transaction is checked by FoundationDB's resolvers against the ranges that it
//!   says it read. A stamp is FoundationDB's versionstamp.
//! - A commit has no timeout: FoundationDB's client answers `commit_unknown_result` only once the transaction can no longer take
//!   effect later, so whoever reads again after [`MaybeCommitted`](sterna_store::CommitError::MaybeCommitted) knows. While a
//!   cluster is away, commits wait; snapshots and reads fail after [`limits::READ_WAIT`].
//! - Nothing here needs libfdb_c until [`FoundationDb::open`]: it is loaded then, or the error says where it was looked for.
//! - A cluster remembers which shards of which store it holds ([`Part`]): two processes can't disagree.
//!
//! The client has one network thread a process, started by the first `open`; who opened calls [`shutdown`] at the end.

mod assignment;
mod cluster;
mod commit;
mod error;
pub mod limits;
mod metrics;
mod network;
mod options;
mod scan;
mod shim;
mod snapshot;
mod status;
mod store;
mod subspace;

pub use assignment::Part;
pub use error::OpenError;
pub use metrics::Metrics;
pub use network::shutdown;
pub use options::{Kind, Options};
pub use status::{Health, Trouble};
pub use store::FoundationDb;
