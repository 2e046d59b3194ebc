//! The stream's engine, as it is configured.

#[cfg(feature = "fluvio")]
mod fluvio;

use crate::config::{Config, StreamEngine};
use anyhow::Result;
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_env::Env;
use sterna_log::Membership;
use sterna_stream::Stream;
use sterna_stream_direct::Direct;

/// Fails if this build has not got the engine.
pub fn check(config: &Config) -> Result<()> {
    match config.stream.engine {
        #[cfg(not(feature = "fluvio"))]
        StreamEngine::Fluvio => anyhow::bail!(ABSENT),
        _ => Ok(()),
    }
}

#[cfg(not(feature = "fluvio"))]
const ABSENT: &str = "the stream's engine fluvio is not in this build; build with `cargo build --release -p sterna --features fluvio`, or set engine = \"direct\" in [stream]";

/// `direct` answers the peers' repairs whatever the engine.
#[cfg_attr(not(feature = "fluvio"), allow(unused_variables, clippy::unused_async, reason = "other engines need these"))]
pub async fn open(
    config: &Config,
    env: &Env,
    membership: &Arc<Membership>,
    me: RegionId,
    registry: &prometheus::Registry,
    direct: &Arc<Direct>,
) -> Result<Arc<dyn Stream>> {
    match config.stream.engine {
        StreamEngine::Direct => Ok(direct.clone()),
        #[cfg(feature = "fluvio")]
        StreamEngine::Fluvio => fluvio::open(config, env, membership, me, registry).await,
        #[cfg(not(feature = "fluvio"))]
        StreamEngine::Fluvio => anyhow::bail!(ABSENT),
    }
}
