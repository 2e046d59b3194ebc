//! The client as it comes, with the settings that did best: batches of 256 KiB, a linger of 5 ms, answers of up to 4 MiB.

use crate::cluster::Cluster;
use crate::{EVENT_BYTES, EVENTS, LAG_EVENTS, Lag, due};
use fluvio::consumer::{ConsumerConfigExtBuilder, RetryMode};
use fluvio::metadata::topic::TopicSpec;
use fluvio::{Fluvio, FluvioClusterConfig, Offset, RecordKey, TopicProducerConfigBuilder};
use futures::StreamExt;
use std::time::{Duration, Instant};

pub struct Rates {
    pub produced: f64,
    pub consumed: f64,
    /// Its consumer leaves records out.
    pub came: u64,
}

/// With nothing for so long, the rest is missing.
pub const SILENCE: Duration = Duration::from_secs(3);

pub async fn client(cluster: &Cluster) -> Fluvio {
    Fluvio::connect_with_config(&FluvioClusterConfig::new(cluster.endpoint())).await.unwrap()
}

pub async fn make(client: &Fluvio, topic: &str) {
    client.admin().await.create(topic.to_owned(), false, TopicSpec::new_computed(1, 1, None)).await.unwrap();
}

/// Hands over so many events, and waits until the cluster has them.
pub async fn produce(client: &Fluvio, topic: &str, events: u64) {
    let config = TopicProducerConfigBuilder::default().batch_size(256 << 10).linger(Duration::from_millis(5)).build().unwrap();
    let producer = client.topic_producer_with_config(topic, config).await.unwrap();
    for n in 0..events {
        producer.send(RecordKey::NULL, vec![n as u8; EVENT_BYTES]).await.unwrap();
    }
    producer.flush().await.unwrap();
}

pub async fn rates(cluster: &Cluster, topic: &str) -> Rates {
    let client = client(cluster).await;
    make(&client, topic).await;
    let start = Instant::now();
    produce(&client, topic, EVENTS).await;
    let produced = EVENTS as f64 / start.elapsed().as_secs_f64();
    let mut stream = consumer(&client, topic).await;
    let (start, mut last, mut came) = (Instant::now(), Instant::now(), 0);
    while came < EVENTS
        && let Ok(Some(Ok(record))) = tokio::time::timeout(SILENCE, stream.next()).await
    {
        came += 1;
        last = Instant::now();
        if record.offset() as u64 + 1 == EVENTS {
            break;
        }
    }
    Rates { produced, consumed: came as f64 / (last - start).as_secs_f64(), came }
}

async fn consumer(
    client: &Fluvio,
    topic: &str,
) -> impl futures::Stream<Item = Result<fluvio::consumer::Record, impl std::fmt::Debug>> + Unpin {
    let config = ConsumerConfigExtBuilder::default()
        .topic(topic)
        .partition(0)
        .offset_start(Offset::beginning())
        .max_bytes(4 << 20)
        .retry_mode(RetryMode::Disabled)
        .build()
        .unwrap();
    client.consumer_with_config(config).await.unwrap()
}

/// From handing a record over in one cluster to its receipt in the other, which may be the same one, with what the client does by
/// default. The topic is there.
pub async fn lag(from: &Fluvio, to: &Fluvio, topic: &str) -> Lag {
    let producer = from.topic_producer(topic).await.unwrap();
    let mut stream = consumer(to, topic).await;
    let start = Instant::now();
    let sending = async {
        for n in 0..LAG_EVENTS {
            due(start, n).await;
            let mut value = vec![0; EVENT_BYTES];
            value[..8].copy_from_slice(&u64::try_from(start.elapsed().as_nanos()).unwrap().to_be_bytes());
            producer.send(RecordKey::NULL, value).await.unwrap();
        }
        producer.flush().await.unwrap();
    };
    let receiving = async {
        let mut lags = Vec::new();
        while (lags.len() as u64) < LAG_EVENTS
            && let Ok(Some(Ok(record))) = tokio::time::timeout(SILENCE, stream.next()).await
        {
            let sent = Duration::from_nanos(u64::from_be_bytes(*record.value().first_chunk().unwrap()));
            lags.push(start.elapsed().saturating_sub(sent));
        }
        lags
    };
    Lag(futures::join!(sending, receiving).1)
}
