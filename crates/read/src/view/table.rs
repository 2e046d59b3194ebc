//! Rows of a table.

use super::Generation;
use crate::keys::row;
use bytes::Bytes;
use sterna_model::{Row, json};
use sterna_store::{Transaction, key_range};

/// Replaces the rows that one source had by those that it has now. `source` ends their keys. True if anything changed.
pub(crate) fn change_rows(generation: &Generation, source: &[u8], old: &[Row], new: &[Row], t: &mut Transaction) -> bool {
    let mut changed = false;
    for number in 0..old.len().max(new.len()) {
        let (old, new) = (old.get(number), new.get(number));
        if old != new {
            changed = true;
            change_row(generation, source, number, old, new, t);
        }
    }
    changed
}

fn change_row(generation: &Generation, source: &[u8], number: usize, old: Option<&Row>, new: Option<&Row>, t: &mut Transaction) {
    let value = new.map(|row| render(generation, row));
    for path in 0..generation.paths.len() {
        let old = old.map(|row| key(generation, path, row, source, number));
        let new = new.map(|row| key(generation, path, row, source, number));
        if let Some(old) = old.filter(|old| new.as_ref() != Some(old)) {
            t.clear(key_range(&old));
        }
        if let (Some(new), Some(value)) = (new, &value) {
            t.put(new, value.clone());
        }
    }
}

fn key(generation: &Generation, path: usize, row: &Row, source: &[u8], number: usize) -> Bytes {
    let mut key = Vec::with_capacity(64 + source.len());
    key.extend_from_slice(&row::head(generation.number, path as u8));
    generation.paths[path].put(row, &mut key);
    key.extend_from_slice(source);
    row::put_number(number, &mut key);
    key.into()
}

fn render(generation: &Generation, row: &Row) -> Bytes {
    let mut out = String::with_capacity(32 * row.len());
    let names = generation.view().columns().iter().map(|column| column.name.as_ref());
    json::write_object(names.zip(row), &mut out);
    out.into()
}
