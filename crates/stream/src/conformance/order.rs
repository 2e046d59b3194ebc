//! Entries: all of them, in the order of their log.

use super::fixture::{Fixture, place};
use std::time::Duration;
use sterna_log::Position;

pub async fn frames_arrive_in_order(fixture: &Fixture) {
    let log = fixture.log(0);
    let mut follower = fixture.follow(log, Position::ZERO).await;
    for n in 0..50 {
        fixture.publish(log, 2 * n..2 * n + 2, 100).await;
    }
    fixture.collect(log, &mut follower, 0, 100, 100).await;
}

pub async fn what_was_published_before_is_followed(fixture: &Fixture) {
    let log = fixture.log(0);
    for n in 0..20 {
        fixture.publish(log, n..n + 1, 50).await;
    }
    let mut follower = fixture.follow(log, Position::ZERO).await;
    fixture.collect(log, &mut follower, 0, 20, 50).await;
    fixture.publish(log, 20..21, 50).await;
    fixture.collect(log, &mut follower, 20, 21, 50).await;
}

pub async fn following_from_the_middle_gives_the_rest(fixture: &Fixture) {
    let log = fixture.log(0);
    for n in 0..10 {
        fixture.publish(log, 3 * n..3 * n + 3, 50).await;
    }
    for known in [0, 1, 13, 15, 29] {
        let mut follower = fixture.follow(log, place(known)).await;
        fixture.collect(log, &mut follower, known, 30, 50).await;
    }
}

pub async fn a_follower_resumes_where_it_was(fixture: &Fixture) {
    let log = fixture.log(0);
    let mut known = 0;
    for round in 1..=5 {
        let mut follower = fixture.follow(log, place(known)).await;
        fixture.publish(log, known..round * 10, 50).await;
        fixture.collect(log, &mut follower, known, round * 10, 50).await;
        known = round * 10;
    }
}

pub async fn dropping_a_wait_loses_nothing(fixture: &Fixture) {
    let log = fixture.log(0);
    let mut follower = fixture.follow(log, Position::ZERO).await;
    fixture.publish(log, 0..40, 50_000).await;
    let mut reached = 0;
    while reached < 40 {
        if let Some(frame) = fixture.env.timeout(Duration::from_micros(200), follower.next()).await {
            let frame = frame.expect("a frame");
            assert!(frame.is_heartbeat() || frame.after <= place(reached), "a frame was lost");
            reached += frame.entries.iter().filter(|e| e.position > place(reached)).count() as u64;
        }
    }
}

pub async fn two_followers_both_get_everything(fixture: &Fixture) {
    let log = fixture.log(1);
    let mut first = fixture.follow(log, Position::ZERO).await;
    fixture.publish(log, 0..5, 100).await;
    let mut second = fixture.follow(log, Position::ZERO).await;
    fixture.publish(log, 5..10, 100).await;
    fixture.collect(log, &mut first, 0, 10, 100).await;
    fixture.collect(log, &mut second, 0, 10, 100).await;
}

pub async fn logs_do_not_mix(fixture: &Fixture) {
    let (one, other) = (fixture.log(0), fixture.log(1));
    let mut follower = fixture.follow(one, Position::ZERO).await;
    let mut others = fixture.follow(other, Position::ZERO).await;
    for n in 0..10 {
        fixture.publish(one, n..n + 1, 40).await;
        fixture.publish(other, n..n + 1, 40).await;
    }
    fixture.collect(one, &mut follower, 0, 10, 40).await;
    fixture.collect(other, &mut others, 0, 10, 40).await;
}

/// 200 frames of 50 kB, then one of 1 MB, while another shard's follower takes nothing.
pub async fn ten_megabytes_pass(fixture: &Fixture) {
    let (log, idle) = (fixture.log(0), fixture.log(1));
    let _takes_nothing = fixture.follow(idle, Position::ZERO).await;
    fixture.publish(idle, 0..100, 50_000).await;
    let mut follower = fixture.follow(log, Position::ZERO).await;
    let publishing = async {
        for n in 0..200 {
            fixture.publish(log, n..n + 1, 50_000).await;
        }
        fixture.publish(log, 200..220, 50_000).await;
    };
    futures::join!(publishing, fixture.collect(log, &mut follower, 0, 220, 50_000));
}
