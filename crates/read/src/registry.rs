//! Which generations the views have: one that answers, perhaps one that is built beside it, and those that are cleared.

use crate::keys::meta::{GenerationRecord, ViewRecord, ViewsRecord};
use crate::keys::model::Hash;
use crate::view::Generation;
use bytes::Bytes;
use std::sync::Arc;
use sterna_crdt::Name;
use sterna_env::HashMap;
use sterna_model::{Model, View};

/// The record in the store, and the models that its generations are defined by.
#[derive(Clone, Default)]
pub(crate) struct Registry {
    pub record: ViewsRecord,
    pub models: HashMap<Hash, Arc<Model>>,
}

/// A generation that changes are applied to.
#[derive(Clone)]
pub(crate) struct Tracked {
    pub generation: Arc<Generation>,
    pub view: Name,
    /// While it is built: the key of the last document or event that it has. What is behind is added by the building.
    pub built: Option<Bytes>,
}

impl Registry {
    /// Makes the record fit `model`: views that are new or mean something else are built beside what answers now, generations
    /// that nobody can ask any more are cleared. True if the record changed.
    pub fn adopt(&mut self, model: &Arc<Model>) -> bool {
        let before = self.record.clone();
        self.models.insert(model.hash, model.clone());
        let mut held: Vec<ViewRecord> = std::mem::take(&mut self.record.views);
        for view in model.views() {
            let at = held.iter().position(|record| *record.name == *view.name);
            let at = at.or_else(|| held.iter().position(|record| view.was.as_deref() == Some(record.name.as_str())));
            let record = at.map_or_else(ViewRecord::default, |at| held.swap_remove(at));
            let record = self.adopt_view(view, model, record);
            self.record.views.push(record);
        }
        for gone in held {
            self.record
                .clearing
                .extend(gone.live.iter().chain(gone.building.as_ref().map(|(building, _)| building)).map(|generation| generation.number));
        }
        let used: Vec<Hash> = self.record.views.iter().filter_map(|view| view.live).map(|live| live.model).collect();
        self.models.retain(|hash, _| *hash == model.hash || used.contains(hash));
        self.record != before
    }

    fn adopt_view(&mut self, view: &View, model: &Model, record: ViewRecord) -> ViewRecord {
        let mut next = ViewRecord { name: view.name.to_string(), ..ViewRecord::default() };
        let current = |generation: &GenerationRecord| GenerationRecord { model: model.hash, ..*generation };
        match &record.live {
            Some(live) if live.hash == view.hash => next.live = Some(current(live)),
            Some(live) if self.defines(live, &record.name) => next.live = Some(*live),
            Some(live) => self.record.clearing.push(live.number),
            None => {}
        }
        match record.building {
            Some((building, cursor)) if building.hash == view.hash => next.building = Some((current(&building), cursor)),
            Some((building, _)) => self.record.clearing.push(building.number),
            None => {}
        }
        let answers = next.live.is_some_and(|live| live.hash == view.hash);
        if !answers && next.building.is_none() {
            next.building = Some((self.generation(view, model), Vec::new()));
        }
        next
    }

    fn defines(&self, generation: &GenerationRecord, view: &str) -> bool {
        self.models.get(&generation.model).is_some_and(|model| model.view(view).is_some_and(|view| view.hash == generation.hash))
    }

    fn generation(&mut self, view: &View, model: &Model) -> GenerationRecord {
        self.record.next += 1;
        GenerationRecord { number: self.record.next, hash: view.hash, model: model.hash }
    }

    /// Begins a new generation; a building that is under way is given up. `None` if there is no such view.
    pub fn rebuild(&mut self, view: &str, model: &Model) -> Option<u32> {
        let view = model.view(view)?;
        let generation = self.generation(view, model);
        let record = self.record.views.iter_mut().find(|record| *record.name == *view.name)?;
        if let Some((given_up, _)) = record.building.replace((generation, Vec::new())) {
            self.record.clearing.push(given_up.number);
        }
        Some(generation.number)
    }

    /// The building of `view` has come to `cursor`; `None` is its end: from now on it answers.
    pub fn built(&mut self, view: &str, cursor: Option<&Bytes>) {
        let Some(record) = self.record.views.iter_mut().find(|record| record.name == view) else { return };
        match (cursor, record.building.as_mut()) {
            (Some(cursor), Some((_, held))) => *held = cursor.to_vec(),
            (None, Some((building, _))) => {
                let before = record.live.replace(*building);
                record.building = None;
                self.record.clearing.extend(before.map(|generation| generation.number));
            }
            (_, None) => {}
        }
    }

    /// Generations that changes are applied to: those that answer first, then those that are built.
    pub fn tracked(&self, current: &Model) -> Vec<Tracked> {
        let generation = |record: &ViewRecord, of: &GenerationRecord| {
            let model = self.models.get(&of.model)?;
            let name = model.view(&record.name).or_else(|| model.view(current.view(&record.name)?.was.as_deref()?))?.name.clone();
            Generation::new(of.number, model, &name, current).map(Arc::new)
        };
        let views = self.record.views.iter();
        let live = views.clone().filter_map(|record| Some((record, generation(record, record.live.as_ref()?)?, None)));
        let built = views.filter_map(|record| {
            let (building, cursor) = record.building.as_ref()?;
            Some((record, generation(record, building)?, Some(Bytes::copy_from_slice(cursor))))
        });
        live.chain(built).map(|(record, generation, built)| Tracked { generation, view: record.name.as_str().into(), built }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(number: u32, hash: u64) -> GenerationRecord {
        GenerationRecord { number, hash, model: [0; 16] }
    }

    #[test]
    fn a_building_that_ends_answers_and_what_answered_before_is_cleared() {
        let view = ViewRecord { name: "v".to_owned(), live: Some(live(1, 5)), building: Some((live(2, 6), Vec::new())) };
        let mut registry =
            Registry { record: ViewsRecord { next: 2, views: vec![view], clearing: Vec::new() }, models: HashMap::default() };
        registry.built("v", Some(&Bytes::from_static(b"d1")));
        assert_eq!(registry.record.views[0].building, Some((live(2, 6), b"d1".to_vec())));
        registry.built("v", None);
        assert_eq!(registry.record.views[0].live, Some(live(2, 6)));
        assert_eq!(registry.record.clearing, [1]);
    }
}
