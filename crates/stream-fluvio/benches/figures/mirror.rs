//! Fluvio's mirroring, measured for decision 0005: what is produced in a remote cluster comes to its home.

use crate::bare::{self, SILENCE};
use crate::cluster::{Binaries, Cluster};
use crate::{EVENTS, RATE, ROUNDS, engine, machine, median};
use std::time::{Duration, Instant};

/// The one remote of each home.
const REMOTE: &str = "remote";
/// While the home was away; 50 MB.
const BACKLOG_EVENTS: u64 = 50_000;
/// A home that has nothing new for so long has what it gets.
const SETTLED: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub async fn measure(binaries: &Binaries) {
    let [home, remote, second] = [(); 3].map(|()| Cluster::start(binaries));
    let direct = [Cluster::start(binaries), Cluster::start(binaries)];
    connect(&home, &remote, "first", &["mirrored0", "mirrored1", "mirrored2", "mirroredlag", "mirroredlate"]);
    until_there(&remote, "mirroredlate").await;
    let (mut direct_rates, mut mirrored_rates) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let followed = engine::together(&direct, &format!("direct{round}")).await;
        let (arrived, came) = arriving(&remote, &home, &format!("mirrored{round}"), EVENTS).await;
        println!(
            "  round {round}: followed directly {followed:.0}/s, all came; mirrored {arrived:.0}/s, {came} of {EVENTS} came; load {}",
            machine()
        );
        direct_rates.push(followed);
        mirrored_rates.push(arrived);
    }
    let [followed, mirrored] = [direct_rates, mirrored_rates].map(median);
    println!("mirrored {mirrored:.0}/s, {:.2} of the {followed:.0}/s followed directly", mirrored / followed);

    let client = bare::client(&direct[0]).await;
    bare::make(&client, "barelag").await;
    println!("at {RATE}/s, bare client, followed directly: {}", bare::lag(&client, &client, "barelag").await);
    let producing = bare::client(&remote).await;
    let mirrored = bare::lag(&producing, &bare::client(&home).await, "mirroredlag").await;
    println!("at {RATE}/s, bare client, mirrored: {mirrored}; load {}", machine());

    home.kill_unit();
    home.kill_controller();
    bare::produce(&producing, "mirroredlate", BACKLOG_EVENTS).await;
    tokio::task::block_in_place(|| home.start_all());
    let (start, (came, last)) = (Instant::now(), settled(&home, "mirroredlate", BACKLOG_EVENTS).await);
    println!("after the home was away: {came} of {BACKLOG_EVENTS} came, the last after {:.1} s", (last - start).as_secs_f64());

    connect(&second, &remote, "second", &["elsewhere"]);
    tokio::time::sleep(SETTLED).await;
    let status = text(&remote, &["home", "status"]);
    println!("connected to a second home:\n{status}topics there:\n{}", text(&remote, &["topic", "list"]));
}

/// Makes topics in `home` that mirror the remote's.
fn connect(home: &Cluster, remote: &Cluster, name: &str, topics: &[&str]) {
    let (remotes, exported) = (home.folder().join("remotes.json"), home.folder().join("home.json"));
    let exported = exported.to_str().unwrap();
    std::fs::write(&remotes, format!("[{REMOTE:?}]")).unwrap();
    home.cli(&["remote", "register", REMOTE]).unwrap();
    home.cli(&["remote", "export", REMOTE, "--file", exported, "--public-endpoint", &home.endpoint(), "--home-id", name]).unwrap();
    for topic in topics {
        home.cli(&["topic", "create", topic, "--mirror-apply", remotes.to_str().unwrap()]).unwrap();
    }
    remote.cli(&["home", "connect", "--file", exported]).unwrap();
}

/// Waits until the remote has the topics that its home mirrors.
async fn until_there(remote: &Cluster, topic: &str) {
    while !text(remote, &["partition", "list"]).contains(topic) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Events a second from the first's production to the last's arrival, and how many arrived.
async fn arriving(remote: &Cluster, home: &Cluster, topic: &str, events: u64) -> (f64, u64) {
    let client = bare::client(remote).await;
    let start = Instant::now();
    let ((), (came, last)) = futures::join!(bare::produce(&client, topic, events), settled(home, topic, events));
    (came as f64 / (last - start).as_secs_f64(), came)
}

/// How many events the partition came to have, and when it had them.
async fn settled(cluster: &Cluster, topic: &str, events: u64) -> (u64, Instant) {
    let mut seen = (0, Instant::now());
    while seen.0 < events && seen.1.elapsed() < SETTLED.max(SILENCE) {
        let now = tokio::task::block_in_place(|| end(cluster, topic));
        if now > seen.0 {
            seen = (now, Instant::now());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    seen
}

/// Where the partition ends, as its controller says.
fn end(cluster: &Cluster, topic: &str) -> u64 {
    let partitions: serde_json::Value = serde_json::from_str(&text(cluster, &["partition", "list", "--output", "json"])).unwrap();
    let name = format!("{topic}-0");
    let partition = partitions.as_array().into_iter().flatten().find(|partition| partition["name"] == name.as_str());
    partition.and_then(|partition| partition["status"]["leader"]["leo"].as_u64()).unwrap_or(0)
}

fn text(cluster: &Cluster, arguments: &[&str]) -> String {
    String::from_utf8_lossy(&cluster.cli(arguments).unwrap()).into_owned()
}
