//! Reading the ledger: what met what, which rule decided, and what was dropped.

use crate::keys::ledger::{LedgerRecord, prefix};
use crate::{Region, Writer};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use bytes::Bytes;
use sterna_crdt::{Dot, Value};
use sterna_model::Model;
use sterna_model::json::write_value;
use sterna_store::{Page, ReadError, prefix_range};

/// Rows in key order, the same in every region.
pub struct LedgerPage {
    pub rows: Vec<serde_json::Value>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// Which rows are asked for; none of it: all.
#[derive(Clone, Debug, Default)]
pub struct LedgerFilter {
    pub kind: Option<String>,
    /// Needs a kind.
    pub id: Option<String>,
    pub field: Option<String>,
    pub rule: Option<String>,
    pub is_final: Option<bool>,
}

impl LedgerFilter {
    fn lets_through(&self, record: &LedgerRecord, row: &serde_json::Value) -> bool {
        self.field.as_ref().is_none_or(|field| row["field"] == **field)
            && self.rule.as_ref().is_none_or(|rule| *rule == record.rule)
            && self.is_final.is_none_or(|is_final| is_final == record.is_final)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("this is no cursor of the ledger; send `next` of a page unchanged, or none")]
    Cursor,
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Writer {
    /// The rows that `filter` lets through. A page may have fewer than `limit`, though there is a `next`: a look ends somewhere.
    pub async fn conflicts(&self, after: Option<&str>, limit: usize, filter: &LedgerFilter) -> Result<LedgerPage, LedgerError> {
        let model = self.region().model();
        let kind = filter.kind.as_deref().map(|kind| model.aggregate(kind).map_or(kind, |of| of.stored()));
        let mut range = prefix_range(&prefix(kind, filter.id.as_deref()));
        if let Some(after) = after {
            let cursor = BASE64.decode(after).ok().filter(|key| range.start <= *key && *key < range.end);
            let mut start = cursor.ok_or(LedgerError::Cursor)?;
            start.push(0);
            range.start = start.into();
        }
        // A page also ends after so many bytes.
        let page = Page::first(limit + 1);
        let (mut pairs, mut complete_to) = (Vec::new(), None::<Bytes>);
        // Each store has the rows of its shards.
        for store in self.region().stores.all() {
            let found = store.snapshot().await?.scan(range.clone(), page).await?;
            if let Some((last, _)) = found.last().filter(|_| !page.is_short(&found)) {
                complete_to = Some(complete_to.map_or_else(|| last.clone(), |end| end.min(last.clone())));
            }
            pairs.extend(found);
        }
        pairs.sort_unstable();
        pairs.retain(|(key, _)| complete_to.as_ref().is_none_or(|end| key <= end));
        let more = complete_to.is_some() || pairs.len() > limit;
        pairs.truncate(limit);
        let next = pairs.last().filter(|_| more).map(|(key, _)| BASE64.encode(key));
        let mut rows = Vec::new();
        for (_, value) in &pairs {
            let record = LedgerRecord::decode(value).map_err(|e| ReadError::Unavailable(e.to_string()))?;
            let row = row(self.region(), &model, &record);
            rows.extend(filter.lets_through(&record, &row).then_some(row));
        }
        Ok(LedgerPage { rows, next })
    }
}

/// By the names that the present model has.
fn row(region: &Region, model: &Model, record: &LedgerRecord) -> serde_json::Value {
    let of = model.aggregate(&record.kind);
    let field = of.and_then(|of| Some(&of.fields()[of.field_index(&record.field)?]));
    let event = |dot: Dot| serde_json::json!({ "event": dot.to_string(), "region": &*region.membership.name(dot.incarnation.region()) });
    serde_json::json!({
        "type": of.map_or(&*record.kind, |of| &of.name),
        "id": record.id,
        "field": field.map_or(&*record.field, |def| &def.name),
        "element": record.element.as_ref().map(json),
        "rule": record.rule,
        "version": record.version,
        "loser": event(record.loser),
        "winner": record.winner.map(event),
        "values": { "lost": record.lost.as_ref().map(json), "won": record.won.as_ref().map(json) },
        "final": record.is_final,
    })
}

fn json(value: &Value) -> serde_json::Value {
    let mut text = String::new();
    write_value(value, &mut text);
    serde_json::from_str(&text).unwrap_or_default()
}
