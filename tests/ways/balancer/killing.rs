//! A region dies under load, and comes back.

use super::Balancer;
use super::routing::ports;
use crate::load::Load;
use rustix::process::Signal;
use std::time::Duration;
use sterna_env::Env;
use sterna_tests::{Cluster, Options, find};

const THREE: [&str; 3] = ["us-east", "eu-west", "ap-south"];
const SOURCES: [(&str, &str); 3] = [("east", "127.0.1.7"), ("west", "127.0.2.7"), ("south", "127.0.3.7")];
/// After this nobody sees an error any more.
const WITHIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_region_is_killed_under_mixed_load_and_nothing_is_lost_or_doubled_and_errors_end_and_it_gets_its_clients_again() {
    if find("haproxy", "STERNA_HAPROXY", "haproxy").is_none() {
        return;
    }
    let mut cluster = Cluster::start(Options::marks(), &THREE).await;
    let Some(balancer) = Balancer::start(&ports(&cluster)).await else { return };
    for ((_, source), region) in SOURCES.iter().zip(THREE) {
        balancer.reaches(source, region).await;
    }
    let clients = SOURCES.map(|(name, source)| (name, balancer.client(source)));
    let (load, env) = (Load::default(), Env::real());
    let story = async {
        load.more(150).await;
        cluster["eu-west"].kill().await;
        let quiet = env.now() + WITHIN;
        load.more(150).await;
        env.sleep(quiet.saturating_duration_since(env.now())).await;
        load.more(100).await;
        let late = load.errors_since(quiet);
        assert!(late.is_empty(), "errors later than {WITHIN:?} after the kill: {late:?}");

        let back = env.now();
        cluster["eu-west"].start().await;
        balancer.reaches("127.0.2.7", "eu-west").await;
        load.more(100).await;
        assert!(load.errors_since(back).is_empty(), "nobody notices that it comes back: {:?}", load.errors_since(back));
        load.stop();
    };
    tokio::join!(load.run(&clients, 2), story);
    load.is_everywhere_once(&cluster).await;
}

#[tokio::test]
async fn a_region_that_hangs_is_given_up_too() {
    if find("haproxy", "STERNA_HAPROXY", "haproxy").is_none() {
        return;
    }
    let cluster = Cluster::start(Options::marks(), &THREE[..2]).await;
    let Some(balancer) = Balancer::start(&ports(&cluster)).await else { return };
    balancer.reaches("127.0.2.7", "eu-west").await;
    let clients = [("west", balancer.client("127.0.2.7"))];
    let load = Load::default();
    let story = async {
        load.more(40).await;
        let hung = Env::real().now();
        cluster["eu-west"].signal(Signal::STOP);
        load.more(60).await;
        assert!(load.errors_since(hung).is_empty(), "what hangs is sent again elsewhere: {:?}", load.errors_since(hung));
        cluster["eu-west"].signal(Signal::CONT);
        balancer.reaches("127.0.2.7", "eu-west").await;
        load.stop();
    };
    tokio::join!(load.run(&clients, 2), story);
    load.is_everywhere_once(&cluster).await;
}
