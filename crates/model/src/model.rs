//! A whole model, checked and compiled.

use crate::{AggregateType, Reaction, Source, View};
use foldhash::HashMap;
use sterna_crdt::Name;

pub struct Model {
    /// As the text declares it.
    pub version: u32,
    /// Of what the text declares, whatever its order, spaces and comments.
    pub hash: [u8; 16],
    /// How long an idempotency key is kept.
    pub idempotency_window_ms: u64,
    pub(crate) source: String,
    pub(crate) aggregates: Vec<AggregateType>,
    pub(crate) aggregate_at: HashMap<Name, usize>,
    pub(crate) views: Vec<View>,
    pub(crate) view_at: HashMap<Name, usize>,
    /// By stored type and command, in order of declaration.
    pub(crate) reactions: HashMap<Name, HashMap<Name, Vec<Reaction>>>,
}

impl Model {
    /// The text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Also by the name it had before.
    pub fn aggregate(&self, name: &str) -> Option<&AggregateType> {
        self.aggregate_at.get(name).map(|at| &self.aggregates[*at])
    }

    /// In order of declaration.
    pub fn aggregates(&self) -> &[AggregateType] {
        &self.aggregates
    }

    /// Also by the name it had before.
    pub fn view(&self, name: &str) -> Option<&View> {
        self.view_at.get(name).map(|at| &self.views[*at])
    }

    /// In order of declaration.
    pub fn views(&self) -> &[View] {
        &self.views
    }

    /// The views of an aggregate's states, by its stored name.
    pub fn views_of<'m>(&'m self, aggregate: &str) -> impl Iterator<Item = &'m View> {
        self.views.iter().filter(move |view| matches!(&view.source, Source::Of(of) if of.as_ref() == aggregate))
    }

    /// The views of a command's events, by the stored names.
    pub fn views_of_event<'m>(&'m self, aggregate: &str, command: &str) -> impl Iterator<Item = &'m View> {
        let follows = move |(of, name): &(Name, Name)| of.as_ref() == aggregate && name.as_ref() == command;
        self.views.iter().filter(move |view| matches!(&view.source, Source::Events(events) if events.iter().any(follows)))
    }

    /// What an accepted command sends, by stored names and in order of declaration. An event stores their places in this order as their index.
    pub fn reactions(&self, aggregate: &str, command: &str) -> &[Reaction] {
        self.reactions.get(aggregate).and_then(|commands| commands.get(command)).map_or(&[], Vec::as_slice)
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("version", &self.version).field("hash", &self.hash).finish_non_exhaustive()
    }
}
