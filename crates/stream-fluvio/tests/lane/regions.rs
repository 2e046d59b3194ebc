//! Nothing lost, nothing twice: commands in two regions while their clusters are treated badly, with the real relay and resolver.

use crate::region::{Node, World};
use crate::{Lane, Test, block_on};
use futures::join;
use std::time::Duration;
use sterna_env::Env;

pub fn tests() -> Vec<(&'static str, Test)> {
    vec![
        ("regions::they_converge_over_fluvio_alone", converge),
        ("regions::nothing_is_lost_or_doubled_while_storage_units_and_controllers_are_killed", killed),
        ("regions::what_an_emptied_cluster_has_lost_is_repaired", emptied),
        ("regions::a_relay_killed_before_its_publish_leaves_no_hole", relay_killed),
        ("regions::two_relays_at_once_double_nothing", two_relays),
    ]
}

fn world(lane: &Lane) -> World {
    World::new([lane.own_cluster(), lane.own_cluster()])
}

const CARTS: usize = 7;

/// Each item once, in both regions.
async fn all_once(nodes: &[Node], expected: usize) {
    let mut found = 0;
    for cart in 0..CARTS {
        let cart = format!("c-{cart}");
        let items = nodes[0].items(&cart).await;
        assert!(items.values().all(|count| count == 1), "something is doubled: {items:?}");
        for node in nodes {
            assert_eq!(node.items(&cart).await, items, "regions differ");
        }
        found += items.len();
    }
    assert_eq!(found, expected);
}

/// One new item after another, over all carts.
async fn load(node: &Node, items: std::ops::Range<usize>, pause: Duration) {
    for n in items {
        node.add(&format!("c-{}", n % CARTS), &format!("{}-{n}", node.me.0)).await;
        Env::real().sleep(pause).await;
    }
}

fn converge(lane: &Lane) {
    let world = world(lane);
    block_on(async {
        let nodes = world.nodes().await;
        join!(load(&nodes[0], 0..400, Duration::from_millis(1)), load(&nodes[1], 0..400, Duration::from_millis(1)));
        world.settled(&nodes).await;
        all_once(&nodes, 800).await;
        for node in &nodes {
            assert!(node.metric("sterna_fluvio_frames_read_total") > 0.0);
            assert_eq!(node.metric("sterna_replicate_carried_entries_total"), 0.0, "it went another way");
        }
    });
}

fn killed(lane: &Lane) {
    let world = world(lane);
    block_on(async {
        let nodes = world.nodes().await;
        let kills = async {
            for round in 0..4 {
                let cluster = &world.clusters[round % 2];
                world.env.sleep(Duration::from_millis(500)).await;
                cluster.kill_unit();
                world.env.sleep(Duration::from_millis(300)).await;
                cluster.kill_controller();
                cluster.start_controller();
                cluster.start_unit();
            }
        };
        let pause = Duration::from_millis(2);
        join!(load(&nodes[0], 0..1_500, pause), load(&nodes[1], 0..1_500, pause), kills);
        world.settled(&nodes).await;
        all_once(&nodes, 3_000).await;
    });
}

fn emptied(lane: &Lane) {
    let world = world(lane);
    block_on(async {
        let nodes = world.nodes().await;
        let emptying = async {
            world.env.sleep(Duration::from_millis(500)).await;
            world.clusters[0].wipe();
            world.env.sleep(Duration::from_millis(500)).await;
            tokio::task::block_in_place(|| world.clusters[0].start_all());
        };
        join!(load(&nodes[0], 0..800, Duration::from_millis(2)), load(&nodes[1], 0..800, Duration::from_millis(2)), emptying);
        world.settled(&nodes).await;
        all_once(&nodes, 1_600).await;
        // Over Fluvio again, and not by request.
        world.env.sleep(Duration::from_secs(6)).await;
        let before = nodes[1].metric("sterna_replicate_carried_entries_total");
        load(&nodes[0], 800..900, Duration::from_millis(2)).await;
        world.settled(&nodes).await;
        all_once(&nodes, 1_700).await;
        assert_eq!(nodes[1].metric("sterna_replicate_carried_entries_total"), before);
    });
}

fn relay_killed(lane: &Lane) {
    let world = world(lane);
    block_on(async {
        let [mut a, b] = world.nodes().await;
        for round in 0..5 {
            load(&a, 100 * round..100 * (round + 1), Duration::ZERO).await;
            // What was committed last is in the store, and not in the topic.
            let store = a.kill().await;
            a = world.start(0, store).await;
            world.until("the gate is open", || a.is_open()).await;
        }
        load(&a, 500..510, Duration::ZERO).await;
        let nodes = [a, b];
        world.settled(&nodes).await;
        all_once(&nodes, 510).await;
    });
}

fn two_relays(lane: &Lane) {
    let world = world(lane);
    block_on(async {
        let [a, b] = world.nodes().await;
        let nodes = {
            // A second process of the same region, on the same store: it relays what the first one writes too.
            let twin = world.start(0, a.store.clone()).await;
            world.until("the twin's gate is open", || twin.is_open()).await;
            let pause = Duration::from_millis(2);
            join!(load(&a, 0..400, pause), load(&twin, 400..800, pause), load(&b, 0..400, pause));
            [a, twin, b]
        };
        world
            .until("all have everything", || {
                let board = |node: &Node| node.writer.region().board.clone();
                board(&nodes[0]).shards().all(|shard| {
                    nodes.iter().all(|node| {
                        let newest = nodes.iter().map(|other| board(other).applied(shard).get(node.me)).max();
                        nodes.iter().all(|other| Some(board(other).applied(shard).get(node.me)) == newest)
                    })
                })
            })
            .await;
        all_once(&nodes[..1], 1_200).await;
        all_once(&nodes[2..], 1_200).await;
        assert!(nodes[2].metric("sterna_fluvio_frames_read_total") > 0.0);
    });
}
