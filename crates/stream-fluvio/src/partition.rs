//! Questions to one partition of a peer's topic.

use crate::envelope::Envelope;
use crate::limits::{FETCH_BYTES_MAX, PEEK_BYTES};
use crate::record::{self, Whole};
use crate::wire::{Connection, Lost};
use fluvio_protocol::link::ErrorCode;
use fluvio_protocol::record::{RawRecords, RecordSet};
use fluvio_spu_schema::Isolation;
use fluvio_spu_schema::fetch::{FetchPartition, FetchRequest, FetchableTopic};
use fluvio_spu_schema::server::fetch_offset::{FetchOffsetPartitionResponse, FetchOffsetsRequest, FetchOffsetsResponse};
use std::ops::Range;

pub(crate) struct Partition {
    pub topic: String,
    pub number: u32,
}

/// Why a partition does not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The offset is gone; the text names what is there.
    #[error("{0}")]
    Evicted(String),
    /// The unit does not lead the partition, or does not say so yet.
    #[error("{0}")]
    NotLeader(String),
    #[error("{0}")]
    Other(String),
}

impl Partition {
    pub fn offsets_request(&self) -> FetchOffsetsRequest {
        FetchOffsetsRequest::new(self.topic.clone(), self.number)
    }

    /// The offsets that are there.
    pub async fn offsets(&self, connection: &mut Connection) -> Result<Range<i64>, Refused> {
        self.offsets_of(connection.request(self.offsets_request()).await?)
    }

    pub fn offsets_of(&self, response: FetchOffsetsResponse) -> Result<Range<i64>, Refused> {
        let found = response.topics.into_iter().flat_map(|topic| topic.partitions).find(|p| p.partition_index == self.number);
        let FetchOffsetPartitionResponse { error_code, start_offset, last_stable_offset, .. } =
            found.ok_or_else(|| Refused::Other("an answer that says nothing of the partition".to_owned()))?;
        check(error_code)?;
        Ok(start_offset.max(0)..last_stable_offset.max(0))
    }

    /// The readable records from `offset` on, as many as come at once: at least the one there, if it can be read.
    pub async fn peek(&self, connection: &mut Connection, offset: i64) -> Result<Vec<(i64, Envelope)>, Refused> {
        let mut bytes = PEEK_BYTES;
        loop {
            let whole = self.fetch(connection, offset, bytes).await?;
            if whole.next > offset || bytes >= FETCH_BYTES_MAX {
                let readable = whole.records.into_iter().filter_map(|(at, value)| Some((at, Envelope::decode(&value).ok()?)));
                return Ok(readable.collect());
            }
            bytes = bytes.saturating_mul(8).min(FETCH_BYTES_MAX);
        }
    }

    async fn fetch(&self, connection: &mut Connection, offset: i64, bytes: i32) -> Result<Whole, Refused> {
        let partition = FetchPartition { partition_index: self.number, fetch_offset: offset, max_bytes: bytes, ..Default::default() };
        let topic = FetchableTopic { name: self.topic.clone(), fetch_partitions: vec![partition] };
        let request = FetchRequest::<RecordSet<RawRecords>> {
            max_bytes: bytes,
            isolation_level: Isolation::ReadCommitted,
            topics: vec![topic],
            ..Default::default()
        };
        let response = connection.request(request).await?;
        let found = response.find_partition(&self.topic, self.number);
        let found = found.ok_or_else(|| Refused::Other("an answer that says nothing of the partition".to_owned()))?;
        check(found.error_code)?;
        record::whole(found.records, offset).map_err(Refused::Other)
    }
}

pub(crate) fn check(error: ErrorCode) -> Result<(), Refused> {
    match error {
        ErrorCode::None => Ok(()),
        ErrorCode::OffsetEvicted { .. } | ErrorCode::OffsetOutOfRange => Err(Refused::Evicted(error.to_string())),
        ErrorCode::NotLeaderForPartition | ErrorCode::PartitionNotLeader | ErrorCode::TopicNotFound => {
            Err(Refused::NotLeader(error.to_string()))
        }
        error => Err(Refused::Other(error.to_string())),
    }
}
