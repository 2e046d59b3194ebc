//! What the shard's inputs carry.

use crate::{Accepted, Command, Give, MergeError, Merged, Refused};
use std::sync::Arc;
use sterna_crdt::{Name, RegionId};
use sterna_env::Instant;
use sterna_log::Frame;
use sterna_model::{Args, Model};
use tokio::sync::oneshot;

/// A command with valid arguments.
pub(crate) struct Job {
    pub command: Command,
    /// The model that the arguments were read under.
    pub model: Arc<Model>,
    pub args: Args,
    pub args_json: Name,
    pub body_hash: [u8; 16],
    pub key: Name,
    pub key_made: bool,
    pub reply: oneshot::Sender<Result<Accepted, Refused>>,
    /// Not a client's command: a transfer of rights.
    pub give: Option<Give>,
    /// Not a client's command: the type's home in this shard moves.
    pub hand_over: Option<HomeOrder>,
    /// Other regions were asked for rights before.
    pub asked: bool,
    pub attempts: u32,
    pub since: Instant,
}

/// How a home moves.
pub(crate) enum HomeOrder {
    Give(RegionId),
    /// From a region that was declared lost, whose heir this one is.
    Inherit(RegionId),
}

/// A frame to copy and merge.
pub(crate) struct MergeJob {
    pub frame: Frame,
    pub reply: oneshot::Sender<Result<Merged, MergeError>>,
}

pub(crate) enum MergeInput {
    Frame(MergeJob),
    /// Finish what is under way, then read from the store where the logs stand.
    Reload(oneshot::Sender<()>),
}
