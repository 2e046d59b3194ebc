//! Several processes of one region, on one or several stores that all of them write.

use crate::cluster::{MODEL, TestRegion, command, memory, open_with};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::RegionId;
use sterna_env::Env;
use sterna_log::{AggregateId, Position, ShardId, shard_of};
use sterna_store::Store;
use sterna_write::{Command, Fence, Refused, Stores, keys};

const MEMBERS: [&str; 2] = ["a", "b"];
const B: RegionId = RegionId(1);
const SHARDS: u16 = 4;

fn with_homes() -> String {
    MODEL.to_owned()
        + "\n[aggregate.payment]\nhome = \"a\"\n[aggregate.payment.fields]\namount = \"int?\"\n[aggregate.payment.commands.charge]\n\
           args = { amount = \"int\" }\neffects = [{ set = \"args.amount\", to = \"amount\" }]\n"
}

/// Two processes of region `a`, whose shards are in two stores, and region `b`.
struct World {
    stores: [Arc<dyn Store>; 2],
    first: TestRegion,
    second: TestRegion,
    b: TestRegion,
}

impl World {
    async fn open() -> Self {
        Self::with(&with_homes(), &with_homes()).await
    }

    async fn with(model: &str, model_of_b: &str) -> Self {
        let stores = [memory(false), memory(false)];
        let both = Stores::new(vec![(0, stores[0].clone()), (2, stores[1].clone())]);
        let open = async || open_with("a", &MEMBERS, both.clone(), model).await.expect("the stores are empty or fit");
        let b = open_with("b", &MEMBERS, memory(true), model_of_b).await.expect("the store is empty");
        Self { stores, first: open().await, second: open().await, b }
    }

    /// Some entries in every shard of `b`.
    async fn b_writes(&self, round: usize) {
        for n in 0..12 {
            let added = self.b.run(&format!("c-{round}-{n}"), "add_item", r#"{"sku":"tea","quantity":1}"#, None).await;
            added.expect("it is valid");
        }
    }

    /// What region `a` has of `b`'s logs, by its stores.
    async fn copied(&self) -> Vec<Position> {
        let mut ends = Vec::new();
        for shard in (0..SHARDS).map(ShardId) {
            let snapshot = self.first.writer.region().store_of(shard).snapshot().await.expect("it can be read");
            let record = sterna_store::get(&*snapshot, &keys::progress::key(shard)).await.expect("it can be read");
            let progress = record.map(|bytes| keys::progress::ShardProgress::decode(&bytes).expect("it was written by this release"));
            ends.push(progress.unwrap_or_default().copied.get(B));
        }
        ends
    }
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let env = Env::real();
    for _ in 0..12_000 {
        if holds().await {
            return;
        }
        env.sleep(Duration::from_millis(5)).await;
    }
    panic!("within a minute it did not come that {what}");
}

fn charge(id: &str) -> Command {
    let aggregate = AggregateId { kind: "payment".into(), id: id.into() };
    Command { aggregate, ..command("", "charge", r#"{"amount":1}"#, None) }
}

#[tokio::test]
async fn a_home_that_one_process_gives_away_is_given_away_by_all() {
    let world = World::open().await;
    for shard in (0..SHARDS).map(ShardId) {
        let id = (0..).map(|n| format!("p-{n}")).find(|id| shard_of("payment", id, SHARDS) == shard).expect("each shard has some");
        world.second.writer.execute(charge(&id)).await.expect("its home is here");
        world.first.writer.hand_over("payment", shard, B).await.expect("it is here");
        let refused = world.second.writer.execute(charge(&id)).await;
        assert!(matches!(refused, Err(Refused::HomeAway { .. })), "{shard:?}: {refused:?}");
        until("the second process knows where to send commands", async || {
            world.second.writer.region().homes().get("payment", shard).is_some_and(|home| home.region == B && home.term == 2)
        })
        .await;
        for (at, store) in world.stores.iter().enumerate() {
            let snapshot = store.snapshot().await.expect("it can be read");
            let record = sterna_store::get(&*snapshot, &keys::home::key("payment", shard)).await.expect("it can be read");
            assert_eq!(record.is_some(), at == usize::from(shard.0 >= 2), "a home's record is in its shard's store: {shard:?}");
        }
    }
}

#[tokio::test]
async fn what_one_process_freezes_no_other_copies() {
    let world = World::open().await;
    let (first, second) = (&world.first, &world.second);
    for round in 0..20 {
        world.b_writes(round).await;
        // The second process takes frames at the very moment.
        let (fence, taken) = tokio::join!(first.writer.freeze(B, RegionId(0)), second.pull(&world.b, B));
        let ends = fence.expect("the stores can be written").ends.expect("it says how much there is");
        assert!(taken.iter().all(Result::is_ok), "{taken:?}");
        assert_eq!(world.copied().await, ends, "round {round}");
        world.b_writes(100 + round).await;
        assert!(second.pull(&world.b, B).await.iter().all(Result::is_ok));
        assert_eq!(world.copied().await, ends, "nothing is copied behind a freeze, round {round}");
        second.writer.thaw(B).await.expect("the stores can be written");
        until("copying goes on", async || {
            assert!(first.pull(&world.b, B).await.iter().all(Result::is_ok));
            world.copied().await.iter().zip(&ends).all(|(now, then)| now > then)
        })
        .await;
    }
}

#[tokio::test]
async fn a_fence_that_one_process_writes_holds_for_all_and_stays() {
    let world = World::open().await;
    let (first, second) = (&world.first, &world.second);
    world.b_writes(0).await;
    first.pull(&world.b, B).await;
    let frozen = first.writer.freeze(B, RegionId(0)).await.expect("the stores can be written");
    first.writer.fence(frozen.clone()).await.expect("the stores can be written");
    world.b_writes(1).await;
    second.pull(&world.b, B).await;
    assert_eq!(Some(world.copied().await), frozen.ends);
    // Who has not heard of it can't undo it.
    second.writer.thaw(B).await.expect("the stores can be read");
    let other = Fence { ends: Some(vec![Position::ZERO; usize::from(SHARDS)]), ..frozen.clone() };
    second.writer.fence(other).await.expect("the stores can be read");
    assert_eq!(second.writer.freeze(B, RegionId(0)).await.expect("the stores can be read"), frozen);
    until("both know", async || [first, second].iter().all(|process| process.writer.region().fence(B) == Some(frozen.clone()))).await;
    let again = open_with("a", &MEMBERS, first.writer.region().stores.clone(), &with_homes()).await.expect("they fit");
    assert_eq!(again.writer.region().fence(B), Some(frozen));
}

#[tokio::test]
async fn what_one_process_finds_void_is_news_to_the_others() {
    let world = World::open().await;
    let shard = shard_of("cart", "c-1", SHARDS);
    for region in [&world.first, &world.b] {
        region.run("c-1", "add_item", r#"{"sku":"tea","quantity":1}"#, Some("twin")).await.expect("the key is free here");
    }
    let verdicts = |process: &TestRegion| process.writer.region().board.verdicts(shard);
    let before = verdicts(&world.second);
    let mut changed = world.second.writer.region().board.subscribe(shard);
    assert!(world.first.pull(&world.b, B).await.iter().all(Result::is_ok));
    assert_eq!(verdicts(&world.first), 1, "one of the twins is void");
    until("the second process counts it", async || verdicts(&world.second) > before).await;
    assert!(changed.has_changed().is_ok_and(|changed| changed), "who follows it is woken");
    changed.borrow_and_update();
    assert_eq!(world.second.state("c-1").await["state"]["items"], json!({ "tea": 1 }));
}

#[tokio::test]
async fn what_one_process_parks_the_others_show() {
    let more = MODEL.to_owned()
        + "\n[aggregate.box.fields]\nsize = \"int?\"\n[aggregate.box.commands.resize]\nargs = { size = \"int\" }\n\
           effects = [{ set = \"args.size\", to = \"size\" }]\n";
    let world = World::with(MODEL, &more).await;
    let unknown = AggregateId { kind: "box".into(), id: "b-1".into() };
    let resize = Command { aggregate: unknown.clone(), ..command("", "resize", r#"{"size":1}"#, None) };
    world.b.writer.execute(resize).await.expect("b has the type");
    assert!(world.first.pull(&world.b, B).await.iter().all(Result::is_ok));
    let shows = |process: &TestRegion| process.writer.region().board.parked().iter().any(|(id, _)| *id == unknown);
    assert!(shows(&world.first));
    until("the second process shows it", async || shows(&world.second)).await;
}
