//! Commands to events: one store transaction for each batch of a shard.
//!
//! A shard writer has two inputs, commands and merges, and is the only one that changes aggregates. Everything else
//! follows what it committed: [`Logs`] gives entries, [`States`] aggregates, [`Board`] progress.

mod aggregate;
mod board;
mod changes;
mod clock;
mod command;
mod document;
mod escrow;
mod etag;
mod expire;
mod fence;
mod homes;
pub mod keys;
mod leases;
mod ledger;
pub mod limits;
mod logs;
mod metrics;
mod models;
mod recalls;
mod region;
mod shard;
mod states;
mod stores;
mod tail;
mod tails;
mod tally;
mod touched;
mod unpark;
mod writer;

pub use aggregate::{Aggregate, Open};
pub use board::{Board, Epoch, Heard};
pub use changes::Taken;
pub use clock::RegionClock;
pub use command::{Accepted, Command, Refused, Retry};
pub use document::{document_json, undecided};
pub use escrow::{Escrow, GIVE_COMMAND, Give, Lack};
pub use etag::ETag;
pub use fence::Fence;
pub use homes::Homes;
pub use keys::home::HomeRecord;
pub use leases::Leases;
pub use ledger::{LedgerError, LedgerFilter, LedgerPage};
pub use logs::{LogEntry, Logs};
pub use metrics::Metrics;
pub use models::{TakeModelError, Unsafe};
pub use recalls::Held;
pub use region::{Gate, Life, OpenError, OpenOptions, Region};
pub use states::States;
pub use stores::{RecordError, Stores};
pub use tally::Tally;
pub use touched::Touched;
pub use writer::{Answer, Fetched, Forward, MergeError, Merged, Reply, RightsBroker, Writer};
