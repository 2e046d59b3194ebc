//! The idempotency keys of an aggregate: the newest are in its own record, so that an aggregate with few commands has no other records to
//! write, to read and to clear. Older ones have records of their own; of these, a filter for each of the two newest buckets knows which
//! keys have none (Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970), so that a new key costs no read.

use crate::keys::idem::IdemRecord;
use crate::limits::{RECENT_KEYS_BYTES_MAX, RECENT_KEYS_MAX};
use serde::{Deserialize, Serialize};
use sterna_crdt::Name;

/// What this region wrote, not part of the state.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RecentKeys {
    /// The last ones, oldest first.
    recent: Vec<Recent>,
    others: Filter,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Recent {
    pub bucket: u32,
    pub key: Name,
    pub record: IdemRecord,
}

/// Every key that has a record of its own is in it, as that is written in one transaction with the aggregate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Filter {
    bucket: u32,
    newest: u64,
    before: u64,
}

impl RecentKeys {
    /// Returns those that get records of their own, to make room.
    #[must_use]
    pub(crate) fn add(&mut self, added: Recent) -> Vec<Recent> {
        match self.recent.iter_mut().find(|recent| recent.bucket == added.bucket && recent.key == added.key) {
            Some(recent) => recent.record = added.record,
            None => self.recent.push(added),
        }
        let mut bytes: usize = self.recent.iter().map(Recent::bytes).sum();
        let mut left = self.recent.len();
        let out_of_room = |recent: &&Recent| {
            let is_out = left > RECENT_KEYS_MAX || bytes > RECENT_KEYS_BYTES_MAX;
            (left, bytes) = (left - 1, bytes - recent.bytes());
            is_out
        };
        let count = self.recent.iter().take_while(out_of_room).count();
        let moved: Vec<Recent> = self.recent.drain(..count).collect();
        moved.iter().for_each(|recent| self.others.add(recent.bucket, &recent.key));
        moved
    }

    /// What is in the aggregate's record.
    pub(crate) fn remove(&mut self, bucket: u32, key: &str) {
        self.recent.retain(|recent| recent.bucket != bucket || *recent.key != *key);
    }

    /// What a key did, if that is in the aggregate's record.
    pub(crate) fn get(&self, bucket: u32, key: &str) -> Option<&IdemRecord> {
        self.recent.iter().find(|recent| recent.bucket == bucket && *recent.key == *key).map(|recent| &recent.record)
    }

    /// False only if the key has no record of its own in this bucket. Of older buckets nothing is known.
    pub fn may_have_record(&self, bucket: u32, key: &str) -> bool {
        self.others.may_hold(bucket, key)
    }
}

impl Recent {
    /// In the aggregate's record, about.
    fn bytes(&self) -> usize {
        24 + self.key.len() + 20 * self.record.dots.len() + self.record.answer.as_ref().map_or(0, String::len)
    }
}

impl Filter {
    fn add(&mut self, bucket: u32, key: &str) {
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

    fn may_hold(&self, bucket: u32, key: &str) -> bool {
        let bits = if bucket == self.bucket {
            self.newest
        } else if bucket + 1 == self.bucket {
            self.before
        } else {
            return bucket < self.bucket;
        };
        bits != 0 && {
            let mask = mask(key);
            bits & mask == mask
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
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn recent(bucket: u32, key: &str, stamp: u8) -> Recent {
        let record = IdemRecord { body_hash: [stamp; 16], dots: Default::default(), answer: None };
        Recent { bucket, key: key.into(), record }
    }

    proptest! {
        #[test]
        fn what_a_key_did_is_in_the_record_or_moved_to_one_of_its_own(
            added in prop::collection::vec((0..6_u32, "[a-z]{1,3}|[a-z]{200}"), 0..60),
        ) {
            let (mut keys, mut own, mut expected) = (RecentKeys::default(), BTreeMap::new(), BTreeMap::new());
            for (at, (bucket, key)) in added.iter().enumerate() {
                let added = recent(*bucket, key, at as u8);
                expected.insert((*bucket, key.clone()), added.record.clone());
                for moved in keys.add(added) {
                    own.insert((moved.bucket, moved.key.to_string()), moved.record);
                }
                prop_assert!(keys.recent.len() <= RECENT_KEYS_MAX);
                prop_assert!(keys.recent.iter().map(Recent::bytes).sum::<usize>() <= RECENT_KEYS_BYTES_MAX);
                for ((bucket, key), record) in &expected {
                    let elsewhere = || own.get(&(*bucket, key.clone())).filter(|_| keys.may_have_record(*bucket, key));
                    prop_assert_eq!(keys.get(*bucket, key).or_else(elsewhere), Some(record));
                }
            }
        }
    }

    #[test]
    fn most_keys_that_were_not_added_are_known_to_be_new() {
        let mut filter = Filter::default();
        for n in 0..5 {
            filter.add(7, &format!("key-{n}"));
        }
        let taken = (1_000..2_000).filter(|n| filter.may_hold(7, &format!("key-{n}"))).count();
        assert!(taken < 60, "{taken} of 1,000");
        assert!((1_000..2_000).all(|n| !filter.may_hold(6, &format!("key-{n}")) && !filter.may_hold(8, &format!("key-{n}"))));
        assert!(filter.may_hold(5, "key-1000"), "nothing is known of older buckets");
    }
}
