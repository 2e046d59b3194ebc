//! One suite for every engine: two regions, and a stream from the first to the second.
//!
//! [`crate::stream_conformance!`] expands to one test for each property. A check tells what it expected and what it got by a panic.

mod delivery;
mod fixture;
mod order;

pub use delivery::{a_heartbeat_passes, a_heartbeat_says_all_it_said, an_unknown_shard_is_refused, another_regions_log_is_not_published};
pub use fixture::Fixture;
pub use order::{
    a_follower_resumes_where_it_was, dropping_a_wait_loses_nothing, following_from_the_middle_gives_the_rest, frames_arrive_in_order,
    logs_do_not_mix, ten_megabytes_pass, two_followers_both_get_everything, what_was_published_before_is_followed,
};

/// Runs the whole suite over the fixture that an async expression makes; each test makes its own.
#[macro_export]
macro_rules! stream_conformance {
    ($fixture:expr) => {
        $crate::stream_conformance! { $fixture;
            frames_arrive_in_order
            what_was_published_before_is_followed
            following_from_the_middle_gives_the_rest
            a_follower_resumes_where_it_was
            dropping_a_wait_loses_nothing
            two_followers_both_get_everything
            logs_do_not_mix
            ten_megabytes_pass
            a_heartbeat_passes
            a_heartbeat_says_all_it_said
            an_unknown_shard_is_refused
            another_regions_log_is_not_published
        }
    };
    ($fixture:expr; $($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                $crate::conformance::$name(&$fixture.await).await;
            }
        )*
    };
}
