//! What retention took away is not passed over in silence.

use crate::load::{A, B, LOG, PATIENCE, follow, frame, open, options, place, publish, try_open};
use crate::{Lane, Test, block_on};
use std::time::Duration;
use sterna_env::Env;
use sterna_stream::{FollowError, Stream};
use sterna_stream_fluvio::{Options, Retention};

pub fn tests() -> Vec<(&'static str, Test)> {
    vec![("expiry::what_retention_took_is_expired", expired)]
}

fn expired(lane: &Lane) {
    let clusters = lane.shared();
    block_on(async {
        let retention = Retention { seconds: 3_600, bytes_max: 8 << 20 };
        let publisher = try_open(Options { retention, ..options(A, clusters, "expiry") }).await.unwrap();
        let follower = open(B, clusters, "expiry").await;
        publish(&*publisher, frame(0, 1, 100)).await;
        // It reads one frame, and then it is too slow.
        let mut slow = follower.follow(LOG, place(0)).await.unwrap();
        slow.next().await.unwrap();
        for n in 1..200 {
            publish(&*publisher, frame(n, n + 1, 500_000)).await;
        }
        let env = Env::real();
        let found = async {
            loop {
                match follower.follow(LOG, place(1)).await {
                    Err(FollowError::Expired(at)) => return at,
                    Ok(_) | Err(FollowError::Unreachable(_)) => env.sleep(Duration::from_millis(500)).await,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        let at = env.timeout(PATIENCE, found).await.expect("the oldest segment goes");
        assert_eq!(at, place(1));
        let mut reached = place(1);
        // It gets what follows on what it has, or it is told; when a segment ends the server may also hang up on it.
        while reached < place(200) {
            match env.timeout(PATIENCE, slow.next()).await.expect("it is told") {
                Ok(frame) => {
                    assert!(frame.after <= reached, "it is told of no hole");
                    reached = frame.end();
                }
                Err(FollowError::Expired(_)) => break,
                Err(FollowError::Unreachable(_)) => {
                    env.sleep(Duration::from_millis(100)).await;
                    match follower.follow(LOG, reached).await {
                        Ok(again) => slow = again,
                        Err(FollowError::Unreachable(_)) => {}
                        Err(FollowError::Expired(_)) => break,
                        Err(error) => panic!("{error}"),
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
        // What is there is followed.
        follow(&*follower, 195, 200).await;
    });
}
