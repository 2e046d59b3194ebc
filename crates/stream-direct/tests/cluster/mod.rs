//! Regions on loopback sockets, for the tests of this crate.

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use sterna_crdt::{Name, RegionId};
use sterna_env::{Env, Scope};
use sterna_log::Membership;
use sterna_stream::{LogSource, MemoryLog};
use sterna_stream_direct::{Direct, Options, PeerAddress, limits};

pub struct Region {
    pub direct: Arc<Direct>,
    pub log: Arc<MemoryLog>,
    pub url: String,
    scope: Scope,
}

#[derive(Clone)]
pub struct Config {
    pub members: Vec<&'static str>,
    pub shards: u16,
    pub secret: Option<&'static str>,
}

impl Config {
    pub fn of(members: &[&'static str]) -> Self {
        Self { members: members.to_vec(), shards: 4, secret: None }
    }

    fn membership(&self) -> Arc<Membership> {
        Arc::new(Membership::first(self.members.iter().map(|m| Name::from(*m)), self.shards))
    }
}

/// All regions of a cluster, in order of their names.
pub async fn cluster(config: &Config) -> Vec<Region> {
    let configs: Vec<(&str, Config)> = config.members.iter().map(|m| (*m, config.clone())).collect();
    regions(&configs).await
}

/// Regions that may disagree; peers by the first region's membership.
pub async fn regions(configs: &[(&'static str, Config)]) -> Vec<Region> {
    let env = Env::real();
    let mut listeners = Vec::new();
    for _ in configs {
        listeners.push(env.listen("127.0.0.1:0").await.unwrap());
    }
    let urls: Vec<String> = listeners.iter().map(|l| format!("http://{}", l.local())).collect();
    let mut made = Vec::new();
    for ((name, config), mut listener) in configs.iter().zip(listeners) {
        let membership = config.membership();
        let peer = |(other, _): &(&str, Config), url: &String| {
            let region = membership.region(other).filter(|_| other != name)?;
            Some(PeerAddress { region, url: url.clone() })
        };
        let peers = configs.iter().zip(&urls).filter_map(|(other, url)| peer(other, url)).collect();
        let options = Options {
            me: membership.region(name).unwrap(),
            membership: membership.clone(),
            peers,
            secret: config.secret.map(|s| s.as_bytes().to_vec()),
            registry: None,
        };
        let log = Arc::new(MemoryLog::default());
        let direct = Direct::new(env.clone(), options, log.clone() as Arc<dyn LogSource>);
        let scope = Scope::new(env.clone());
        let (url, router, serving) = (format!("http://{}", listener.local()), direct.router(), scope.clone());
        scope.spawn_until_stop(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = TowerToHyperService::new(router.clone());
                serving.spawn_until_stop(async move {
                    let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    server.max_concurrent_streams(limits::STREAMS_PER_CONNECTION_MAX);
                    server.serve_connection(TokioIo::new(socket), service).await.ok();
                });
            }
        });
        made.push(Region { direct, log, url, scope });
    }
    made
}

impl Region {
    /// Stops listening and drops every connection.
    pub async fn kill(&self) {
        self.scope.stop().await;
    }
}

pub const A: RegionId = RegionId(0);
pub const B: RegionId = RegionId(1);
pub const C: RegionId = RegionId(2);
