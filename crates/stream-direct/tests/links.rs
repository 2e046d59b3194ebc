//! What goes wrong between regions, and what the follower is told.
#![allow(clippy::unwrap_used, reason = "in a test")]

#[allow(dead_code)]
mod cluster;

use cluster::{A, B, C, Config, Region, cluster, regions};
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::Name;
use sterna_env::{Env, Scope};
use sterna_log::{Frame, LogId, Membership, Position, ShardId};
use sterna_stream::{FollowError, Follower, MemoryLog, Repair, Stream};
use sterna_stream_direct::{Direct, Options, PeerAddress, limits};
use tokio::io::AsyncWriteExt;

const LOG: LogId = LogId { origin: A, shard: ShardId(0) };
const SOON: Duration = Duration::from_secs(5);

fn place(n: u64) -> Position {
    let mut commit = [0; 10];
    commit[..8].copy_from_slice(&n.to_be_bytes());
    Position::new(1, commit, 0)
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    Env::real().timeout(SOON, work).await.expect("it takes too long")
}

async fn follow(region: &Region) -> Result<Box<dyn Follower>, FollowError> {
    soon(region.direct.follow(LOG, Position::ZERO)).await
}

/// Waits for the error that ends the follower.
async fn end(follower: &mut Box<dyn Follower>) -> FollowError {
    loop {
        if let Err(error) = soon(follower.next()).await {
            return error;
        }
    }
}

/// The follow error and the text of the region that was refused.
async fn refusal(a: Config, b: Config) -> String {
    let regions = regions(&[("a", a), ("b", b)]).await;
    match follow(&regions[1]).await.map(|_| ()) {
        Err(FollowError::Refused(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn peers_that_disagree_are_told_what_differs() {
    let ab = Config::of(&["a", "b"]);
    let shards = Config { shards: 8, ..ab.clone() };
    assert_eq!(refusal(ab.clone(), shards).await, "shards: 8 in region b, 4 in region a");
    assert_eq!(refusal(ab.clone(), Config::of(&["a", "b", "c"])).await, "members: a,b,c in region b, a,b in region a");
    let secret = Config { secret: Some("s"), ..ab.clone() };
    assert!(refusal(ab, secret).await.starts_with("region b has a secret, region a has none"));
}

#[tokio::test]
async fn a_url_of_another_region_is_told() {
    let regions = cluster(&Config::of(&["a", "b", "c"])).await;
    let lost = client(&regions[2].url);
    let text = "this is region c, b asked for region a";
    assert_eq!(soon(lost.follow(LOG, Position::ZERO)).await.err(), Some(FollowError::Refused(text.into())));
}

#[tokio::test]
async fn a_server_that_is_no_region_is_told() {
    let scope = Scope::new(Env::real());
    let mut listener = Env::real().listen("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local());
    scope.spawn_until_stop(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
        }
    });
    let error = soon(client(&url).follow(LOG, Position::ZERO)).await.err().unwrap();
    assert!(matches!(error, FollowError::Unreachable(_)), "{error}");
    scope.stop().await;
}

/// Region b, with no listener of its own, that believes region a is at `url`.
fn client(url: &str) -> Arc<Direct> {
    let membership = Membership::first(["a", "b", "c"].map(Name::from), 4);
    let peers = vec![PeerAddress { region: A, url: url.into() }];
    let options = Options { me: B, membership: Arc::new(membership), peers, secret: None, registry: None };
    Direct::new(Env::real(), options, Arc::new(MemoryLog::default()))
}

#[tokio::test]
async fn without_an_address_nothing_is_followed() {
    let error = client("not an address").follow(LOG, Position::ZERO).await.err();
    assert!(matches!(&error, Some(FollowError::Refused(text)) if text.contains("http://host:port")), "{error:?}");
    let error = client("http://a:1").follow(LogId { origin: C, ..LOG }, Position::ZERO).await.err();
    assert!(matches!(&error, Some(FollowError::Refused(text)) if text.contains("region c")), "{error:?}");
}

#[tokio::test]
async fn a_cut_ends_follows_in_both_roles_and_heals() {
    let regions = cluster(&Config::of(&["a", "b", "c"])).await;
    for cutter in [0, 1] {
        let (cut, other) = (&regions[cutter].direct, [B, A][cutter]);
        let (mut follower, mut third) = (follow(&regions[1]).await.unwrap(), follow(&regions[2]).await.unwrap());
        soon(follower.next()).await.unwrap();
        cut.cut(other);
        assert!(cut.is_cut(other));
        assert!(matches!(end(&mut follower).await, FollowError::Unreachable(_)));
        assert!(matches!(follow(&regions[1]).await.err(), Some(FollowError::Unreachable(_))));
        assert!(matches!(soon(regions[1].direct.fetch(A, LOG, Position::ZERO)).await, Err(FollowError::Unreachable(_))));
        soon(third.next()).await.unwrap();

        cut.heal(other);
        soon(follow(&regions[1]).await.unwrap().next()).await.unwrap();
    }
}

#[tokio::test]
async fn a_third_region_s_copy_is_fetched() {
    let regions = cluster(&Config::of(&["a", "b", "c"])).await;
    regions[2].log.append(LOG, place(1), vec![7; 100]);
    regions[1].direct.cut(A);
    let frame = soon(regions[1].direct.fetch(C, LOG, Position::ZERO)).await.unwrap();
    assert_eq!((frame.log, frame.end()), (LOG, place(1)));
    regions[2].log.trim(LOG, place(1));
    let expired = soon(regions[1].direct.fetch(C, LOG, Position::ZERO)).await;
    assert_eq!(expired, Err(FollowError::Expired(Position::ZERO)));
}

#[tokio::test]
async fn entries_that_nobody_published_come_within_a_second_or_so() {
    let regions = cluster(&Config::of(&["a", "b"])).await;
    let mut follower = follow(&regions[1]).await.unwrap();
    assert!(soon(follower.next()).await.unwrap().is_heartbeat());
    regions[0].log.append(LOG, place(1), vec![7; 100]);
    while soon(follower.next()).await.unwrap().end() < place(1) {}
}

#[tokio::test]
async fn a_shutdown_ends_followers() {
    let regions = cluster(&Config::of(&["a", "b"])).await;
    let mut follower = follow(&regions[1]).await.unwrap();
    regions[0].direct.shutdown();
    assert!(matches!(end(&mut follower).await, FollowError::Unreachable(_)));
    assert!(matches!(follow(&regions[1]).await.err(), Some(FollowError::Unreachable(_))));
}

#[tokio::test]
async fn a_region_that_died_is_unreachable() {
    let config = Config::of(&["a", "b"]);
    let regions = cluster(&config).await;
    let mut follower = follow(&regions[1]).await.unwrap();
    regions[0].kill().await;
    assert!(matches!(end(&mut follower).await, FollowError::Unreachable(_)));
    assert!(matches!(follow(&regions[1]).await.err(), Some(FollowError::Unreachable(_))));
}

#[tokio::test]
async fn a_frozen_link_is_noticed_and_left() {
    let regions = cluster(&Config::of(&["a", "b", "c"])).await;
    let proxy = Proxy::to(&regions[0].url).await;
    let client = client(&proxy.url);
    let mut follower = soon(client.follow(LOG, Position::ZERO)).await.unwrap();
    soon(follower.next()).await.unwrap();
    proxy.freeze(true);
    let began = Env::real().now();
    assert!(matches!(end(&mut follower).await, FollowError::Unreachable(_)));
    assert!(began.elapsed() < Duration::from_millis(limits::SILENCE_MS_MAX + 500));
    proxy.freeze(false);
    soon(soon(client.follow(LOG, Position::ZERO)).await.unwrap().next()).await.unwrap();
}

#[tokio::test]
async fn a_follower_that_takes_nothing_stops_no_other() {
    let regions = cluster(&Config::of(&["a", "b"])).await;
    for n in 1..=200 {
        for shard in 0..4 {
            regions[0].log.append(LogId { shard: ShardId(shard), ..LOG }, place(n), vec![0; 50_000]);
        }
    }
    let mut idle = Vec::new();
    for shard in [1, 2, 3] {
        idle.push(soon(regions[1].direct.follow(LogId { shard: ShardId(shard), ..LOG }, Position::ZERO)).await.unwrap());
    }
    let mut follower = follow(&regions[1]).await.unwrap();
    while soon(follower.next()).await.unwrap().end() < place(200) {}
}

#[tokio::test]
async fn a_frame_that_is_too_large_is_refused() {
    let regions = cluster(&Config::of(&["a", "b"])).await;
    let mut frame: Frame = regions[0].log.frame(LOG, Position::ZERO, 1).unwrap();
    let bytes = vec![0; limits::FRAME_BYTES_MAX].into();
    frame.entries.push(sterna_log::FrameEntry { position: place(1), bytes });
    let error = regions[0].direct.publish(frame).await.unwrap_err();
    assert!(matches!(error, sterna_stream::PublishError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn metrics_count_by_peer() {
    let registry = prometheus::Registry::new();
    let regions = cluster(&Config::of(&["a", "b", "c"])).await;
    let membership = Arc::new(Membership::first(["a", "b", "c"].map(Name::from), 4));
    let peers = vec![PeerAddress { region: A, url: regions[0].url.clone() }];
    let options = Options { me: B, membership, peers, secret: None, registry: Some(&registry) };
    let counted = Direct::new(Env::real(), options, Arc::new(MemoryLog::default()));
    let mut follower = soon(counted.follow(LOG, Position::ZERO)).await.unwrap();
    soon(follower.next()).await.unwrap();
    let count = |name: &str| {
        let families = registry.gather();
        let family = families.iter().find(|f| f.name() == name).unwrap_or_else(|| panic!("{name} is missing"));
        family.get_metric()[0].get_counter().get_value()
    };
    assert_eq!(count("sterna_stream_connects_total"), 1.0);
    assert!(count("sterna_stream_frames_received_total") >= 1.0);
    assert!(count("sterna_stream_bytes_received_total") > 20.0);
}

/// Forwards bytes until it is frozen; then connections stay open and nothing passes.
struct Proxy {
    url: String,
    frozen: tokio::sync::watch::Sender<bool>,
}

impl Proxy {
    async fn to(url: &str) -> Self {
        let env = Env::real();
        let target = url.trim_start_matches("http://").to_owned();
        let mut listener = env.listen("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local());
        let (frozen, watching) = tokio::sync::watch::channel(false);
        env.clone().spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let there = env.connect(&target).await.unwrap();
                let (from, to) = (tokio::io::split(socket), tokio::io::split(there));
                env.spawn(forward(from.0, to.1, watching.clone()));
                env.spawn(forward(to.0, from.1, watching.clone()));
            }
        });
        Self { url, frozen }
    }

    fn freeze(&self, frozen: bool) {
        self.frozen.send_replace(frozen);
    }
}

async fn forward(
    mut from: impl tokio::io::AsyncRead + Unpin,
    mut to: impl tokio::io::AsyncWrite + Unpin,
    mut frozen: tokio::sync::watch::Receiver<bool>,
) {
    use tokio::io::AsyncReadExt;
    let mut buffer = vec![0; 64 << 10];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        if *frozen.borrow_and_update() {
            return std::future::pending().await;
        }
        if to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}
