//! The change feed loses nothing and has no gap.

use crate::models::FLIGHTS;
use crate::projecting::{Step, take};
use crate::world::{Node, WAIT, contents, one, start, start_over};
use bytes::Bytes;
use futures::{FutureExt, Stream, StreamExt};
use serde_json::json;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use sterna_read::{Cursor, FeedFilter, FeedItem};
use sterna_store::{Boxed, CommitError, Committed, Limits, Memory, ReadError, Snapshot, Store, Transaction, Version};
use tokio::sync::watch;

type Feed = Pin<Box<dyn Stream<Item = FeedItem> + Send>>;

fn follow(node: &Node, from: Option<Cursor>) -> Feed {
    Box::pin(node.reads.changes(from, FeedFilter::default()))
}

/// The next change: its cursor, aggregate and the number of its event.
async fn change(feed: &mut Feed) -> (Cursor, String, u64) {
    match feed.next().await.expect("the feed goes on") {
        FeedItem::Change { cursor, id, event, .. } => (cursor, id.to_string(), event.n),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_follower_hears_every_event_once_and_in_order_over_reconnects_and_restarts() {
    let mut node = one(FLIGHTS).await;
    let mut feed = follow(&node, None);
    let (mut heard, mut at): (BTreeMap<String, u64>, Option<Cursor>) = Default::default();
    for round in 0..6u8 {
        for aircraft in 0..8 {
            take(&node, &Step::Fly { aircraft, dest: round }).await;
        }
        // A part is heard before the restart, the rest afterwards.
        for _ in 0..(if round == 5 { 13 } else { 7 }) {
            let (cursor, id, n) = change(&mut feed).await;
            let last = heard.entry(id).or_default();
            assert_eq!(n, *last + 1);
            *last = n;
            at = Some(cursor.to_string().parse().expect("a cursor survives its text"));
        }
        feed = follow(&node, at);
        if round % 2 == 1 {
            drop(feed);
            node.projected().await;
            let (store, read_store) = node.stop().await;
            node = start("one", &["one"], FLIGHTS, store, read_store).await;
            feed = follow(&node, at);
        }
    }
    assert_eq!(heard.values().sum::<u64>(), 48);
}

/// While it is shut, commits can be read before who made them hears of it: a disk answers when it likes.
struct Late {
    store: Arc<Memory>,
    shut: watch::Sender<bool>,
}

impl Store for Late {
    fn limits(&self) -> &Limits {
        self.store.limits()
    }

    fn snapshot(&self) -> Boxed<'_, Result<Box<dyn Snapshot>, ReadError>> {
        self.store.snapshot()
    }

    fn commit(&self, t: Transaction) -> Boxed<'static, Result<Committed, CommitError>> {
        let (committed, mut shut) = (self.store.commit(t), self.shut.subscribe());
        Box::pin(async move {
            let committed = committed.await;
            let _open = shut.wait_for(|shut| !shut).await;
            committed
        })
    }

    fn watch(&self, key: Bytes, seen: Version) -> Boxed<'static, Result<(), ReadError>> {
        self.store.watch(key, seen)
    }
}

#[tokio::test]
async fn a_follower_that_resumes_between_a_commit_and_its_answer_is_not_taken_for_one_who_heard_too_much() {
    let read_store = Arc::new(Memory::default());
    let late = Arc::new(Late { store: read_store.clone(), shut: watch::Sender::new(false) });
    let node = start_over("one", &["one"], FLIGHTS, Memory::default(), read_store, late.clone()).await;
    let mut feed = follow(&node, None);
    take(&node, &Step::Fly { aircraft: 1, dest: 1 }).await;
    let (at, ..) = change(&mut feed).await;
    let pages = async || contents(&*node.read_store, b"f").await.len();
    let before = pages().await;

    late.shut.send_replace(true);
    take(&node, &Step::Fly { aircraft: 2, dest: 1 }).await;
    let env = &node.writer.region().env;
    let committed = async {
        while pages().await == before {
            env.sleep(Duration::from_millis(5)).await;
        }
    };
    env.timeout(WAIT, committed).await.expect("the page is committed");
    let mut resumed = follow(&node, Some(at));
    assert_eq!(resumed.next().now_or_never(), None, "who projected it does not know yet that it is committed");

    late.shut.send_replace(false);
    for aircraft in 2..5 {
        assert_eq!(change(&mut resumed).await.1, format!("N{aircraft}"), "no reset, no gap");
        take(&node, &Step::Fly { aircraft: aircraft + 1, dest: 1 }).await;
    }
}

#[tokio::test]
async fn a_change_names_the_views_that_it_touched_and_the_document_that_it_made() {
    let node = one(FLIGHTS).await;
    let mut feed = follow(&node, None);
    let mut board = Box::pin(node.reads.changes(None, FeedFilter { view: Some("board".into()), ..FeedFilter::default() }));
    let mut aircraft =
        Box::pin(node.reads.changes(None, FeedFilter { kind: Some("aircraft".into()), id: Some("N2".into()), ..FeedFilter::default() }));
    let accepted = node.run("flight", "f-1", "arrive", json!({"arr_delay": 3})).await;
    let FeedItem::Change { kind, id, event, command, etag, views, .. } = feed.next().await.expect("it goes on") else {
        panic!("it is a change")
    };
    assert_eq!((&*kind, &*id, event, &*command, etag), ("flight", "f-1", accepted.event, "arrive", accepted.etag));
    let mut views: Vec<&str> = views.iter().map(|view| &**view).collect();
    views.sort_unstable();
    assert_eq!(views, ["activity", "arrivals", "punctuality", "total"], "not on the board without an origin");
    assert_eq!(node.reads.document("flight", "f-1", None, WAIT).await.expect("what was told is projected").etag, etag);
    take(&node, &Step::Fly { aircraft: 1, dest: 1 }).await;
    take(&node, &Step::Fly { aircraft: 2, dest: 1 }).await;
    take(&node, &Step::Depart { flight: 1, carrier: 1, place: 1, sched_dep: 1 }).await;
    assert!(matches!(board.next().await, Some(FeedItem::Change { command, .. }) if *command == *"depart"));
    assert!(matches!(aircraft.next().await, Some(FeedItem::Change { id, .. }) if *id == *"N2"));
}

#[tokio::test(start_paused = true)]
async fn a_silent_feed_shows_that_it_lives_and_ends_with_the_region() {
    let node = one(FLIGHTS).await;
    take(&node, &Step::Fly { aircraft: 1, dest: 1 }).await;
    node.projected().await;
    let mut feed = follow(&node, None);
    for _ in 0..3 {
        assert!(matches!(feed.next().await, Some(FeedItem::KeepAlive { .. })));
    }
    node.stop().await;
    assert_eq!(feed.next().await, None);
}

#[tokio::test]
async fn a_cursor_of_another_life_and_one_that_is_lost_begin_anew() {
    let node = one(FLIGHTS).await;
    let mut feed = follow(&node, None);
    take(&node, &Step::Fly { aircraft: 1, dest: 1 }).await;
    let (first, ..) = change(&mut feed).await;
    let before = node.read_store.copy();
    take(&node, &Step::Fly { aircraft: 2, dest: 1 }).await;
    let (lost, ..) = change(&mut feed).await;
    let (store, _) = node.stop().await;

    // A power loss takes the newest commits of the read store.
    let node = start("one", &["one"], FLIGHTS, store, before).await;
    let mut feed = follow(&node, Some(first));
    assert_eq!(change(&mut feed).await.1, "N2", "what was heard and kept goes on");
    for aircraft in 3..6 {
        take(&node, &Step::Fly { aircraft, dest: 1 }).await;
    }
    node.projected().await;
    let mut feed = follow(&node, Some(lost));
    assert!(matches!(feed.next().await, Some(FeedItem::Reset { .. })), "what was heard and lost is not numbered again");
    take(&node, &Step::Fly { aircraft: 7, dest: 1 }).await;
    assert_eq!(change(&mut feed).await.1, "N7");

    let (store, _) = node.stop().await;
    let node = start("one", &["one"], FLIGHTS, store, Memory::default()).await;
    node.projected().await;
    let mut feed = follow(&node, Some(first));
    assert!(matches!(feed.next().await, Some(FeedItem::Reset { .. })));
    take(&node, &Step::Fly { aircraft: 1, dest: 2 }).await;
    assert_eq!(change(&mut feed).await.1, "N1");
}

#[tokio::test]
async fn a_power_loss_that_takes_every_page_numbers_none_of_them_again() {
    let node = one(FLIGHTS).await;
    let mut unheard = follow(&node, None);
    let at_first = node.reads.feed_end();
    let empty = node.read_store.copy();
    take(&node, &Step::Fly { aircraft: 1, dest: 1 }).await;
    let (lost, ..) = change(&mut unheard).await;
    let (store, _) = node.stop().await;

    // At a start an engine skips the versions that may have been used and lost.
    for _ in 0..100 {
        let mut skip = Transaction::blind();
        skip.put("~", "");
        empty.commit(skip).await.expect("there is room");
    }
    let node = start("one", &["one"], FLIGHTS, store, empty).await;
    for aircraft in 2..4 {
        take(&node, &Step::Fly { aircraft, dest: 1 }).await;
    }
    node.projected().await;
    let mut feed = follow(&node, Some(lost));
    assert!(matches!(feed.next().await, Some(FeedItem::Reset { .. })), "what it heard is lost, and told again under other numbers");
    let mut feed = follow(&node, Some(at_first));
    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(change(&mut feed).await.1);
    }
    told.sort();
    assert_eq!(told, ["N1", "N2", "N3"], "who had heard nothing goes on");
}
