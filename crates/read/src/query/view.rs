//! Rows of a table, groups of a rollup.

use super::{Body, Page, cursor, filter, scan_rows};
use crate::keys::{decode, group, row};
use crate::limits::WAIT_MAX;
use crate::shared::{Plan, Shared};
use crate::view::{Generation, show};
use crate::{ReadRefused, query};
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::Name;
use sterna_log::Token;
use sterna_store::key_range;

impl Shared {
    pub(crate) async fn view(
        &self,
        name: &str,
        filters: &[(String, String)],
        limit: Option<usize>,
        after: Option<&str>,
        token: Option<&Token>,
        wait: Duration,
    ) -> Result<Page, ReadRefused> {
        let limit = query::limit(limit)?;
        self.answering(name, wait).await?;
        self.wait_for(self.region.board.shards(), token, wait).await?;
        // What the plan says answers is committed, and is not cleared before queries that began on it are done.
        let (name, generation) = self.answering(name, wait).await?;
        let generation = &generation;
        let snapshot = self.store.snapshot().await?;
        let stretch = filter::stretch(generation, filters)?;
        let head = head(generation, stretch.path);
        let mut range = stretch.keys(&head);
        let fingerprint = generation.paths[stretch.path].fingerprint(&name);
        if let Some(after) = after {
            let place = cursor::open_row(after, fingerprint).filter(|place| stretch.holds(place)).ok_or(ReadRefused::InvalidCursor)?;
            range.start = key_range(&[&head[..], &place].concat()).end;
        }
        let found = scan_rows(&*snapshot, range, limit).await?;
        let mut body = Body::new();
        for (_, value) in &found.rows {
            if generation.view().is_rollup() {
                let record: group::Record = decode("group", value)?;
                body.row(|out| show(generation.view(), &record, out));
            } else {
                body.row(|out| out.push_str(&String::from_utf8_lossy(value)));
            }
        }
        let last = found.rows.last().filter(|_| found.more);
        let next = last.map(|(key, _)| cursor::seal_row(fingerprint, &key[head.len()..]));
        let token = self.answer_token(token, self.region.board.shards());
        Ok(Page { body: body.end(next.as_deref()), next, token })
    }

    /// The view's name and the generation that answers; waits for one that is built for the first time.
    async fn answering(&self, view: &str, wait: Duration) -> Result<(Name, Arc<Generation>), ReadRefused> {
        let mut plans = self.plans();
        let found = |plan: &Plan| {
            let planned = query::known_view(plan, view)?;
            Ok(planned.live.clone().map(|live| (planned.name.clone(), live)))
        };
        let waiting = async {
            loop {
                let found = found(&plans.borrow_and_update());
                if let Some(found) = found.transpose() {
                    return found;
                }
                // The plan's sender is `self`.
                _ = plans.changed().await;
            }
        };
        let found = self.region.env.timeout(wait.min(WAIT_MAX), waiting).await;
        found.unwrap_or_else(|| Err(ReadRefused::Building { view: view.into() }))
    }
}

fn head(generation: &Generation, path: usize) -> Vec<u8> {
    if generation.view().is_rollup() { group::head(generation.number).to_vec() } else { row::head(generation.number, path as u8).to_vec() }
}
