//! What the shard's inputs carry.

use crate::writer::body_hash;
use crate::{Accepted, Command, Give, MergeError, Merged, Refused};
use std::sync::Arc;
use sterna_crdt::{Name, RegionId};
use sterna_env::Instant;
use sterna_log::{AggregateId, Applied, Event, Frame, Position};
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

impl Job {
    /// Reads the same command under a later model, in which it has the same stored name. Safe changes keep valid arguments valid; an error
    /// leaves the job as it was.
    pub fn renew(&mut self, model: &Arc<Model>) -> Result<(), Refused> {
        if self.give.is_none() && self.hand_over.is_none() {
            let (kind, name) = (&self.command.aggregate.kind, &self.command.name);
            let declared = model.aggregate(kind).and_then(|of| of.command(name));
            let unknown = || Refused::UnknownCommand { kind: kind.clone(), command: name.clone(), suggestion: None };
            let declared = declared.ok_or_else(unknown)?;
            let args = declared.parse_args(&self.command.args).map_err(Refused::InvalidArguments)?;
            self.args_json = args.to_json(declared).into();
            self.body_hash = body_hash(declared.stored(), &args.canonical(declared, &self.args_json));
            self.args = args;
        }
        self.model = Arc::clone(model);
        Ok(())
    }
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
    /// It is what another region has, and not what the origin sends itself.
    pub is_copy: bool,
    pub reply: oneshot::Sender<Result<Merged, MergeError>>,
}

/// An event that a parked aggregate has not got, and its place in its log.
pub(crate) type Missed = (Position, Event);

/// A parked aggregate is to be tried again.
pub(crate) struct UnparkJob {
    pub aggregate: AggregateId,
    /// What it lacks of the logs up to `upto`: the first of each log, in any order.
    pub events: Vec<Missed>,
    pub upto: Applied,
    /// It lacks no more of them than these.
    pub whole: bool,
    pub reply: oneshot::Sender<Unparked>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Unparked {
    /// It is parked no more.
    Done,
    /// It got some of what it lacks, and there is more.
    More,
    /// What it is parked for can't be applied yet.
    Still(String),
}

pub(crate) enum MergeInput {
    Frame(MergeJob),
    Unpark(Box<UnparkJob>),
    /// Write the entry with which a life of the region begins.
    Begin(oneshot::Sender<()>),
    /// Finish what is under way, then read from the store where the logs stand.
    Reload(oneshot::Sender<()>),
}
