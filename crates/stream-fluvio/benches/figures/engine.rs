//! The engine: frames of 256 events, as a busy relay makes them.

use crate::cluster::Cluster;
use crate::load::{A, B, follow, frame, open, publish};
use crate::{EVENT_BYTES, EVENTS};
use std::time::Instant;
use sterna_log::Frame;

pub struct Rates {
    pub published: f64,
    pub followed: f64,
}

const FRAME_EVENTS: u64 = 256;

/// First everything is published, and then followed.
pub async fn rates(clusters: &[Cluster; 2], topic: &str) -> Rates {
    let (publisher, follower) = (open(A, clusters, topic).await, open(B, clusters, topic).await);
    let frames = frames();
    let start = Instant::now();
    for frame in frames {
        publish(&*publisher, frame).await;
    }
    let published = EVENTS as f64 / start.elapsed().as_secs_f64();
    let start = Instant::now();
    follow(&*follower, 0, EVENTS).await;
    Rates { published, followed: EVENTS as f64 / start.elapsed().as_secs_f64() }
}

/// Events a second from the first's publishing to the last's arrival in the other region.
pub async fn together(clusters: &[Cluster; 2], topic: &str) -> f64 {
    let (publisher, follower) = (open(A, clusters, topic).await, open(B, clusters, topic).await);
    let frames = frames();
    let start = Instant::now();
    let publishing = async {
        for frame in frames {
            publish(&*publisher, frame).await;
        }
    };
    futures::join!(publishing, follow(&*follower, 0, EVENTS));
    EVENTS as f64 / start.elapsed().as_secs_f64()
}

fn frames() -> Vec<Frame> {
    (0..EVENTS).step_by(FRAME_EVENTS as usize).map(|n| frame(n, (n + FRAME_EVENTS).min(EVENTS), EVENT_BYTES)).collect()
}
