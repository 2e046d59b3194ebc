//! `store.engine = "foundationdb"`, and `store.read = "foundationdb"`.

use crate::config::{Config, FoundationDbConfig, ShardRange};
use anyhow::{Result, anyhow};
use std::sync::Arc;
use std::time::Duration;
use sterna_env::{Env, Scope};
use sterna_http::{ClusterHealth, StoreInfo};
use sterna_store_foundationdb::{FoundationDb, Health, Kind, Metrics, Options, Part};

/// How often clusters are asked how they do.
const HEALTH_EVERY: Duration = Duration::from_secs(2);

/// One for each cluster.
pub async fn write(config: &Config, env: &Env, registry: &prometheus::Registry) -> Result<Vec<Arc<FoundationDb>>> {
    let metrics = Metrics::new(Kind::Write, Some(registry))?;
    let mut opened = Vec::new();
    for (cluster, range) in config.store.ranges(config.shards).map_err(|error| anyhow!(error))? {
        let part = Part { shards: config.shards, first: range.first, last: range.last };
        opened.push(FoundationDb::open(options(config, env, cluster, Kind::Write, part, metrics.clone())).await?);
    }
    Ok(opened)
}

/// In the first cluster, whatever its shards.
pub async fn read(config: &Config, env: &Env, registry: &prometheus::Registry) -> Result<Arc<FoundationDb>> {
    let metrics = Metrics::new(Kind::Read, Some(registry))?;
    let ranges = config.store.ranges(config.shards).map_err(|error| anyhow!(error))?;
    let (cluster, _): &(&FoundationDbConfig, ShardRange) = ranges.first().ok_or_else(|| anyhow!("there is no cluster"))?;
    Ok(FoundationDb::open(options(config, env, cluster, Kind::Read, Part::whole(config.shards), metrics)).await?)
}

fn options(config: &Config, env: &Env, cluster: &FoundationDbConfig, kind: Kind, part: Part, metrics: Metrics) -> Options {
    let (cluster_file, library) = (cluster.file.clone(), config.store.library.clone());
    let name = config.store.name.clone().unwrap_or_else(|| config.region.clone());
    Options { env: env.clone(), cluster_file, library, name, kind, part, metrics }
}

pub fn watch_health(clusters: &[Arc<FoundationDb>], info: &StoreInfo, env: &Env, scope: &Scope) {
    // The read store shares a cluster with shards.
    let mut clusters = clusters.to_vec();
    clusters.sort_by_key(|cluster| (cluster.cluster_file().clone(), cluster.part().first));
    clusters.dedup_by_key(|cluster| cluster.cluster_file().clone());
    if clusters.is_empty() {
        return;
    }
    let (info, env) = (info.clone(), env.clone());
    scope.spawn_until_stop(async move {
        loop {
            let mut told = Vec::new();
            for cluster in &clusters {
                told.push(tell(cluster, cluster.health().await));
            }
            info.set_clusters(told);
            env.sleep(HEALTH_EVERY).await;
        }
    });
}

fn tell(cluster: &FoundationDb, health: Health) -> ClusterHealth {
    let Part { first, last, .. } = cluster.part();
    let Health { available, healthy, fault_tolerance, redundancy, version, free_bytes, troubles } = health;
    ClusterHealth {
        cluster: cluster.cluster_file().display().to_string(),
        shards: format!("{first}-{last}"),
        available,
        healthy,
        fault_tolerance,
        free_bytes,
        redundancy,
        version,
        troubles: troubles.into_iter().map(|trouble| format!("{}: {}", trouble.name, trouble.description)).collect(),
    }
}
