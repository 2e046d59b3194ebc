//! The store's conformance suite, each case on a store of its own.

use crate::{Lane, Test, block_on};
use sterna_store::conformance;

macro_rules! suite {
    ($($module:ident: $($case:ident)*;)*) => {
        /// As `sterna_store::conformance!` names them.
        pub fn tests() -> Vec<(&'static str, Test)> {
            vec![$($((concat!("conformance::", stringify!($module), "::", stringify!($case)), |lane: &Lane| {
                block_on(async {
                    let store = lane.open(lane.shared()).await;
                    conformance::$module::$case(store.as_ref()).await;
                });
            })),*),*]
        }
    };
}

suite! {
    snapshots:
        sees_nothing_at_first
        sees_what_was_committed_before
        is_isolated_from_later_commits
        versions_never_go_back
        keeps_the_order_of_keys
    ;
    conflicts:
        lost_update_is_refused
        untouched_reads_commit
        write_skew_is_refused
        phantom_is_refused
        clear_conflicts_with_reads_in_it
        removed_key_conflicts
        blind_writes_never_conflict
        conflicting_keys_are_reported
        stamped_keys_conflict
        old_read_versions_are_never_wrong
        future_read_versions_are_refused
        empty_ranges_never_conflict
        a_transaction_without_writes_is_checked
    ;
    writes:
        later_writes_win
        clear_removes_its_range_alone
        clear_sees_earlier_writes
        all_or_nothing
        empty_values_are_values
    ;
    stamps:
        stamp_is_written_where_told
        stamped_keys_are_in_commit_order
        one_transaction_has_one_stamp
        stamps_grow
    ;
    scans:
        pages_forward
        pages_backward
        cuts_by_bytes
        empty_ranges_are_empty
        bounds_are_half_open
    ;
    limits:
        the_greatest_is_taken
        what_is_larger_is_refused
        reserved_keys_are_refused
        misplaced_stamps_are_refused
    ;
    watches:
        fires_on_change
        fires_when_already_changed
        fires_on_clear
        fires_for_everybody
    ;
    concurrency:
        counter_is_linearizable
        commits_keep_program_order
        bank_keeps_its_total
    ;
    model:
        random_transactions_agree_with_a_map
    ;
}
