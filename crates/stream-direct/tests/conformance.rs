//! The stream's conformance suite over loopback sockets, without a secret and with one.
#![allow(clippy::unwrap_used, reason = "in a test")]

#[allow(dead_code)]
mod cluster;

use cluster::{A, B, Config, cluster};
use sterna_env::Env;
use sterna_stream::conformance::Fixture;

async fn fixture(secret: Option<&'static str>) -> Fixture {
    let config = Config { secret, ..Config::of(&["a", "b"]) };
    let regions = cluster(&config).await;
    let [a, b] = [&regions[usize::from(A.0)], &regions[usize::from(B.0)]];
    Fixture {
        env: Env::real(),
        origin: A,
        shards: config.shards,
        publisher: a.direct.clone(),
        follower: b.direct.clone(),
        source: a.log.clone(),
        hold: Box::new(regions),
    }
}

mod open {
    sterna_stream::stream_conformance!(super::fixture(None));
}

mod with_secret {
    sterna_stream::stream_conformance!(super::fixture(Some("s3cret")));
}
