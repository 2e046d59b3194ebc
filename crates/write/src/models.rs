//! The models that a region holds: the one that everything here is done under, and perhaps the next one.
//!
//! A version takes commands once every member holds it, or an event of it would meet a region that can't apply it. Until then it is
//! announced, and the present one goes on.

use crate::Region;
use crate::keys::Unreadable;
use crate::keys::meta;
use crate::region::OpenError;
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use sterna_crdt::Name;
use sterna_model::diff::{Verdict, diff, verdict};
use sterna_model::{Diagnostic, Model};
use sterna_store::{CommitError, ReadError, Snapshot, Transaction};
use tokio::sync::watch;

pub(crate) struct Models {
    present: RwLock<Arc<Model>>,
    next: RwLock<Option<Arc<Model>>>,
    /// The highest version that another region's events have.
    met: AtomicU32,
    changed: watch::Sender<()>,
}

/// Why a model can't follow the present one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("version {given} of the model can't follow version {held}, which the data was written with: {} of its changes are not safe", .mistakes.len())]
pub struct Unsafe {
    pub held: u32,
    pub given: u32,
    /// Of the given model's text.
    pub mistakes: Vec<Diagnostic>,
}

/// Why the next model was not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TakeModelError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(
        "another process of this region has taken version {stored} of the model, and this one holds {given} at most: start it with the newer one"
    )]
    Overtaken { stored: u32, given: u32 },
}

impl Models {
    pub fn new(present: Arc<Model>, next: Option<Arc<Model>>) -> Self {
        Self { present: RwLock::new(present), next: RwLock::new(next), met: AtomicU32::new(0), changed: watch::Sender::new(()) }
    }

    /// Of the present one.
    pub fn text(&self) -> String {
        self.present.read().source().to_owned()
    }
}

impl Region {
    /// The model that everything here is done under.
    pub fn model(&self) -> Arc<Model> {
        self.models.present.read().clone()
    }

    /// The model that takes its place once every member holds it.
    pub fn next_model(&self) -> Option<Arc<Model>> {
        self.models.next.read().clone()
    }

    /// Nothing is written down; [`Self::take_next_model`] does that.
    pub fn set_model(&self, model: Arc<Model>) {
        *self.models.present.write() = model;
        self.models.changed.send_modify(|()| {});
    }

    /// Announces a model that may follow the ones held here. One that says the same as the last of these changes nothing.
    pub fn offer_model(&self, model: Arc<Model>) -> Result<(), Unsafe> {
        let mut next = self.models.next.write();
        let last = next.clone().unwrap_or_else(|| self.model());
        if last.hash == model.hash {
            return Ok(());
        }
        may_follow(&last, &model)?;
        *next = Some(model);
        drop(next);
        self.models.changed.send_modify(|()| {});
        Ok(())
    }

    /// Writes the next model down, and makes it the present one. Every member must hold it.
    pub async fn take_next_model(&self) -> Result<(), TakeModelError> {
        let Some(next) = self.next_model() else { return Ok(()) };
        let snapshot = self.store.snapshot().await?;
        let text = sterna_store::get(&*snapshot, &meta::MODEL).await?.unwrap_or_default();
        let stored = sterna_model::parse(&String::from_utf8_lossy(&text)).0.map_or(0, |stored| stored.version);
        if stored > next.version {
            return Err(TakeModelError::Overtaken { stored, given: next.version });
        }
        let mut t = Transaction::new(snapshot.version());
        t.read_key(&meta::MODEL).put(meta::MODEL, next.source().to_owned());
        self.store.commit(t).await?;
        tracing::info!(region = %self.name, version = next.version, "the next version of the model takes commands");
        *self.models.present.write() = Arc::clone(&next);
        let mut held = self.models.next.write();
        if held.as_ref().is_some_and(|held| Arc::ptr_eq(held, &next)) {
            *held = None;
        }
        drop(held);
        self.models.changed.send_modify(|()| {});
        Ok(())
    }

    /// Another process of this region took the next model.
    pub(crate) fn adopt_model(&self, text: &[u8]) {
        let mut next = self.models.next.write();
        if let Some(taken) = next.take_if(|next| next.source().as_bytes() == text) {
            *self.models.present.write() = taken;
            drop(next);
            self.models.changed.send_modify(|()| {});
        }
    }

    /// Another region has made events of this version: so every member holds it, whatever this region has heard.
    pub(crate) fn met_model(&self, version: u32) {
        if self.models.met.fetch_max(version, Ordering::Relaxed) < version {
            self.models.changed.send_modify(|()| {});
        }
    }

    /// Whether events of the next model have been met.
    pub fn has_met_next_model(&self) -> bool {
        self.next_model().is_some_and(|next| self.models.met.load(Ordering::Relaxed) >= next.version)
    }

    /// Changes when a model is offered, met or taken.
    pub fn subscribe_models(&self) -> watch::Receiver<()> {
        self.models.changed.subscribe()
    }
}

fn may_follow(held: &Model, given: &Model) -> Result<(), Unsafe> {
    let changes = diff(held, given);
    if verdict(&changes) == Verdict::Safe {
        return Ok(());
    }
    let mistakes = changes.into_iter().filter(|change| change.verdict != Verdict::Safe).map(|change| change.diagnostic).collect();
    Err(Unsafe { held: held.version, given: given.version, mistakes })
}

/// The models to begin with, and whether the present one is to be written down.
pub(crate) async fn open(snapshot: &dyn Snapshot, given: Arc<Model>, members: &[Name]) -> Result<(Models, bool), OpenError> {
    let Some(bytes) = sterna_store::get(snapshot, &meta::MODEL).await? else { return Ok((Models::new(given, None), true)) };
    let text = String::from_utf8_lossy(&bytes);
    let (stored, _) = sterna_model::parse_with(&text, Some(members));
    let Some(stored) = stored else { return Err(Unreadable::new("model", "it no longer parses").into()) };
    match stored.version.cmp(&given.version) {
        std::cmp::Ordering::Greater => return Err(OpenError::OlderModel { stored: stored.version, given: given.version }),
        std::cmp::Ordering::Equal if stored.hash != given.hash => return Err(OpenError::ChangedModel { version: given.version }),
        std::cmp::Ordering::Equal => return Ok((Models::new(given, None), false)),
        std::cmp::Ordering::Less => may_follow(&stored, &given)?,
    }
    // Alone there is nobody to wait for.
    Ok(match members.len() {
        1 => (Models::new(given, None), true),
        _ => (Models::new(Arc::new(stored), Some(given)), false),
    })
}
