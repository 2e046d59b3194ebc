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
        ("regions::a_cluster_that_does_not_answer_for_a_minute_costs_nothing", frozen),
        ("regions::who_restarts_follows_from_the_place_that_it_wrote_down", restarted),
    ]
}

pub fn world(lane: &Lane) -> World {
    World::new([lane.own_cluster(), lane.own_cluster()])
}

const CARTS: usize = 7;

/// What came by request and not over the stream.
const CARRIED: [&str; 2] = ["sterna_replicate_carried_entries_total", "sterna_replicate_repairs_total"];

/// Each item once, in both regions.
pub async fn all_once(nodes: &[Node], expected: usize) {
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
pub async fn load(node: &Node, items: std::ops::Range<usize>, pause: Duration) {
    for n in items {
        node.add(&format!("c-{}", n % CARTS), &format!("{}-{n}", node.me.0)).await;
        Env::real().sleep(pause).await;
    }
}

fn converge(lane: &Lane) {
    let world = world(lane);
    block_on(async {
        let nodes = world.nodes().await;
        let by_request = |node: &Node| CARRIED.iter().map(|name| node.metric(name)).sum::<f64>();
        let before: Vec<f64> = nodes.iter().map(by_request).collect();
        join!(load(&nodes[0], 0..400, Duration::from_millis(1)), load(&nodes[1], 0..400, Duration::from_millis(1)));
        world.settled(&nodes).await;
        all_once(&nodes, 800).await;
        assert!(nodes.iter().all(|node| node.metric("sterna_fluvio_frames_read_total") > 10.0));
        assert_eq!(nodes.iter().map(by_request).collect::<Vec<f64>>(), before, "it went another way");
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
        let by_request = |node: &Node| CARRIED.iter().map(|name| node.metric(name)).sum::<f64>();
        let unrepaired = by_request(&nodes[1]);
        join!(load(&nodes[0], 0..800, Duration::from_millis(2)), load(&nodes[1], 0..800, Duration::from_millis(2)), emptying);
        world.settled(&nodes).await;
        all_once(&nodes, 1_600).await;
        assert!(by_request(&nodes[1]) > unrepaired, "what was lost came from nowhere");
        // Over Fluvio again, and not by request.
        world.env.sleep(Duration::from_secs(6)).await;
        let before = nodes[1].metric("sterna_replicate_carried_entries_total");
        load(&nodes[0], 800..900, Duration::from_millis(2)).await;
        world.settled(&nodes).await;
        all_once(&nodes, 1_700).await;
        assert_eq!(nodes[1].metric("sterna_replicate_carried_entries_total"), before);
    });
}

fn frozen(lane: &Lane) {
    let world = world(lane);
    block_on(async {
        let nodes = world.nodes().await;
        let by_request = |node: &Node| CARRIED.iter().map(|name| node.metric(name)).sum::<f64>();
        let before = by_request(&nodes[1]);
        let silence = async {
            world.clusters[0].freeze();
            world.env.sleep(Duration::from_secs(60)).await;
            assert!(by_request(&nodes[1]) > before, "what could not be published did not come by request");
            world.clusters[0].thaw();
        };
        let pause = Duration::from_millis(50);
        join!(load(&nodes[0], 0..1_400, pause), load(&nodes[1], 0..1_400, pause), silence);
        world.settled(&nodes).await;
        all_once(&nodes, 2_800).await;
        world.until("the cluster is followed again", || nodes.iter().all(|node| node.metric("sterna_replicate_connected") == 1.0)).await;
    });
}

fn restarted(lane: &Lane) {
    let world = world(lane);
    block_on(async {
        let [a, mut b] = world.nodes().await;
        let searches = |node: &Node| node.metric("sterna_fluvio_searches_total");
        // Frames enough that a place which is not known is searched for.
        load(&a, 0..400, Duration::from_millis(1)).await;
        world.until("everything is there", || world.has_all(&a, &b)).await;
        for round in 1..3 {
            b.kept_places(&a).await;
            let store = b.kill().await;
            load(&a, 400 * round..400 * round + 30, Duration::from_millis(1)).await;
            if round == 2 {
                // What was written down is wrong now, and is told to be.
                world.clusters[0].wipe();
                tokio::task::block_in_place(|| world.clusters[0].start_all());
                load(&a, 1_000..1_900, Duration::from_millis(2)).await;
            }
            b = world.start(1, store).await;
            world.until("everything is there", || world.has_all(&a, &b)).await;
            if round == 1 {
                assert_eq!(searches(&b), 0.0, "it had the place");
                assert!(b.metric("sterna_fluvio_probes_total") > 0.0, "it did not check the place");
            } else {
                assert!(b.metric("sterna_fluvio_hints_refuted_total") > 0.0, "it believed the place");
            }
        }
        let nodes = [a, b];
        world.settled(&nodes).await;
        all_once(&nodes, 400 + 30 + 30 + 900).await;
    });
}
