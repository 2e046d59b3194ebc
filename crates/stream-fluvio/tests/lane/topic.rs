//! Topics are made as declared, and refused where they can't be used.

use crate::load::{A, B, LOG, follow, frame, open, options, place, publish, try_open};
use crate::{Lane, Test, block_on};
use std::sync::Arc;
use sterna_crdt::Name;
use sterna_env::Env;
use sterna_log::Membership;
use sterna_stream::{FollowError, PublishError, Stream};
use sterna_stream_fluvio::{Compression, OpenError, Retention};

pub fn tests() -> Vec<(&'static str, Test)> {
    vec![
        ("topic::it_is_made_as_declared", it_is_made_as_declared),
        ("topic::another_number_of_partitions_is_refused", another_number_of_partitions_is_refused),
        ("topic::every_compression_passes", every_compression_passes),
        ("topic::a_frame_of_16_megabytes_passes_and_a_larger_one_is_refused", large_frames),
    ]
}

fn it_is_made_as_declared(lane: &Lane) {
    let clusters = lane.shared();
    block_on(async {
        let retention = Retention { seconds: 3_600, bytes_max: 128 << 20 };
        try_open(sterna_stream_fluvio::Options { retention, compression: Compression::Lz4, ..options(A, clusters, "declared") })
            .await
            .unwrap();
    });
    let found = clusters[0].cli(&["topic", "describe", "declared-a", "--output", "json"]).unwrap();
    let found: serde_json::Value = serde_json::from_slice(&found).unwrap();
    let text = found.to_string();
    for expected in ["\"partitions\":2", "3600", "134217728", "8388608"] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    assert!(text.to_lowercase().contains("lz4"), "{text}");
}

fn another_number_of_partitions_is_refused(lane: &Lane) {
    let clusters = lane.shared();
    block_on(async {
        open(A, clusters, "counted").await;
        let five = Arc::new(Membership::first(["a", "b"].map(Name::from), 5));
        let wrong = |me| sterna_stream_fluvio::Options { membership: five.clone(), ..options(me, clusters, "counted") };
        let Err(OpenError::Partitions(text)) = try_open(wrong(A)).await else { panic!("it opens") };
        assert!(text.contains("topic counted-a") && text.contains("has 2 partitions") && text.contains("5 shards"), "{text}");
        // A peer whose topic has another number disagrees about the cluster.
        let follower = try_open(wrong(B)).await.unwrap();
        let refused = follower.follow(LOG, place(0)).await.err();
        assert!(matches!(refused, Some(FollowError::Refused(_))), "{refused:?}");
    });
}

fn every_compression_passes(lane: &Lane) {
    let clusters = lane.shared();
    block_on(async {
        for compression in [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
            let topic = format!("compressed-{compression:?}").to_lowercase();
            let publisher = try_open(sterna_stream_fluvio::Options { compression, ..options(A, clusters, &topic) }).await.unwrap();
            let follower = open(B, clusters, &topic).await;
            for n in 0..20 {
                publish(&*publisher, frame(10 * n, 10 * n + 10, 3_000)).await;
            }
            follow(&*follower, 0, 200).await;
            follow(&*follower, 77, 200).await;
        }
    });
}

fn large_frames(lane: &Lane) {
    let clusters = lane.shared();
    block_on(async {
        let (publisher, follower) = (open(A, clusters, "large").await, open(B, clusters, "large").await);
        publish(&*publisher, frame(0, 1, 100)).await;
        publish(&*publisher, frame(1, 2, 15 << 20)).await;
        publish(&*publisher, frame(2, 3, 100)).await;
        publish(&*publisher, frame(3, 4, 2 << 20)).await;
        let too_large = publisher.publish(frame(4, 5, 16 << 20)).await;
        assert!(matches!(too_large, Err(PublishError::TooLarge { .. })), "{too_large:?}");
        publish(&*publisher, frame(4, 5, 100)).await;
        for known in 0..5 {
            follow(&*follower, known, 5).await;
        }
        // One that has no hints searches among the parts.
        for known in 0..5 {
            let stranger = open(B, clusters, "large").await;
            let followed = follow(&*stranger, known, 5).await;
            assert!(followed.errors.is_empty(), "{followed:?}");
        }
        Env::real().sleep(std::time::Duration::ZERO).await;
    });
}
