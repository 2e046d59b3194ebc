//! What a transaction projects of an aggregate: the document that it has, and what the aggregate is now.

use super::batch::Touched;
use super::{ProjectError, Projector};
use crate::document::{self, Held};
use crate::limits::CHUNK_BYTES;
use bytes::Bytes;
use std::sync::Arc;
use sterna_log::AggregateId;
use sterna_store::Snapshot;
use sterna_write::{Aggregate, Handed};

pub(super) struct Subject {
    /// The document as it is before.
    pub old: Option<Arc<Held>>,
    pub now: Now,
}

pub(super) enum Now {
    /// The document is up to date.
    Same,
    /// `None` if there is no such aggregate.
    State(Option<Arc<Aggregate>>),
}

impl Projector {
    /// In the order of `ids`. What was handed over by the shards' writers is not read.
    pub(super) async fn subjects(
        &mut self,
        snapshot: &dyn Snapshot,
        ids: &[AggregateId],
        touched: &[Touched],
    ) -> Result<Vec<Subject>, ProjectError> {
        let handed = self.states.take_changes(ids);
        let read: Vec<usize> = (0..ids.len()).filter(|&at| !matches!(handed[at], Handed::Changed(_))).collect();
        let mut documents = self.load_documents(snapshot, ids, touched, &read).await?.into_iter();
        let mut unknown = Vec::new();
        let mut subjects = Vec::with_capacity(ids.len());
        for (at, handed) in handed.into_iter().enumerate() {
            if let Handed::Changed(change) = handed {
                subjects.push(Subject { old: self.held(&ids[at], &touched[at], &change.before), now: Now::State(Some(change.now)) });
                continue;
            }
            let old = documents.next().flatten();
            // Of an aggregate that was parked at its first event nothing is handed over.
            if matches!(handed, Handed::Unknown) || old.is_none() {
                self.states.give_up(touched[at].shard);
                unknown.push(at);
            }
            subjects.push(Subject { old, now: Now::Same });
        }
        let wanted: Vec<AggregateId> = unknown.iter().map(|&at| ids[at].clone()).collect();
        for (at, state) in unknown.into_iter().zip(self.states.get_many(&wanted).await?) {
            subjects[at].now = Now::State(state);
        }
        Ok(subjects)
    }

    /// The document of a state that is projected.
    fn held(&self, id: &AggregateId, touched: &Touched, state: &Aggregate) -> Option<Arc<Held>> {
        let Some(of) = self.model.aggregate(&id.kind) else {
            self.states.give_up(touched.shard);
            return None;
        };
        if state.seen.is_empty() {
            return None;
        }
        let record = document::record(of, &self.layouts, state, &self.shared.region.membership);
        let may_be_cut = record.weight() + DOT_BYTES_MAX * record.seen.iter().count() > CHUNK_BYTES;
        let pieces = if may_be_cut { record.pieces().len() } else { 1 };
        Some(Arc::new(Held { pieces, record }))
    }

    /// The documents of some of these aggregates, as they are before the batch.
    async fn load_documents(
        &mut self,
        snapshot: &dyn Snapshot,
        ids: &[AggregateId],
        touched: &[Touched],
        some: &[usize],
    ) -> Result<Vec<Option<Arc<Held>>>, ProjectError> {
        let mut olds: Vec<Option<Arc<Held>>> = some.iter().map(|&at| self.documents.take(&touched[at].key)).collect();
        let missing: Vec<usize> = (0..olds.len()).filter(|&at| olds[at].is_none()).collect();
        let keys: Vec<Bytes> = missing.iter().map(|&at| touched[some[at]].key.clone()).collect();
        for (at, first) in missing.into_iter().zip(snapshot.get_many(&keys).await?) {
            let (Some(first), Some(of)) = (first, self.model.aggregate(&ids[some[at]].kind)) else { continue };
            olds[at] = Some(Arc::new(Held::load(of, &self.layouts, &touched[some[at]].key, first, snapshot).await?));
        }
        Ok(olds)
    }
}

/// Of a vector, as it is encoded.
const DOT_BYTES_MAX: usize = 20;
