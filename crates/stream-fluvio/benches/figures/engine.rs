//! The engine: frames of 256 events, as a busy relay makes them.

use crate::cluster::Cluster;
use crate::load::{A, B, follow, frame, open, publish};
use crate::{EVENT_BYTES, EVENTS};
use std::time::Instant;

pub struct Rates {
    pub published: f64,
    pub followed: f64,
}

const FRAME_EVENTS: u64 = 256;

pub async fn rates(clusters: &[Cluster; 2], topic: &str) -> Rates {
    let (publisher, follower) = (open(A, clusters, topic).await, open(B, clusters, topic).await);
    let frames: Vec<_> =
        (0..EVENTS).step_by(FRAME_EVENTS as usize).map(|n| frame(n, (n + FRAME_EVENTS).min(EVENTS), EVENT_BYTES)).collect();
    let start = Instant::now();
    for frame in frames {
        publish(&*publisher, frame).await;
    }
    let published = EVENTS as f64 / start.elapsed().as_secs_f64();
    let start = Instant::now();
    follow(&*follower, 0, EVENTS).await;
    Rates { published, followed: EVENTS as f64 / start.elapsed().as_secs_f64() }
}
