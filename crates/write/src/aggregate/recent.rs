//! Which idempotency keys an aggregate may have a record of: for each of the two newest buckets a filter (Bloom, "Space/time trade-offs in
//! hash coding with allowable errors", 1970). A new key on an aggregate that is not in memory then costs no read of records.

use serde::{Deserialize, Serialize};

/// Every key of a record is in it, as record and aggregate are written in one transaction. What this region wrote, not part of the state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RecentKeys {
    bucket: u32,
    newest: u64,
    before: u64,
}

impl RecentKeys {
    pub fn add(&mut self, bucket: u32, key: &str) {
        if bucket > self.bucket {
            let before = if bucket == self.bucket + 1 { self.newest } else { 0 };
            *self = Self { bucket, newest: 0, before };
        }
        if bucket == self.bucket {
            self.newest |= mask(key);
        } else if bucket + 1 == self.bucket {
            self.before |= mask(key);
        }
    }

    /// False only if there is no record of this key in this bucket. Of older buckets nothing is known.
    pub fn may_hold(&self, bucket: u32, key: &str) -> bool {
        let mask = mask(key);
        if bucket >= self.bucket {
            bucket == self.bucket && self.newest & mask == mask
        } else {
            bucket + 1 < self.bucket || self.before & mask == mask
        }
    }
}

/// Two of the 64 bits. They are stored, so the hash is one that never changes.
fn mask(key: &str) -> u64 {
    let hash = blake3::hash(key.as_bytes());
    hash.as_bytes()[..2].iter().fold(0, |mask, byte| mask | 1 << (byte % 64))
}

#[cfg(test)]
mod tests {
    use super::RecentKeys;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_that_was_added_may_be_there(added in prop::collection::vec((0..6_u32, "[a-z]{1,3}"), 0..40)) {
            let mut recent = RecentKeys::default();
            for (at, (bucket, key)) in added.iter().enumerate() {
                recent.add(*bucket, key);
                for (bucket, key) in &added[..=at] {
                    prop_assert!(recent.may_hold(*bucket, key));
                }
            }
        }
    }

    #[test]
    fn most_keys_that_were_not_added_are_known_to_be_new() {
        let mut recent = RecentKeys::default();
        for n in 0..5 {
            recent.add(7, &format!("key-{n}"));
        }
        let taken = (1_000..2_000).filter(|n| recent.may_hold(7, &format!("key-{n}"))).count();
        assert!(taken < 60, "{taken} of 1,000");
        assert!((1_000..2_000).all(|n| !recent.may_hold(6, &format!("key-{n}")) && !recent.may_hold(8, &format!("key-{n}"))));
        assert!(recent.may_hold(5, "key-1000"), "nothing is known of older buckets");
    }
}
