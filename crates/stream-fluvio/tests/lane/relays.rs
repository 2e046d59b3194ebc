//! The relay's worst moments: nothing of what it left half done is missed or counted twice.

use crate::load::SHARDS;
use crate::regions::{all_once, load, world};
use crate::{Lane, Test, block_on};
use futures::future::pending;
use futures::join;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use sterna_env::Boxed;
use sterna_log::{Frame, LogId, Position, ShardId};
use sterna_stream::{FollowError, Follower, LogSource, Places, PublishError, Stream};
use sterna_stream_fluvio::Fluvio;

pub fn tests() -> Vec<(&'static str, Test)> {
    vec![
        ("relays::one_killed_before_its_publish_leaves_no_hole", killed_before),
        ("relays::one_killed_between_publish_and_progress_leaves_no_hole_and_doubles_nothing", killed_between),
        ("relays::two_at_once_double_nothing", two_relays),
    ]
}

/// Stands still once it has published a frame with entries, so that the relay never hears of it.
struct StandsStill {
    stream: Arc<Fluvio>,
    stands: AtomicBool,
}

impl Stream for StandsStill {
    fn publish(&self, frame: Frame) -> Boxed<'_, Result<(), PublishError>> {
        Box::pin(async move {
            let heartbeat = frame.is_heartbeat();
            self.stream.publish(frame).await?;
            if !heartbeat {
                self.stands.store(true, Ordering::Relaxed);
                pending::<()>().await;
            }
            Ok(())
        })
    }

    fn follow(&self, log: LogId, after: Position) -> Boxed<'_, Result<Box<dyn Follower>, FollowError>> {
        self.stream.follow(log, after)
    }

    fn is_shared(&self) -> bool {
        self.stream.is_shared()
    }

    fn meets_peers(&self) -> bool {
        self.stream.meets_peers()
    }

    fn places(&self) -> Option<&dyn Places> {
        self.stream.places()
    }
}

fn killed_between(lane: &Lane) {
    let world = world(lane);
    block_on(async {
        let [mut a, b] = world.nodes().await;
        load(&a, 0..50, Duration::ZERO).await;
        for round in 1..4 {
            let store = a.kill().await;
            let mut still = None;
            a = world
                .start_with(0, store, |stream| still.insert(Arc::new(StandsStill { stream, stands: AtomicBool::new(false) })).clone())
                .await;
            let still = still.expect("it was made");
            world.until("the gate is open", || a.is_open()).await;
            load(&a, 50 * round..50 * (round + 1), Duration::ZERO).await;
            world.until("a frame is published, and the relay stands", || still.stands.load(Ordering::Relaxed)).await;
        }
        let store = a.kill().await;
        a = world.start(0, store).await;
        world.until("the gate is open", || a.is_open()).await;
        load(&a, 200..210, Duration::ZERO).await;
        let nodes = [a, b];
        world.settled(&nodes).await;
        all_once(&nodes, 210).await;
    });
}

fn killed_before(lane: &Lane) {
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
        let nodes = world.nodes().await;
        // A relay that does not know that it lost its lease: it publishes the same log once more, frame by frame, some way behind.
        let registry = prometheus::Registry::new();
        let stale = Fluvio::open(world.env.clone(), world.options(0, &registry)).await.unwrap();
        let relaying = async {
            let mut at = [Position::ZERO; SHARDS as usize];
            loop {
                for (shard, at) in (0..).map(ShardId).zip(&mut at) {
                    let frame = nodes[0].source.read(LogId { origin: nodes[0].me, shard }, *at, 2_000).await.unwrap();
                    let end = frame.end();
                    if stale.publish(frame).await.is_ok() {
                        *at = end;
                    }
                }
                world.env.sleep(Duration::from_millis(1)).await;
            }
        };
        let working = async {
            let pause = Duration::from_millis(2);
            join!(load(&nodes[0], 0..800, pause), load(&nodes[1], 0..800, pause));
            world.settled(&nodes).await;
            all_once(&nodes, 1_600).await;
        };
        tokio::select! { () = relaying => {}, () = working => {} }
        let published = registry
            .gather()
            .iter()
            .any(|f| f.name() == "sterna_fluvio_records_published_total" && f.get_metric()[0].get_counter().get_value() > 100.0);
        assert!(published, "the stale relay did nothing");
        assert!(nodes[1].metric("sterna_fluvio_frames_read_total") > 10.0);
        let repeated = ["sterna_fluvio_frames_repeated_total", "sterna_replicate_repeated_entries_total"].map(|name| nodes[1].metric(name));
        assert!(repeated.iter().sum::<f64>() > 0.0, "nobody counted what came twice");
    });
}
