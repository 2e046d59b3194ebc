//! Appending records to one partition of this region's topic.

use crate::cluster::{Cluster, Trouble};
use crate::limits::{APPEND_ATTEMPTS_MAX, APPEND_WAIT, FRAME_BYTES_MAX};
use crate::metrics::Metrics;
use crate::options::Compression;
use crate::record;
use crate::wire::{Connection, Lost};
use bytes::Bytes;
use fluvio_protocol::link::ErrorCode;
use fluvio_spu_schema::Isolation;
use fluvio_spu_schema::produce::{DefaultPartitionRequest, DefaultProduceRequest, DefaultTopicRequest};
use std::sync::Arc;
use sterna_env::Env;
use sterna_stream::PublishError;

/// One partition's producer. Appends one frame at a time; a connection on which anything went wrong, or whose answer was not awaited, is
/// never used again.
pub(crate) struct Appender {
    env: Env,
    cluster: Arc<Cluster>,
    partition: u32,
    compression: Compression,
    metrics: Arc<Metrics>,
    connection: tokio::sync::Mutex<Option<Connection>>,
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Trouble(#[from] Trouble),
    #[error(transparent)]
    Lost(#[from] Lost),
    /// Also when it took too long. It may have been appended.
    #[error("the cluster did not append: {0}")]
    NotAppended(String),
    #[error("the cluster takes no record as large")]
    TooLarge,
}

impl Appender {
    pub fn new(env: Env, cluster: Arc<Cluster>, partition: u32, compression: Compression, metrics: Arc<Metrics>) -> Self {
        Self { env, cluster, partition, compression, metrics, connection: tokio::sync::Mutex::default() }
    }

    /// Appends records, in order and beside each other. After an error they may be there all the same.
    pub async fn append(&self, records: &[Bytes]) -> Result<(), PublishError> {
        let bytes: usize = records.iter().map(Bytes::len).sum();
        let mut connection = self.connection.lock().await;
        for attempt in 1.. {
            let failed = match self.try_append(&mut connection, records).await {
                Ok(()) => break,
                Err(Failed::TooLarge) => return Err(PublishError::TooLarge { bytes, bytes_max: FRAME_BYTES_MAX }),
                Err(failed) => failed,
            };
            self.cluster.forget_leaders().await;
            if attempt == APPEND_ATTEMPTS_MAX || matches!(failed, Failed::Trouble(_)) {
                return Err(PublishError::Unavailable(failed.to_string()));
            }
            tracing::debug!(partition = self.partition, %failed, "appends again");
            self.metrics.publishes_repeated.inc();
        }
        self.metrics.records_published.inc_by(records.len() as u64);
        self.metrics.bytes_published.inc_by(bytes as u64);
        Ok(())
    }

    async fn try_append(&self, kept: &mut Option<Connection>, records: &[Bytes]) -> Result<(), Failed> {
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let asking = self.env.timeout(APPEND_WAIT, connection.request(self.request(records)?));
        let response = asking.await.ok_or_else(|| Failed::NotAppended(format!("no answer within {APPEND_WAIT:?}")))??;
        let partition = response.responses.iter().flat_map(|topic| &topic.partitions).find(|p| p.partition_index == self.partition);
        match partition.map(|p| &p.error_code) {
            Some(ErrorCode::None) => {
                *kept = Some(connection);
                Ok(())
            }
            Some(ErrorCode::MessageTooLarge) => Err(Failed::TooLarge),
            Some(error) => Err(Failed::NotAppended(error.to_string())),
            None => Err(Failed::NotAppended("it says nothing of the partition".to_owned())),
        }
    }

    async fn connect(&self) -> Result<Connection, Failed> {
        self.metrics.producers_opened.inc();
        Ok(self.cluster.connect(self.partition).await?)
    }

    /// Every record is a batch of its own: batches have a limit, and are not divided.
    fn request(&self, records: &[Bytes]) -> Result<DefaultProduceRequest, Failed> {
        let mut partition = DefaultPartitionRequest { partition_index: self.partition, ..Default::default() };
        let now_ms = i64::try_from(self.env.wall_ms()).unwrap_or(i64::MAX);
        for record in records {
            partition.records.batches.push(record::batch(record, self.compression, now_ms).map_err(Failed::NotAppended)?);
        }
        let topic = DefaultTopicRequest { name: self.cluster.topic.clone(), partitions: vec![partition], ..Default::default() };
        Ok(DefaultProduceRequest { isolation: Isolation::ReadCommitted, timeout: APPEND_WAIT, topics: vec![topic], ..Default::default() })
    }
}
