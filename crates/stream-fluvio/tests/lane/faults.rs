//! What happens to a stream when its cluster is treated badly. Nobody repairs here: whatever is said to pass passes over Fluvio alone.

use crate::cluster::Cluster;
use crate::load::{A, B, Followed, LOG, follow, follow_slowly, frame, heartbeat, number, open, options, place, publish, try_open};
use crate::{Lane, Test, block_on};
use futures::join;
use std::time::Duration;
use sterna_env::Env;
use sterna_stream::{FollowError, Stream};
use sterna_stream_fluvio::{Fluvio, Options};

pub fn tests() -> Vec<(&'static str, Test)> {
    vec![
        ("faults::a_storage_unit_killed_again_and_again_under_load_loses_nothing", unit_killed),
        ("faults::frames_flow_while_the_controller_is_dead", controller_killed),
        ("faults::a_cluster_that_was_emptied_is_used_again", wiped),
        ("faults::a_cluster_that_does_not_answer_for_a_minute_loses_nothing", frozen),
        ("faults::a_region_opens_while_its_cluster_is_dead", opened_dead),
        ("faults::a_slow_follower_gets_everything_and_holds_up_nobody", slow),
        ("faults::two_publishers_at_once_make_no_hole", two_publishers),
        ("faults::a_fast_catch_up_leaves_nothing_out", catch_up),
        ("faults::who_comes_back_finds_its_place", resumed),
    ]
}

fn pair(lane: &Lane) -> [Cluster; 2] {
    [lane.own_cluster(), lane.own_cluster()]
}

async fn streams(clusters: &[Cluster; 2]) -> [std::sync::Arc<Fluvio>; 2] {
    [open(A, clusters, "faults").await, open(B, clusters, "faults").await]
}

/// Entries up to `all`, three to a frame, 1 kB each, with a pause behind each frame. How often a frame was not taken at once.
async fn load(stream: &dyn Stream, all: u64, pause: Duration) -> u64 {
    let mut failures = 0;
    for n in 0..all / 3 {
        failures += publish(stream, frame(3 * n, 3 * n + 3, 1_000)).await;
        Env::real().sleep(pause).await;
    }
    failures
}

fn unit_killed(lane: &Lane) {
    let clusters = pair(lane);
    block_on(async {
        let [publisher, follower] = streams(&clusters).await;
        let kills = async {
            for _ in 0..5 {
                Env::real().sleep(Duration::from_millis(700)).await;
                clusters[0].kill_unit();
                Env::real().sleep(Duration::from_millis(300)).await;
                clusters[0].start_unit();
            }
        };
        let (failures, followed, ()) = join!(load(&*publisher, 6_000, Duration::from_millis(3)), follow(&*follower, 0, 6_000), kills);
        assert!(failures > 0 && !followed.errors.is_empty(), "nobody noticed: {failures} failures, {followed:?}");
        assert!(!followed.errors.iter().any(|e| matches!(e, FollowError::Expired(_))), "{followed:?}");
    });
}

fn controller_killed(lane: &Lane) {
    // A controller whose metadata the kill tore takes the cluster's topics with it, which is another test.
    let came_back = |_| controller_killed_once(&pair(lane));
    assert!((0..5).any(came_back), "no controller came back");
}

/// False if the controller can't read its metadata any more.
fn controller_killed_once(clusters: &[Cluster; 2]) -> bool {
    block_on(async {
        let [publisher, follower] = streams(clusters).await;
        publish(&*publisher, frame(0, 3, 10)).await;
        follow(&*follower, 0, 3).await;
        let load = async {
            Env::real().sleep(Duration::from_millis(300)).await;
            clusters[0].kill_controller();
            let mut failures = 0;
            for n in 1..400 {
                failures += publish(&*publisher, frame(3 * n, 3 * n + 3, 1_000)).await;
            }
            failures
        };
        let (failures, followed) = join!(load, follow(&*follower, 3, 1_200));
        assert_eq!((failures, followed.errors.len()), (0, 0), "{followed:?}");
        // Also a connection that breaks meanwhile comes back: where leaders are is remembered.
        clusters[0].kill_unit();
        clusters[0].start_controller();
        clusters[0].start_unit();
        if !tokio::task::block_in_place(|| clusters[0].controller_is_back()) {
            return false;
        }
        publish(&*publisher, frame(1_200, 1_203, 10)).await;
        follow(&*follower, 1_200, 1_203).await;
        true
    })
}

fn wiped(lane: &Lane) {
    let clusters = pair(lane);
    block_on(async {
        let [publisher, follower] = streams(&clusters).await;
        load(&*publisher, 300, Duration::ZERO).await;
        follow(&*follower, 0, 300).await;
        clusters[0].wipe();
        tokio::task::block_in_place(|| clusters[0].start_all());
        // The publisher makes the topic again, and the follower does not believe what it remembers of offsets.
        let publishing = async {
            for n in 100..500 {
                publish(&*publisher, frame(3 * n, 3 * n + 3, 1_000)).await;
            }
        };
        let ((), _) = join!(publishing, follow(&*follower, 300, 1_500));
        follow(&*follower, 1_000, 1_500).await;
    });
}

fn frozen(lane: &Lane) {
    let clusters = pair(lane);
    block_on(async {
        let [publisher, follower] = streams(&clusters).await;
        load(&*publisher, 300, Duration::ZERO).await;
        follow(&*follower, 0, 300).await;
        let silence = async {
            clusters[0].freeze();
            Env::real().sleep(Duration::from_secs(60)).await;
            clusters[0].thaw();
        };
        let loading = async {
            let mut failures = 0;
            for n in 100..200 {
                failures += publish(&*publisher, frame(3 * n, 3 * n + 3, 1_000)).await;
            }
            failures
        };
        let (failures, followed, ()) = join!(loading, follow(&*follower, 300, 600), silence);
        assert!(failures > 0 && !followed.errors.is_empty(), "nobody noticed: {failures} failures, {followed:?}");
    });
}

fn opened_dead(lane: &Lane) {
    let clusters = pair(lane);
    for cluster in &clusters {
        cluster.kill_unit();
        cluster.kill_controller();
    }
    block_on(async {
        let [publisher, follower] = streams(&clusters).await;
        publisher.publish(frame(0, 3, 10)).await.unwrap_err();
        assert!(matches!(follower.follow(LOG, place(0)).await, Err(FollowError::Unreachable(_))));
        tokio::task::block_in_place(|| clusters.iter().for_each(Cluster::start_all));
        publish(&*publisher, frame(0, 3, 10)).await;
        follow(&*follower, 0, 3).await;
    });
}

fn slow(lane: &Lane) {
    let clusters = pair(lane);
    block_on(async {
        let [publisher, follower] = streams(&clusters).await;
        let mut idle = follower.follow(LOG, place(0)).await.unwrap();
        let slow = follow_slowly(&*follower, 0, 600, Duration::from_millis(10));
        // 120 MB pass a follower that takes nothing, and one that takes its time.
        let publishing = async {
            for n in 0..600 {
                publish(&*publisher, frame(n, n + 1, 200_000)).await;
            }
        };
        let ((), slow, fast) = join!(publishing, slow, follow(&*follower, 0, 600));
        assert!(fast.errors.is_empty(), "{fast:?}");
        // When a segment ends, the server hangs up on whoever is being sent it. Who is slow may meet that twice, and get nothing in between.
        let hung_up = |error: &FollowError| matches!(error, FollowError::Unreachable(_));
        assert!(slow.errors.len() <= 2 && slow.errors.iter().all(hung_up), "{slow:?}");
        let mut reached = 0;
        while reached < 600 {
            match Env::real().timeout(Duration::from_secs(20), idle.next()).await.unwrap() {
                Ok(frame) => {
                    assert!(frame.after <= place(reached), "a hole");
                    reached = reached.max(number(frame.end()));
                }
                Err(error) => {
                    assert!(hung_up(&error), "{error}");
                    idle = follower.follow(LOG, place(reached)).await.unwrap();
                }
            }
        }
    });
}

fn two_publishers(lane: &Lane) {
    let clusters = pair(lane);
    block_on(async {
        let [one, follower] = streams(&clusters).await;
        let other = open(A, &clusters, "faults").await;
        let lagging = async {
            Env::real().sleep(Duration::from_millis(50)).await;
            load(&*other, 3_000, Duration::from_micros(1_300)).await
        };
        let (_, _, followed) = join!(load(&*one, 3_000, Duration::from_millis(1)), lagging, follow(&*follower, 0, 3_000));
        assert!(followed.errors.is_empty(), "{followed:?}");
    });
}

fn catch_up(lane: &Lane) {
    let clusters = pair(lane);
    block_on(async {
        let [publisher, follower] = streams(&clusters).await;
        // 150 MB in frames of many sizes, so that answers are cut off everywhere, and segments end in between.
        let mut n = 0;
        for round in 0..1_500_u64 {
            let entries = 1 + round * 7 % 40;
            publish(&*publisher, frame(n, n + entries, 1_000 + (round as usize * 997) % 9_000)).await;
            n += entries;
        }
        for known in [0, 1, n / 2] {
            let Followed { errors, doubled, .. } = follow(&*follower, known, n).await;
            assert!(errors.is_empty() && doubled < 40, "{errors:?}, {doubled} doubled");
        }
    });
}

fn resumed(lane: &Lane) {
    let clusters = lane.shared();
    block_on(async {
        let registry = prometheus::Registry::new();
        let publisher = open(A, clusters, "resumed").await;
        for n in 0..500 {
            publish(&*publisher, frame(2 * n, 2 * n + 2, 500)).await;
            publish(&*publisher, heartbeat(2 * n + 2)).await;
        }
        let follower = try_open(Options { registry: Some(&registry), ..options(B, clusters, "resumed") }).await.unwrap();
        let metric = |name: &str| {
            let found = registry.gather().into_iter().find(|family| family.name() == format!("sterna_fluvio_{name}_total"));
            found.map_or(0.0, |family| family.get_metric()[0].get_counter().get_value())
        };
        // Without hints: from everywhere, also from between two frames.
        for known in [0, 1, 2, 499, 500, 777, 998, 999] {
            let followed = follow(&*follower, known, 1_000).await;
            assert!(followed.errors.is_empty() && followed.doubled <= 1, "{known}: {followed:?}");
        }
        let searches = metric("searches");
        assert!(searches > 0.0);
        // The hints hold now: two questions, and no search.
        let probes = metric("probes");
        follow(&*follower, 998, 1_000).await;
        assert_eq!(metric("searches"), searches);
        assert!(metric("probes") <= probes + 2.0);
    });
}
