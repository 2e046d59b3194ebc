//! Which value of a document is which field's, also in documents that an older model wrote.

use crate::keys::document::Record;
use crate::keys::{Unreadable, decode, encode, layout};
use bytes::Bytes;
use std::ops::Range;
use sterna_crdt::{Name, Value};
use sterna_env::HashMap;
use sterna_model::{AggregateType, Model};
use sterna_store::{Pair, Transaction, prefix_range};

/// The layouts of every type; the last of each is the model's.
#[derive(Clone, Default)]
pub(crate) struct Layouts(HashMap<Name, Vec<(u16, layout::Fields)>>);

impl Layouts {
    pub fn stored() -> Range<Bytes> {
        prefix_range(&[layout::LETTER])
    }

    /// From all pairs of [`Self::stored`], in order.
    pub fn load(pairs: &[Pair]) -> Result<Self, Unreadable> {
        let mut layouts = Self::default();
        for (key, value) in pairs {
            let (kind, number) = layout::parse(key).ok_or_else(|| Unreadable { what: "layout", why: "its key is malformed".to_owned() })?;
            layouts.0.entry(kind.into()).or_default().push((number, decode("layout", value)?));
        }
        Ok(layouts)
    }

    /// Adds the layouts that `model` needs, and writes them.
    pub fn adopt(&mut self, model: &Model, t: &mut Transaction) {
        for of in model.aggregates() {
            let fields: layout::Fields = of.fields().iter().map(|def| def.stored().clone()).collect();
            let layouts = self.0.entry(of.stored().clone()).or_default();
            if layouts.last().is_none_or(|(_, last)| *last != fields) {
                let number = layouts.last().map_or(0, |(number, _)| number + 1);
                t.put(layout::key(of.stored(), number), encode(&fields));
                layouts.push((number, fields));
            }
        }
    }

    pub fn current(&self, kind: &str) -> u16 {
        self.0.get(kind).and_then(|layouts| layouts.last()).map_or(0, |(number, _)| *number)
    }

    /// The record with its values in the current order: a field that was renamed keeps its value, a new one is unset.
    pub fn place(&self, of: &AggregateType, mut record: Record) -> Result<Record, Unreadable> {
        let current = self.current(of.stored());
        if record.layout == current {
            return Ok(record);
        }
        let layouts = self.0.get(of.stored()).map_or(&[][..], Vec::as_slice);
        let names = layouts.iter().find(|(number, _)| *number == record.layout).map(|(_, names)| names.as_slice());
        let names = names.ok_or_else(|| Unreadable { what: "document", why: format!("its layout {} is unknown", record.layout) })?;
        let mut held: HashMap<&str, Value> = names.iter().map(|name| name.as_ref()).zip(std::mem::take(&mut record.values)).collect();
        let fields = of.fields().iter();
        record.values = fields.map(|def| held.remove(def.stored().as_ref()).unwrap_or_else(|| def.kind.unset())).collect();
        record.layout = current;
        Ok(record)
    }
}
