//! Region, shard, position, event, entry, frame, progress, token. Pure.
//!
//! N regions × S shards logs; every follower is a vector of positions over them. What is encoded here carries a format
//! version and a checksum, and what decodes is valid.

mod codec;
mod entry;
mod event;
mod frame;
mod membership;
mod position;
mod progress;
mod shard;
mod token;
mod wire;

pub use codec::DecodeError;
pub use entry::{Entry, Handover};
pub use event::{Cause, Event, Reaction, Send};
pub use frame::{Frame, FrameEntry, ModelHeld};
pub use membership::{Member, Membership};
pub use position::Position;
pub use progress::{Applied, Progress};
pub use shard::{AggregateId, LogId, ShardId, shard_of};
pub use token::{Token, TokenError, TokenKey};
