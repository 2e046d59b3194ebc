//! Moves rights ahead of need.

use super::broker::Broker;
use super::{escrow_of, sides};
use crate::limits::{
    ESCROW_LATER_FIRST, ESCROW_LATER_MAX, ESCROW_LATER_MAX_COUNT, ESCROW_LOADED_MAX, ESCROW_MOVED_MIN, ESCROW_PAUSE, ESCROW_PULLS_MAX,
};
use crate::metrics::Metrics;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::{RegionId, Side};
use sterna_env::{Boxed, Instant};
use sterna_log::AggregateId;
use sterna_model::FieldDef;
use sterna_write::{Escrow, Give, Lack, Region, Writer};

pub(crate) struct Spread {
    pub writer: Arc<Writer>,
    pub broker: Arc<Broker>,
    pub metrics: Metrics,
}

/// Counters to look at again: what they were brought is not settled yet.
#[derive(Default)]
struct Later(BTreeMap<AggregateId, (Instant, Duration)>);

/// What is to be done about one counter.
enum Move {
    Give(Give),
    /// This region has little; the richest has more.
    Fetch(Lack),
}

impl Spread {
    pub async fn run(self) {
        let this = &self;
        let env = self.region().env.clone();
        let (mut later, mut pulls) = (Later::default(), FuturesUnordered::<Boxed<'_, ()>>::new());
        loop {
            let due = later.pause(env.now());
            let mut looked_at = tokio::select! {
                biased;
                Some(()) = pulls.next(), if !pulls.is_empty() => continue,
                touched = self.region().touched().take() => touched,
                () = env.sleep(due.unwrap_or_default()), if due.is_some() => Vec::new(),
            };
            looked_at.extend(later.due(env.now()).into_iter().map(|id| (id, false)));
            for page in looked_at.chunks(ESCROW_LOADED_MAX) {
                for (id, found) in self.look_at(page, &mut later).await {
                    match found {
                        Move::Give(give) => self.give(id, give).await,
                        Move::Fetch(lack) if pulls.len() < ESCROW_PULLS_MAX => {
                            pulls.push(Box::pin(async move { _ = this.broker.ask(&id, &lack, false).await }));
                        }
                        Move::Fetch(_) => {}
                    }
                }
            }
            env.sleep(ESCROW_PAUSE).await;
        }
    }

    async fn look_at(&self, touched: &[(AggregateId, bool)], later: &mut Later) -> Vec<(AggregateId, Move)> {
        let ids: Vec<AggregateId> = touched.iter().map(|(id, _)| id.clone()).collect();
        let Ok(found) = super::load(&self.writer, &ids).await else { return Vec::new() };
        let model = self.region().model();
        let mut moves = Vec::new();
        for ((id, here), aggregate) in touched.iter().zip(found) {
            let (Some(of), Some(aggregate)) = (model.aggregate(&id.kind), aggregate) else { continue };
            let escrow = escrow_of(self.region(), id, &aggregate);
            for def in of.fields() {
                moves.extend(sides(&def.kind).filter_map(|side| Some((id.clone(), self.consider(id, &escrow, (def, side), *here)?))));
            }
            later.note(id, escrow.is_final(), self.region().env.now());
        }
        moves
    }

    /// Others get their part of what only this region can give; and this region gets some before its own spends leave it without.
    fn consider(&self, id: &AggregateId, escrow: &Escrow<'_>, (def, side): (&FieldDef, Side), here: bool) -> Option<Move> {
        let me = self.region().me;
        let all = escrow.all(def.stored(), &def.kind, side);
        let total: i128 = all.iter().map(|(_, rights)| i128::from(*rights)).sum();
        let even = i64::try_from(total / all.len().max(1) as i128).unwrap_or(i64::MAX);
        let mine = all.iter().find(|(of, _)| *of == me).map_or(0, |(_, rights)| *rights);
        if even < ESCROW_MOVED_MIN || self.broker.is_gathering(id, def.stored(), side) {
            return None;
        }
        let mut spare = mine - even;
        let mut to: Vec<(RegionId, i64)> = Vec::new();
        for (of, rights) in all.iter().filter(|(of, rights)| *of != me && *rights < even / 4 && self.broker.is_heard(*of)) {
            let amount = (even - rights).min(spare);
            if amount > 0 {
                to.push((*of, amount));
                spare -= amount;
            }
        }
        if !to.is_empty() {
            return Some(Move::Give(Give { field: def.stored().clone(), side, from: None, to }));
        }
        let lack = || Lack { field: def.stored().clone(), side, needed: 0, available: all, pending: 0 };
        (here && mine < even / 2).then(|| Move::Fetch(lack()))
    }

    async fn give(&self, id: AggregateId, give: Give) {
        match self.writer.give(id.clone(), give).await {
            Ok(_) => self.metrics.rights_spread.inc(),
            Err(refused) => tracing::debug!(aggregate = %id, %refused, "rights stay here"),
        }
    }

    fn region(&self) -> &Arc<Region> {
        self.writer.region()
    }
}

impl Later {
    fn note(&mut self, id: &AggregateId, is_final: bool, now: Instant) {
        if is_final {
            self.0.remove(id);
        } else if self.0.len() < ESCROW_LATER_MAX_COUNT || self.0.contains_key(id) {
            let pause = self.0.get(id).map_or(ESCROW_LATER_FIRST, |(_, pause)| (*pause * 2).min(ESCROW_LATER_MAX));
            self.0.insert(id.clone(), (now + pause, pause));
        }
    }

    fn pause(&self, now: Instant) -> Option<Duration> {
        self.0.values().map(|(at, _)| at.saturating_duration_since(now)).min()
    }

    fn due(&self, now: Instant) -> Vec<AggregateId> {
        self.0.iter().filter(|(_, (at, _))| *at <= now).map(|(id, _)| id.clone()).collect()
    }
}
