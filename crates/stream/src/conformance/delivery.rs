//! Heartbeats and refusals.

use super::fixture::{Fixture, heartbeat, place};
use crate::FollowError;
use sterna_crdt::RegionId;
use sterna_log::{Frame, LogId, Position};

pub async fn a_heartbeat_passes(fixture: &Fixture) {
    let log = fixture.log(0);
    fixture.publish(log, 0..1, 10).await;
    let mut follower = fixture.follow(log, place(1)).await;
    for n in 2..5 {
        let sealed = place(n).end_of_commit();
        fixture.publish_frame(Frame { sealed, ..heartbeat(log, place(1)) }).await;
        while fixture.within(follower.next()).await.expect("a frame").sealed < sealed {}
    }
}

pub async fn a_heartbeat_says_all_it_said(fixture: &Fixture) {
    let log = fixture.log(0);
    let said = heartbeat(log, Position::ZERO);
    fixture.publish_frame(said.clone()).await;
    let mut follower = fixture.follow(log, Position::ZERO).await;
    assert_eq!(fixture.within(follower.next()).await.expect("a frame"), said);
}

pub async fn an_unknown_shard_is_refused(fixture: &Fixture) {
    let error = fixture.follow_error(fixture.log(fixture.shards)).await;
    assert!(matches!(error, FollowError::Refused(_)), "{error}");
}

pub async fn another_regions_log_is_not_published(fixture: &Fixture) {
    let log = LogId { origin: RegionId(fixture.origin.0 + 1), ..fixture.log(0) };
    fixture.within(fixture.publisher.publish(heartbeat(log, Position::ZERO))).await.expect_err("it is not this region's log");
}
