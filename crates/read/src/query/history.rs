//! An aggregate's events, from all regions, in the order that all regions agree on.

use super::{Body, Page};
use crate::document::write_time;
use crate::keys::{decode, document, history};
use crate::shared::Shared;
use crate::{ReadRefused, query};
use std::time::Duration;
use sterna_crdt::{Dot, Order, RegionId};
use sterna_log::{LogId, Position, ShardId, Token, shard_of};
use sterna_model::{AggregateType, json};
use sterna_store::key_range;

impl Shared {
    /// An event of a parked aggregate is in its history, too.
    pub(crate) async fn history(
        &self,
        kind: &str,
        id: &str,
        limit: Option<usize>,
        after: Option<&str>,
        token: Option<&Token>,
        wait: Duration,
    ) -> Result<Page, ReadRefused> {
        let plan = self.plan();
        let of = query::known_type(&plan, kind)?;
        query::check_id(id)?;
        let limit = query::limit(limit)?;
        let after = after.map(|text| query::cursor::open_order(text).ok_or(ReadRefused::InvalidCursor)).transpose()?;
        let shard = shard_of(of.stored(), id, self.region.shards());
        self.wait_for(std::iter::once(shard), token, wait).await?;
        let snapshot = self.store.snapshot().await?;
        let mut range = history::of(of.stored(), id);
        if let Some(order) = after {
            range.start = key_range(&history::key(of.stored(), id, order)).end;
        }
        let pairs = query::scan_rows(&*snapshot, range, limit).await?;
        if pairs.rows.is_empty() && after.is_none() && sterna_store::get(&*snapshot, &document::key(of.stored(), id)).await?.is_none() {
            return Err(ReadRefused::NotFound);
        }
        let mut body = Body::new();
        let mut last = None;
        for (key, value) in &pairs.rows {
            let Some((_, _, order)) = history::parse(key) else { continue };
            let record = decode("event", value)?;
            body.row(|out| self.write_event(shard, order, of, &record, out));
            last = Some(order);
        }
        let next = last.filter(|_| pairs.more).map(query::cursor::seal_order);
        let token = self.answer_token(token, std::iter::once(shard));
        Ok(Page { body: body.end(next.as_deref()), next, token })
    }

    fn write_event(&self, shard: ShardId, order: Order, of: &AggregateType, record: &history::Record<'_>, out: &mut String) {
        let command = of.command(record.command);
        let region = order.incarnation.region();
        let dot = Dot { incarnation: order.incarnation, n: record.n };
        out.push_str("{\"event\":");
        json::write_string(&dot.to_string(), out);
        out.push_str(",\"command\":");
        json::write_string(command.map_or(record.command, |command| &command.name), out);
        out.push_str(",\"args\":");
        out.push_str(&command.map_or(record.args.into(), |command| command.shown_args(record.args)));
        out.push_str(",\"at\":");
        write_time(order.clock, out);
        out.push_str(",\"region\":");
        json::write_string(&self.region.membership.name(region), out);
        out.push_str(",\"actor\":");
        json::write_string(record.actor, out);
        out.push_str(if record.void { ",\"void\":true" } else { ",\"void\":false" });
        out.push_str(if self.is_settled(shard, region, record) { ",\"settled\":true}" } else { ",\"settled\":false}" });
    }

    /// Every member has it, so that nothing concurrent with it can still arrive, and every member has what caused it: that is in
    /// the same origin's logs, of whichever shard, before it.
    fn is_settled(&self, shard: ShardId, origin: RegionId, record: &history::Record<'_>) -> bool {
        let Self { region, .. } = self;
        let (board, position) = (&region.board, record.position());
        let by_all = |log: LogId, until: Position| board.applied_by_all(log, region.me, region.membership.regions()) >= until;
        let cause_is = |shard: ShardId| {
            let log = LogId { origin, shard };
            let here = origin == region.me || board.reached(log) >= position;
            here && by_all(log, board.applied(shard).get(origin).min(position))
        };
        by_all(LogId { origin, shard }, position) && (record.cause.is_none() || board.shards().all(cause_is))
    }
}
