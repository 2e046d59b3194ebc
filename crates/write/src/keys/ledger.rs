//! `c`, type, 0, id, 0, field, 0, element as JSON, 0, losing dot (16), winning dot (16): a row of the ledger.
//!
//! Rows hold nothing from a local clock, so that they are the same in every region.

use super::{Unreadable, decode, encode, put_text};
use bytes::{BufMut, Bytes};
use serde::{Deserialize, Serialize};
use sterna_crdt::conflicts::Row;
use sterna_crdt::{Dot, Value};
use sterna_log::AggregateId;

pub const LETTER: u8 = b'c';
const FORMAT: u8 = 2;

/// What is kept of a row beside its key. The names of rules are part of the format.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LedgerRecord {
    pub kind: String,
    pub id: String,
    pub field: String,
    pub element: Option<Value>,
    pub rule: String,
    /// The version of the model that it is of.
    pub version: u32,
    pub loser: Dot,
    pub winner: Option<Dot>,
    pub lost: Option<Value>,
    pub won: Option<Value>,
    /// The loser is closed: the row will never change again.
    pub is_final: bool,
}

impl LedgerRecord {
    pub fn of(aggregate: &AggregateId, row: &Row, is_final: bool) -> Self {
        Self {
            kind: aggregate.kind.to_string(),
            id: aggregate.id.to_string(),
            field: row.field.to_string(),
            element: row.element.clone(),
            rule: row.rule.name().to_owned(),
            version: row.version,
            loser: row.loser,
            winner: row.winner,
            lost: row.lost.clone(),
            won: row.won.clone(),
            is_final,
        }
    }

    pub fn key(&self) -> Bytes {
        let mut key = prefix(Some(&self.kind), Some(&self.id));
        put_text(&mut key, &self.field);
        if let Some(element) = &self.element {
            let mut json = String::new();
            sterna_model::json::write_value(element, &mut json);
            key.put_slice(json.as_bytes());
        }
        key.put_u8(0);
        put_dot(&mut key, Some(self.loser));
        put_dot(&mut key, self.winner);
        key.into()
    }

    pub fn encode(&self) -> Bytes {
        encode(FORMAT, self)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        decode("ledger row", FORMAT, bytes)
    }
}

/// Rows of all aggregates, of one type, or of one aggregate.
pub fn prefix(kind: Option<&str>, id: Option<&str>) -> Vec<u8> {
    let mut key = vec![LETTER];
    if let Some(kind) = kind {
        put_text(&mut key, kind);
        if let Some(id) = id {
            put_text(&mut key, id);
        }
    }
    key
}

fn put_dot(key: &mut Vec<u8>, dot: Option<Dot>) {
    key.put_u64(dot.map_or(0, |d| d.incarnation.0));
    key.put_u64(dot.map_or(0, |d| d.n));
}
