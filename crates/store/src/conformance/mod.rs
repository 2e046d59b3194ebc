//! What every engine must do, as one suite: [`conformance!`](crate::conformance!) expands to one
//! test a case, each on a fresh, empty store.
//!
//! ```text
//! async fn open() -> std::sync::Arc<dyn sterna_store::Store> { … }
//! sterna_store::conformance!(open);
//! ```
//!
//! The cases panic when an engine is wrong, as tests do.

#![allow(clippy::unwrap_used, reason = "a test suite fails by panicking")]

pub mod concurrency;
pub mod conflicts;
pub mod limits;
pub mod model;
pub mod scans;
pub mod snapshots;
pub mod stamps;
pub mod watches;
pub mod writes;

use bytes::Bytes;

use crate::{Committed, Snapshot, Store, Transaction, get, scan_all};

/// One `#[tokio::test]` for each case, on the store that `$open` (an async function without
/// arguments, giving `Arc<dyn Store>`) returns. The caller depends on tokio and futures.
#[macro_export]
macro_rules! conformance {
    ($open:expr) => {
        $crate::conformance!(@module $open, snapshots:
            sees_nothing_at_first, sees_what_was_committed_before, is_isolated_from_later_commits,
            versions_never_go_back, keeps_the_order_of_keys);
        $crate::conformance!(@module $open, conflicts:
            lost_update_is_refused, untouched_reads_commit, write_skew_is_refused,
            phantom_is_refused, clear_conflicts_with_reads_in_it, removed_key_conflicts,
            blind_writes_never_conflict, conflicting_keys_are_reported, stamped_keys_conflict,
            old_read_versions_are_never_wrong, future_read_versions_are_refused,
            empty_ranges_never_conflict, a_transaction_without_writes_is_checked);
        $crate::conformance!(@module $open, writes:
            later_writes_win, clear_removes_its_range_alone, clear_sees_earlier_writes,
            all_or_nothing, empty_values_are_values);
        $crate::conformance!(@module $open, stamps:
            stamp_is_written_where_told, stamped_keys_are_in_commit_order,
            one_transaction_has_one_stamp, stamps_grow);
        $crate::conformance!(@module $open, scans:
            pages_forward, pages_backward, cuts_by_bytes, empty_ranges_are_empty,
            bounds_are_half_open);
        $crate::conformance!(@module $open, limits:
            the_greatest_is_taken, what_is_larger_is_refused, reserved_keys_are_refused,
            misplaced_stamps_are_refused);
        $crate::conformance!(@module $open, watches:
            fires_on_change, fires_when_already_changed, fires_on_clear, fires_for_everybody);
        $crate::conformance!(@module $open, concurrency:
            counter_is_linearizable, commits_keep_program_order, bank_keeps_its_total);
        $crate::conformance!(@module $open, model: random_transactions_agree_with_a_map);
    };
    (@module $open:expr, $module:ident: $($case:ident),+) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[tokio::test]
                async fn $case() {
                    let store = $open().await;
                    $crate::conformance::$module::$case(store.as_ref()).await;
                }
            )+
        }
    };
}

async fn snapshot(store: &dyn Store) -> Box<dyn Snapshot> {
    store.snapshot().await.unwrap()
}

async fn value(store: &dyn Store, key: &'static str) -> Option<Bytes> {
    get(snapshot(store).await.as_ref(), &key.into()).await.unwrap()
}

async fn put(store: &dyn Store, key: &'static str, value: &'static str) -> Committed {
    let mut t = Transaction::blind();
    t.put(key, value);
    store.commit(t).await.unwrap()
}

/// A transaction on the newest snapshot.
async fn begin(store: &dyn Store) -> Transaction {
    Transaction::new(snapshot(store).await.version())
}

async fn all_keys(store: &dyn Store) -> Vec<String> {
    let pairs = scan_all(snapshot(store).await.as_ref(), crate::all_keys()).await.unwrap();
    let text = |key: Bytes| String::from_utf8_lossy(&key).into_owned();
    pairs.into_iter().map(|(key, _)| text(key)).collect()
}

/// The range between two texts.
fn range(start: &'static str, end: &'static str) -> std::ops::Range<Bytes> {
    start.into()..end.into()
}
