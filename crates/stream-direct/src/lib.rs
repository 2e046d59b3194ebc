//! Region-to-region streams over HTTP/2: peers read each other's logs, and nothing needs to be installed.
//!
//! One cleartext HTTP/2 connection (prior knowledge) goes to each peer; follows of all shards and repairs share it. Both sides check that they mean
//! the same cluster before a byte of a log is sent. A link that went dead is noticed within [`limits::SILENCE_MS_MAX`].

mod ask;
mod client;
mod feed;
mod follower;
mod identity;
pub mod limits;
mod links;
mod metrics;
mod server;
mod tail;

use ask::Ask;
use bytes::Bytes;
use client::Link;
use follower::{Chunks, DirectFollower, one_frame};
use identity::Identity;
use links::Links;
use metrics::{Metrics, PeerMetrics};
use std::collections::BTreeMap;
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_env::{Boxed, Env};
use sterna_log::{Frame, LogId, Membership, Position, ShardId};
use sterna_stream::{FollowError, Follower, LogSource, PublishError, Repair, Stream};
use tail::{Encoded, Tail};

/// The stream of one region, as publisher, follower and server of its peers.
pub struct Direct {
    shared: Arc<Shared>,
    peers: BTreeMap<RegionId, Arc<Link>>,
}

pub struct Options<'a> {
    pub me: RegionId,
    pub membership: Arc<Membership>,
    pub peers: Vec<PeerAddress>,
    /// The same in all regions. Without one, anybody who reaches the listener can read the logs.
    pub secret: Option<Vec<u8>>,
    pub registry: Option<&'a prometheus::Registry>,
}

/// Where a peer listens: `http://host:port`.
#[derive(Clone, Debug)]
pub struct PeerAddress {
    pub region: RegionId,
    pub url: String,
}

pub(crate) struct Shared {
    env: Env,
    identity: Identity,
    source: Arc<dyn LogSource>,
    links: Arc<Links>,
    tails: Vec<Tail>,
    metrics: Metrics,
}

impl Direct {
    /// `source` is this region's copy of every log.
    pub fn new(env: Env, options: Options<'_>, source: Arc<dyn LogSource>) -> Arc<Self> {
        let Options { me, membership, peers, secret, registry } = options;
        let link = |peer: PeerAddress| (peer.region, Arc::new(Link::new(peer.clone(), membership.name(peer.region))));
        let peers = peers.into_iter().map(link).collect();
        let tails = (0..membership.shards).map(|_| Tail::new()).collect();
        let identity = Identity::new(me, membership, secret.as_deref());
        let shared = Shared { env, identity, source, links: Arc::new(Links::new()), tails, metrics: Metrics::new(registry) };
        Arc::new(Self { shared: Arc::new(shared), peers })
    }

    /// The routes below `/internal/v1/` that peers call. The server must admit [`limits::STREAMS_PER_CONNECTION_MAX`] streams on one
    /// connection, and its graceful shutdown begins with [`Direct::shutdown`].
    pub fn router(&self) -> axum::Router {
        server::router(self.shared.clone())
    }

    /// Ends every follow, in both roles, and refuses new ones, for good.
    pub fn shutdown(&self) {
        self.shared.links.stop();
    }

    /// Ends what goes on between this region and `peer`, in both roles, and refuses more until [`Direct::heal`].
    pub fn cut(&self, peer: RegionId) {
        self.shared.links.cut(peer);
    }

    pub fn heal(&self, peer: RegionId) {
        self.shared.links.heal(peer);
    }

    pub fn is_cut(&self, peer: RegionId) -> bool {
        self.shared.links.is_cut(peer)
    }

    async fn ask(&self, peer: RegionId, ask: Ask, after: Position) -> Result<Chunks, FollowError> {
        let link = self.link(peer)?;
        let body = link.ask(&self.shared, ask, after).await?;
        Ok(Chunks::new(self.shared.clone(), link.clone(), body))
    }

    fn link(&self, peer: RegionId) -> Result<&Arc<Link>, FollowError> {
        self.peers.get(&peer).ok_or_else(|| {
            FollowError::Refused(format!("no address is configured for region {}", self.shared.identity.membership.name(peer)))
        })
    }

    fn publishable(&self, frame: &Frame) -> Result<(), PublishError> {
        let Shared { identity, .. } = &*self.shared;
        if frame.log.origin != identity.me || frame.log.shard.0 >= identity.membership.shards {
            return Err(PublishError::Unavailable(format!("region {} does not write {:?}", identity.name(), frame.log)));
        }
        Ok(())
    }
}

impl Stream for Direct {
    fn publish(&self, frame: Frame) -> Boxed<'_, Result<(), PublishError>> {
        Box::pin(async move {
            self.publishable(&frame)?;
            let encoded = Encoded::new(&frame);
            if encoded.bytes.len() > limits::FRAME_BYTES_MAX {
                return Err(PublishError::TooLarge { bytes: encoded.bytes.len(), bytes_max: limits::FRAME_BYTES_MAX });
            }
            self.shared.tail(frame.log.shard).push(encoded);
            Ok(())
        })
    }

    fn follow(&self, log: LogId, after: Position) -> Boxed<'_, Result<Box<dyn Follower>, FollowError>> {
        Box::pin(async move {
            let chunks = self.ask(log.origin, Ask::Follow { shard: log.shard, after }, after).await?;
            let metrics = self.shared.metrics(log.origin);
            Ok(Box::new(DirectFollower { chunks, log, metrics, buffer: Default::default() }) as Box<dyn Follower>)
        })
    }
}

impl Repair for Direct {
    fn fetch(&self, from: RegionId, log: LogId, after: Position) -> Boxed<'_, Result<Frame, FollowError>> {
        Box::pin(async move {
            let mut chunks = self.ask(from, Ask::Fetch { log, after }, after).await?;
            one_frame(&mut chunks, log, &self.shared.metrics(from)).await
        })
    }

    fn call(&self, to: RegionId, request: Bytes) -> Boxed<'_, Result<Bytes, FollowError>> {
        Box::pin(async move { self.link(to)?.call(&self.shared, request).await })
    }
}

impl Shared {
    /// `shard` is one of the cluster's.
    fn tail(&self, shard: ShardId) -> &Tail {
        &self.tails[usize::from(shard.0)]
    }

    fn metrics(&self, peer: RegionId) -> PeerMetrics {
        self.metrics.of(&self.identity.membership.name(peer))
    }
}
