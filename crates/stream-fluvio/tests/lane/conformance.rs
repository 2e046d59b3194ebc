//! The stream's conformance suite: region `a` publishes to its cluster, and region `b`, which has its own, follows it.

use crate::load::{A, B, open};
use crate::{Lane, Test, block_on};
use std::sync::Arc;
use sterna_env::Env;
use sterna_stream::conformance::{self, Fixture};

async fn fixture(lane: &Lane, topic: &str) -> Fixture {
    let clusters = lane.shared();
    let topic = topic.replace('_', "-");
    let (publisher, follower) = (open(A, clusters, &topic).await, open(B, clusters, &topic).await);
    let (origin, shards, source) = (A, crate::load::SHARDS, Arc::default());
    Fixture { env: Env::real(), origin, shards, publisher, follower, source, hold: Box::new(()) }
}

macro_rules! suite {
    ($($name:ident)*) => {
        /// As `sterna_stream::stream_conformance!` names them.
        pub fn tests() -> Vec<(&'static str, Test)> {
            vec![$((concat!("conformance::", stringify!($name)), |lane| {
                block_on(async { conformance::$name(&fixture(lane, stringify!($name)).await).await });
            })),*]
        }
    };
}

suite! {
    frames_arrive_in_order
    what_was_published_before_is_followed
    following_from_the_middle_gives_the_rest
    a_follower_resumes_where_it_was
    dropping_a_wait_loses_nothing
    two_followers_both_get_everything
    logs_do_not_mix
    ten_megabytes_pass
    a_heartbeat_passes
    a_heartbeat_says_all_it_said
    an_unknown_shard_is_refused
    another_regions_log_is_not_published
}
