//! TLS to the cluster, from both sides.

use crate::cluster::{Cluster, address};
use crate::load::{A, B, LOG, follow, frame, open, options, place, publish, try_open};
use crate::{Lane, Test, block_on};
use sterna_stream::{FollowError, PublishError, Stream};
use sterna_stream_fluvio::{OpenError, Options};
use sterna_test_engines::certificates;

pub fn tests() -> Vec<(&'static str, Test)> {
    vec![("secure::frames_pass_over_tls_and_strangers_do_not", over_tls)]
}

fn over_tls(lane: &Lane) {
    let cluster = || Cluster::start_with(&lane.binaries, Some(&certificates::write));
    let clusters = [cluster(), cluster()];
    block_on(async {
        let untrusting = options(A, &clusters, "secure").own;
        let publisher = open(A, &clusters, "secure").await;
        let wrong_authority = Options { own: address(&clusters[1]), ..options(B, &clusters, "secure") };
        // Region `b` trusts its own cluster's authority only for its own cluster, and region `a`'s for the other.
        let follower = try_open(wrong_authority).await.unwrap();
        for n in 0..50 {
            publish(&*publisher, frame(n, n + 1, 1_000)).await;
        }
        follow(&*follower, 0, 50).await;

        // Without TLS, and with an authority that did not sign the cluster's certificate, nothing passes.
        let mut plain = options(B, &clusters, "secure");
        plain.peers[0].1.tls = None;
        let refused = try_open(plain).await.unwrap().follow(LOG, place(0)).await.err();
        assert!(matches!(refused, Some(FollowError::Unreachable(_))), "{refused:?}");
        let mut strange = options(A, &clusters, "secure");
        strange.own = sterna_stream_fluvio::ClusterAddress { endpoint: untrusting.endpoint, ..address(&clusters[1]) };
        let refused = try_open(strange).await.unwrap().publish(frame(50, 51, 10)).await;
        assert!(matches!(refused, Err(PublishError::Unavailable(_))), "{refused:?}");

        let mut missing = options(A, &clusters, "secure");
        missing.own.tls.as_mut().unwrap().ca = "/nonexistent/ca.pem".into();
        assert!(matches!(try_open(missing).await, Err(OpenError::Tls(_))));
    });
}
