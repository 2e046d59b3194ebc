//! What a transaction projects of an aggregate: the document that it has, and what the aggregate is now.

use super::batch::Touched;
use super::part::Part;
use super::{ProjectError, Projector};
use crate::document::{self, Held};
use crate::limits::CHUNK_BYTES;
use bytes::Bytes;
use std::sync::Arc;
use sterna_log::AggregateId;
use sterna_write::{Aggregate, Taken};

pub(super) struct Subject {
    /// The document as it is before.
    pub old: Option<Arc<Held>>,
    pub now: Now,
}

pub(super) enum Now {
    /// What the document was made from.
    Same,
    /// `None` if there is no such aggregate.
    State(Option<Arc<Aggregate>>),
}

impl Projector {
    /// In the order of `ids`. Of what the shards' writers have just changed nothing is read. `None` if the region has a later model, whose events
    /// some of these may have: no document is to be of an older model than its events.
    pub(super) async fn subjects(
        &mut self,
        ids: &[AggregateId],
        touched: &[Touched],
        part: &mut Part,
    ) -> Result<Option<Vec<Subject>>, ProjectError> {
        let taken = self.states.take_changes(ids, &self.progress);
        if !Arc::ptr_eq(&self.model, &self.shared.region.model()) {
            self.states.give_up_changes();
            return Ok(None);
        }
        let (mut subjects, mut unread, mut unknown) = (Vec::with_capacity(ids.len()), Vec::new(), Vec::new());
        for (at, taken) in taken.into_iter().enumerate() {
            let mut old = self.documents.take(&touched[at].key);
            if old.is_none() {
                match &taken {
                    Taken::Changed(Some(before), _) if before.seen.is_empty() => {}
                    // Only then it is certain that the document is of this model.
                    Taken::Changed(Some(before), _) if before.model_version == self.model.version => old = self.made_from(&ids[at], before),
                    _ => unread.push(at),
                }
            }
            let now = match taken {
                Taken::Changed(_, now) => Now::State(Some(now)),
                Taken::Same => Now::Same,
                Taken::Unknown => {
                    unknown.push(at);
                    Now::State(None)
                }
            };
            subjects.push(Subject { old, now });
        }
        if !unread.is_empty() {
            let keys: Vec<Bytes> = unread.iter().map(|&at| touched[at].key.clone()).collect();
            let snapshot = self.snapshot_of(part).await?;
            for (at, first) in unread.into_iter().zip(snapshot.get_many(&keys).await?) {
                let (Some(first), Some(of)) = (first, self.model.aggregate(&ids[at].kind)) else { continue };
                subjects[at].old = Some(Arc::new(Held::load(of, &self.layouts, &touched[at].key, first, snapshot).await?));
            }
        }
        for (at, subject) in subjects.iter_mut().enumerate() {
            // An aggregate that is parked since its first event has none.
            if matches!(subject, Subject { old: None, now: Now::Same }) {
                self.states.give_up_changes();
                subject.now = Now::State(None);
                unknown.push(at);
            }
        }
        let wanted: Vec<AggregateId> = unknown.iter().map(|&at| ids[at].clone()).collect();
        for (at, state) in unknown.into_iter().zip(self.states.get_many(&wanted).await?) {
            subjects[at].now = Now::State(state);
        }
        Ok(Some(subjects))
    }

    /// The document of a state.
    fn made_from(&self, id: &AggregateId, state: &Aggregate) -> Option<Arc<Held>> {
        let record = document::record(self.model.aggregate(&id.kind)?, &self.layouts, state, &self.shared.region.membership);
        let may_be_cut = record.weight() + DOT_BYTES_MAX * record.seen.iter().count() > CHUNK_BYTES;
        let pieces = if may_be_cut { record.pieces().len() } else { 1 };
        Some(Arc::new(Held { pieces, record }))
    }
}

/// Of a vector, as it is encoded.
const DOT_BYTES_MAX: usize = 20;
