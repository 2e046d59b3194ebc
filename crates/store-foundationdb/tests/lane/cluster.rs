//! What takes its time.

use crate::{Lane, Test, contention};

pub fn tests() -> Vec<(&'static str, Test)> {
    let test: (&str, fn(&Lane)) = ("cluster::a_snapshot_and_its_transaction_grow_too_old", contention::ageing);
    vec![test]
}
