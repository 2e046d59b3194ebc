//! Makes the pages of a batch.

use super::Tip;
use crate::keys::feed::{self, Record};
use crate::keys::{Unreadable, decode, encode};
use crate::limits::{FEED_AGE_MAX, FEED_BYTES_MAX, FEED_PAGE_BYTES, FEED_PAGES_MAX, FEED_SKIPPED_PAGES};
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use sterna_crdt::{Dot, Name};
use sterna_store::{Pair, Transaction, Version};
use sterna_write::ETag;

/// A change as the projector tells it.
pub(crate) struct Change<'c> {
    pub kind: &'c Name,
    pub id: &'c Name,
    pub event: Dot,
    pub command: &'c Name,
    pub etag: ETag,
    pub views: &'c [Name],
}

/// Where the next page goes. What it knows is what was committed, as long as a failed transaction is followed by a new one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writer {
    tip: Tip,
    pages: u64,
    bytes: u64,
    /// The first page of this process.
    first: u64,
}

/// By number.
pub(crate) type Pages = Vec<(u64, Arc<Record>)>;

impl Writer {
    /// Goes on behind `last`, the newest page of the store; `skip` numbers that may have been used and lost. Where every page may
    /// have been lost, the store's version is what is never used again.
    pub fn after(last: Option<&Pair>, version: Version, skip: bool) -> Result<Self, Unreadable> {
        let Some((key, value)) = last else {
            let first = if skip { version.0 } else { 0 };
            return Ok(Self { tip: Tip { last: None, next: first }, first, ..Self::default() });
        };
        let number = feed::parse(key).ok_or_else(|| Unreadable { what: "feed page", why: "its key is malformed".to_owned() })?;
        let record: Record = decode("feed page", value)?;
        let next = number + 1 + if skip { FEED_SKIPPED_PAGES } else { 0 };
        let tip = Tip { last: Some(number), next };
        Ok(Self { tip, pages: record.pages_before + 1, bytes: record.bytes_before + value.len() as u64, first: next })
    }

    /// Goes on no earlier than where this process began.
    pub fn not_before(&mut self, first: u64) {
        self.first = first;
        self.tip.next = self.tip.next.max(first);
    }

    pub fn first(&self) -> u64 {
        self.first
    }

    pub fn tip(&self) -> Tip {
        self.tip
    }

    /// Writes the pages of these changes, in order.
    pub fn write<'c>(&mut self, changes: impl Iterator<Item = Change<'c>>, at_ms: u64, t: &mut Transaction) -> Pages {
        let (mut pages, mut page, mut bytes) = (Vec::new(), Record::default(), 0);
        for change in changes {
            bytes += 48 + change.id.len() + 2 * change.views.len();
            let change = feed::Change {
                kind: number_of(change.kind, &mut page.names),
                id: change.id.clone(),
                event: change.event,
                command: number_of(change.command, &mut page.names),
                etag: bits(change.etag),
                views: change.views.iter().map(|view| number_of(view, &mut page.names)).collect(),
            };
            page.changes.push(change);
            if bytes > FEED_PAGE_BYTES {
                pages.push(self.put(std::mem::take(&mut page), at_ms, t));
                bytes = 0;
            }
        }
        if !page.changes.is_empty() {
            pages.push(self.put(page, at_ms, t));
        }
        pages
    }

    /// Writes a page that says that what was read before is stale.
    pub fn write_reset(&mut self, at_ms: u64, t: &mut Transaction) -> Pages {
        vec![self.put(Record { reset: true, ..Record::default() }, at_ms, t)]
    }

    fn put(&mut self, page: Record, at_ms: u64, t: &mut Transaction) -> (u64, Arc<Record>) {
        let number = self.tip.next;
        let page = Record { at_ms, previous: self.tip.last, pages_before: self.pages, bytes_before: self.bytes, ..page };
        let value = encode(&page);
        self.pages += 1;
        self.bytes += value.len() as u64;
        self.tip = Tip { last: Some(number), next: number + 1 };
        t.put(feed::key(number), value);
        (number, Arc::new(page))
    }

    /// What of the oldest pages is beyond the limits. The newest page stays.
    pub fn expired(&self, oldest: &[Pair], now_ms: u64) -> Result<Option<Range<Bytes>>, Unreadable> {
        let mut expired = None;
        for (key, value) in oldest {
            let page: Record = decode("feed page", value)?;
            let age_ms = now_ms.saturating_sub(page.at_ms);
            let kept = self.pages - page.pages_before <= FEED_PAGES_MAX
                && self.bytes - page.bytes_before <= FEED_BYTES_MAX
                && u128::from(age_ms) <= FEED_AGE_MAX.as_millis();
            if kept || feed::parse(key) == self.tip.last {
                break;
            }
            expired = Some(feed::all().start..sterna_store::key_range(key).end);
        }
        Ok(expired)
    }
}

fn number_of(name: &Name, names: &mut Vec<Name>) -> u16 {
    let at = names.iter().position(|held| held == name).unwrap_or_else(|| {
        names.push(name.clone());
        names.len() - 1
    });
    at as u16
}

fn bits(etag: ETag) -> u64 {
    u64::from_str_radix(etag.to_string().trim_matches('"'), 16).expect("an ETag is 16 hexadecimal digits")
}
