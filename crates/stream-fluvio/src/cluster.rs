//! One region's cluster: its controller, its topic, and which storage unit leads which partition.
//!
//! The controller is asked only when a leader is unknown or has proved wrong, so that appending and following go on without it.

use crate::connector::Connector;
use crate::limits::{ADMIN_WAIT, REFUSAL_KEPT, TOPIC_PAUSE, TOPIC_WAIT};
use crate::options::{ClusterAddress, OpenError};
use crate::wire::{Connection, Lost};
use fluvio::metadata::partition::PartitionSpec;
use fluvio::metadata::spu::SpuSpec;
use fluvio::metadata::topic::TopicSpec;
use fluvio::{FluvioAdmin, FluvioClusterConfig};
use fluvio_socket::ClientConfig;
use std::collections::BTreeMap;
use std::sync::Arc;
use sterna_env::{Env, Instant};

type SpuId = i32;

pub(crate) struct Cluster {
    env: Env,
    endpoint: String,
    /// Where storage units are, if not where the controller says.
    units: Vec<(SpuId, String)>,
    connector: Connector,
    pub topic: String,
    partitions: u32,
    /// How the topic is made, in this region's own cluster.
    spec: Option<TopicSpec>,
    known: tokio::sync::Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Each partition's leader, by its address.
    leaders: Option<Arc<Vec<String>>>,
    /// Nothing speaks against them.
    fresh: bool,
    /// What the controller's last answer was if it was none, and when.
    trouble: Option<(Trouble, Instant)>,
}

#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// May be tried again.
    #[error("{0}")]
    Unreachable(String),
    /// The topic does not fit this cluster's shards.
    #[error("{0}")]
    Partitions(String),
}

impl From<Lost> for Trouble {
    fn from(Lost(text): Lost) -> Self {
        Self::Unreachable(text)
    }
}

impl Cluster {
    /// `spec` where the topic is this region's to make.
    pub fn new(env: &Env, address: &ClusterAddress, topic: String, partitions: u32, spec: Option<TopicSpec>) -> Result<Self, OpenError> {
        Ok(Self {
            env: env.clone(),
            endpoint: address.endpoint.clone(),
            units: address.units.clone(),
            connector: Connector::new(env, address)?,
            topic,
            partitions,
            spec,
            known: tokio::sync::Mutex::default(),
        })
    }

    /// Opens a connection to the unit that leads a partition.
    pub async fn connect(&self, partition: u32) -> Result<Connection, Trouble> {
        let leaders = self.leaders().await?;
        let address = leaders.get(partition as usize).ok_or_else(|| Trouble::Partitions(format!("there is no partition {partition}")))?;
        let opened = Connection::open(&self.env, ClientConfig::new(address, self.connector.boxed(), false)).await;
        if opened.is_err() {
            self.forget_leaders().await;
        }
        Ok(opened?)
    }

    /// The next question goes to the controller; what is known is used only if that does not answer.
    pub async fn forget_leaders(&self) {
        self.known.lock().await.fresh = false;
    }

    /// Every partition's leader. Makes the topic if it is missing and this region's to make.
    pub async fn leaders(&self) -> Result<Arc<Vec<String>>, Trouble> {
        let mut known = self.known.lock().await;
        let recent = |(_, at): &(Trouble, Instant)| at.elapsed() < REFUSAL_KEPT;
        if !known.fresh && !known.trouble.as_ref().is_some_and(recent) {
            let asked = self.env.timeout(ADMIN_WAIT + TOPIC_WAIT, self.ask_leaders()).await;
            match asked.unwrap_or_else(|| Err(self.unreachable("it does not answer"))) {
                Ok(leaders) => *known = Known { leaders: Some(leaders), fresh: true, trouble: None },
                Err(trouble @ Trouble::Unreachable(_)) => known.trouble = Some((trouble, self.env.now())),
                Err(trouble) => *known = Known { trouble: Some((trouble, self.env.now())), ..Known::default() },
            }
        }
        match (&known.leaders, &known.trouble) {
            (Some(leaders), _) => Ok(Arc::clone(leaders)),
            (None, Some((trouble, _))) => Err(trouble.clone()),
            (None, None) => Err(self.unreachable("nothing is known of it")),
        }
    }

    async fn ask_leaders(&self) -> Result<Arc<Vec<String>>, Trouble> {
        let config = FluvioClusterConfig::new(&self.endpoint);
        let connecting = fluvio::Fluvio::connect_with_connector(self.connector.boxed(), &config);
        let connected = self.env.timeout(ADMIN_WAIT, connecting).await.ok_or_else(|| self.unreachable("it does not answer"))?;
        let client = connected.map_err(|e| self.unreachable(e))?;
        let admin = client.admin().await;
        let mut found = self.find_topic(&admin).await?;
        if !found && let Some(spec) = &self.spec {
            tracing::info!(cluster = self.endpoint, topic = self.topic, "makes the topic");
            let made = admin.create(self.topic.clone(), false, spec.clone()).await;
            found = self.find_topic(&admin).await?;
            made.map_err(|e| self.unreachable(e)).or_else(|e| if found { Ok(()) } else { Err(e) })?;
        }
        if !found {
            return Err(self.unreachable(format!("there is no topic {}", self.topic)));
        }
        loop {
            if let Some(leaders) = self.find_leaders(&admin).await? {
                return Ok(Arc::new(leaders));
            }
            self.env.sleep(TOPIC_PAUSE).await;
        }
    }

    async fn find_topic(&self, admin: &FluvioAdmin) -> Result<bool, Trouble> {
        let topics = admin.all::<TopicSpec>().await.map_err(|e| self.unreachable(e))?;
        let Some(topic) = topics.into_iter().find(|t| t.name == self.topic) else { return Ok(false) };
        let found = topic.spec.partitions();
        if found != self.partitions {
            return Err(Trouble::Partitions(format!(
                "topic {} of the Fluvio cluster at {} has {found} partitions, and there are {} shards; neither number can change: name \
                 another topic, or delete this one if nobody needs it",
                self.topic, self.endpoint, self.partitions
            )));
        }
        if let Some(spec) = &self.spec
            && (spec.get_compression_type(), spec.get_clean_policy(), spec.get_storage())
                != (topic.spec.get_compression_type(), topic.spec.get_clean_policy(), topic.spec.get_storage())
        {
            tracing::warn!(topic = self.topic, "the topic was made with other retention or compression than is configured, and keeps them");
        }
        Ok(true)
    }

    /// `None` while a partition has no leader, or one that nobody knows.
    async fn find_leaders(&self, admin: &FluvioAdmin) -> Result<Option<Vec<String>>, Trouble> {
        let units = admin.all::<SpuSpec>().await.map_err(|e| self.unreachable(e))?;
        let mut units: BTreeMap<SpuId, _> = units.into_iter().map(|unit| (unit.spec.id, unit.spec.public_endpoint.addr())).collect();
        units.extend(self.units.iter().cloned());
        let partitions = admin.all::<PartitionSpec>().await.map_err(|e| self.unreachable(e))?;
        let leaders: BTreeMap<String, _> = partitions.into_iter().map(|p| (p.name, p.spec.leader)).collect();
        let leader = |partition| units.get(leaders.get(&format!("{}-{partition}", self.topic))?).cloned();
        Ok((0..self.partitions).map(leader).collect())
    }

    fn unreachable(&self, why: impl std::fmt::Display) -> Trouble {
        Trouble::Unreachable(format!("the Fluvio cluster at {}: {why}", self.endpoint))
    }
}
