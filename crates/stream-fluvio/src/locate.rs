//! Where to begin reading, so that no frame behind a position is left out.
//!
//! Frames that end at the position or before it come first in a partition, so the border is found by bisection. Two relays at once make
//! that untrue around some places: the reader then begins at one of several borders, the resolver sees a hole, and repairs it.

use crate::envelope::Envelope;
use crate::hints::Hints;
use crate::metrics::OriginMetrics;
use crate::partition::{Partition, Refused};
use crate::wire::Connection;
use std::ops::Range;
use sterna_log::Position;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Start {
    At(i64),
    /// What comes next is gone.
    Expired,
}

pub(crate) struct Search<'a> {
    pub connection: &'a mut Connection,
    pub partition: &'a Partition,
    pub hints: &'a Hints,
    pub metrics: &'a OriginMetrics,
    pub after: Position,
}

impl Search<'_> {
    pub async fn run(&mut self) -> Result<Start, Refused> {
        let there = self.partition.offsets(self.connection).await?;
        let border = match self.by_hint(&there).await? {
            Some(border) => border,
            None => self.bisect(there.clone()).await?,
        };
        if border == there.end {
            return self.at_the_end(&there).await;
        }
        if border == there.start && there.start > 0 {
            let first = self.peek(border).await?;
            if first.first().is_none_or(|(_, envelope)| envelope.after > self.after) {
                return Ok(Start::Expired);
            }
        }
        Ok(Start::At(border))
    }

    /// The border next to a hint, if the hint holds and is near.
    async fn by_hint(&mut self, there: &Range<i64>) -> Result<Option<i64>, Refused> {
        let Some((end, offset)) = self.hints.near(self.after) else { return Ok(None) };
        let found = if there.contains(&offset) { self.peek(offset).await? } else { Vec::new() };
        if found.first().is_none_or(|(at, envelope)| *at != offset || envelope.end != end) {
            if offset >= there.start {
                tracing::debug!(topic = self.partition.topic, offset, "another frame than remembered; the topic was made anew");
                self.metrics.hints_refuted.inc();
                self.hints.forget();
            }
            return Ok(None);
        }
        match found.iter().find(|(_, envelope)| !self.is_known(envelope)) {
            Some((at, _)) => Ok(Some(*at)),
            None => {
                let behind = found.last().map_or(offset, |(at, _)| *at) + 1;
                Ok(Some(self.bisect(behind..there.end).await?))
            }
        }
    }

    /// The first record in the range that belongs to a frame with something behind the position, or the range's end.
    async fn bisect(&mut self, Range { start: mut low, end: high }: Range<i64>) -> Result<i64, Refused> {
        if low >= high {
            return Ok(high);
        }
        self.metrics.searches.inc();
        // Most of those who come back are nearly at the end.
        if self.peek(high - 1).await?.first().is_some_and(|(_, last)| self.is_known(last)) {
            return Ok(high);
        }
        let mut high = high;
        while low < high {
            let middle = low + (high - low) / 2;
            let found = self.peek(middle).await?;
            match found.iter().find(|(_, envelope)| !self.is_known(envelope)) {
                // Between the known ones and this one lies the border.
                Some((at, _)) if *at > middle && found.first().is_some_and(|(first, _)| *first == middle) => return Ok((*at).min(high)),
                Some(_) => high = middle,
                None => low = found.last().map_or(middle, |(at, _)| *at) + 1,
            }
        }
        Ok(high)
    }

    /// Everything that is there is known. The last record, if it is a heartbeat, still says how the origin is.
    async fn at_the_end(&mut self, there: &Range<i64>) -> Result<Start, Refused> {
        if there.is_empty() {
            return Ok(Start::At(there.end));
        }
        let last = self.peek(there.end - 1).await?;
        let heartbeat = last.first().is_some_and(|(at, envelope)| *at == there.end - 1 && envelope.heartbeat);
        Ok(Start::At(if heartbeat { there.end - 1 } else { there.end }))
    }

    fn is_known(&self, envelope: &Envelope) -> bool {
        envelope.end <= self.after
    }

    async fn peek(&mut self, offset: i64) -> Result<Vec<(i64, Envelope)>, Refused> {
        self.metrics.probes.inc();
        self.partition.peek(self.connection, offset).await
    }
}
