//! SIGKILL at any moment.

use crate::load::{Load, assert_exactly_once, assert_kept};
use std::time::Duration;
use sterna_env::Env;
use sterna_tests::{Cluster, Options, say};

const ROUNDS: usize = 6;
const ACKED_BEFORE_KILL_MAX: u64 = 400;
const STARTING_MS_MAX: u64 = 250;

#[tokio::test]
async fn after_a_kill_under_load_every_acknowledged_command_is_there_exactly_once() {
    let mut cluster = Cluster::start(Options::marks(), &["us-east", "eu-west", "ap-south"]).await;
    let (load, beside) = (Load::new("killed"), Load::new("beside"));
    let (http, other) = (cluster["us-east"].http(), cluster["eu-west"].http());
    let killing = async {
        load.acknowledged(1_500).await;
        cluster["us-east"].kill().await;
    };
    let stopping = async {
        beside.acknowledged(300).await;
    };
    // The other region goes on; its load ends with its future.
    tokio::join!(load.run(&http), killing, async {
        tokio::select! {
            () = beside.run(&other) => panic!("eu-west stopped answering"),
            () = stopping => {}
        }
    });
    cluster["us-east"].start().await;
    assert_kept(&cluster["us-east"], &load).await;
    // Whatever was on its way when the process died: sent again with its key, it has one effect.
    load.send_again(&cluster["us-east"].http()).await;
    beside.send_again(&cluster["eu-west"].http()).await;
    assert_exactly_once(&cluster, &[&load, &beside]).await;
}

#[tokio::test]
async fn kills_at_random_moments_again_and_again_lose_nothing_and_double_nothing() {
    let mut cluster = Cluster::start(Options::marks(), &["us-east", "eu-west"]).await;
    let env = Env::real();
    let mut loads = Vec::new();
    for round in 0..ROUNDS {
        let (moment, start) = (env.random_u64() % ACKED_BEFORE_KILL_MAX, Duration::from_millis(env.random_u64() % STARTING_MS_MAX));
        let victim = if env.random_u64().is_multiple_of(2) { "us-east" } else { "eu-west" };
        say(&format!("random kills: round {round} kills {victim} after {moment} commands, and {start:?} into its next start"));
        let load = Load::new(format!("round{round}"));
        let http = cluster[victim].http();
        tokio::join!(load.run(&http), async {
            load.acknowledged(moment as usize).await;
            cluster[victim].kill().await;
        });
        // Also a start that is not finished is killed.
        cluster[victim].spawn();
        env.sleep(start).await;
        cluster[victim].kill().await;
        cluster[victim].start().await;
        assert_kept(&cluster[victim], &load).await;
        load.send_again(&cluster[victim].http()).await;
        loads.push(load);
    }
    assert_exactly_once(&cluster, &loads.iter().collect::<Vec<_>>()).await;
}
