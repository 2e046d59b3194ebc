//! Random transactions against a map, with the versions it had.

use std::{collections::BTreeMap, ops::Range};

use bytes::Bytes;

use super::snapshot;
use crate::{CommitError, Page, Pair, Store, Transaction, Version, Write, contains, key_range};

const STEPS: usize = 400;
const KEYS: u64 = 24;

/// A seeded sequence (splitmix64), so that every engine gets the same transactions.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn key(&mut self) -> Bytes {
        let n = self.below(KEYS);
        // Keys of several lengths, so that some are prefixes of others.
        Bytes::from(format!("k{}", &format!("{n:05b}")[..2 + (n % 4) as usize]))
    }

    fn range(&mut self) -> Range<Bytes> {
        let (a, b) = (self.key(), self.key());
        a.clone().min(b.clone())..a.max(b)
    }
}

/// The map, and when each key last changed.
#[derive(Default)]
struct Model {
    now: BTreeMap<Bytes, Bytes>,
    changed: BTreeMap<Bytes, Version>,
}

impl Model {
    fn conflicts(&self, t: &Transaction) -> bool {
        self.changed.iter().any(|(key, version)| *version > t.read_version && t.reads.iter().any(|range| contains(range, key)))
    }

    fn apply(&mut self, t: &Transaction, version: Version) {
        for write in &t.writes {
            match write {
                Write::Put { key, value } => {
                    self.now.insert(key.clone(), value.clone());
                    self.changed.insert(key.clone(), version);
                }
                Write::Clear(range) => {
                    let gone = self.now.extract_if(range.clone(), |_, _| true);
                    self.changed.extend(gone.map(|(key, _)| (key, version)));
                }
                Write::PutStamped { .. } => unreachable!("the generator makes none"),
            }
        }
    }

    fn scan(&self, range: &Range<Bytes>, page: Page) -> Vec<Pair> {
        let own = |(key, value): (&Bytes, &Bytes)| (key.clone(), value.clone());
        let mut pairs: Vec<_> = self.now.range(range.clone()).map(own).collect();
        if page.reverse {
            pairs.reverse();
        }
        pairs.truncate(page.limit);
        pairs
    }
}

fn transaction(random: &mut Random, read_version: Version, step: usize) -> Transaction {
    let mut t = Transaction::new(read_version);
    for _ in 0..random.below(3) {
        match random.below(3) {
            0 => t.read_range(random.range()),
            _ => t.read_key(&random.key()),
        };
    }
    for n in 0..1 + random.below(4) {
        match random.below(8) {
            0 => t.clear(random.range()),
            1 => t.clear(key_range(&random.key())),
            _ => t.put(random.key(), format!("{step}.{n}")),
        };
    }
    t
}

/// Every answer and every snapshot agree with the map's. A clear of an absent key may count as a
/// change of it or not, so only a conflict that the map knows is demanded.
pub async fn random_transactions_agree_with_a_map(store: &dyn Store) {
    let mut random = Random(0x5eed);
    let mut model = Model::default();
    let mut versions = vec![snapshot(store).await.version()];
    let mut refused = 0;
    for step in 0..STEPS {
        let back = random.below(4.min(versions.len() as u64)) as usize;
        let t = transaction(&mut random, versions[versions.len() - 1 - back], step);
        match store.commit(t.clone()).await {
            Ok(committed) => {
                assert!(!model.conflicts(&t), "step {step} missed a conflict: {t:?}");
                model.apply(&t, committed.version);
            }
            Err(CommitError::Conflict { .. }) => {
                assert!(!t.reads.is_empty(), "step {step}: a blind write conflicted");
                assert!(back > 0, "step {step}: nothing was written since");
                refused += 1;
            }
            Err(other) => panic!("step {step}: {other}"),
        }
        versions.push(agree(store, &model, &mut random).await);
    }
    assert!(refused > 0 && refused < STEPS / 2, "{refused} refused");
}

async fn agree(store: &dyn Store, model: &Model, random: &mut Random) -> Version {
    let snapshot = snapshot(store).await;
    let keys = [random.key(), random.key(), random.key()];
    let expected: Vec<_> = keys.iter().map(|key| model.now.get(key).cloned()).collect();
    assert_eq!(snapshot.get_many(&keys).await.unwrap(), expected);
    let page = Page { limit: 1 + random.below(6) as usize, reverse: random.below(2) == 0, ..Page::DEFAULT };
    for range in [random.range(), crate::all_keys()] {
        let pairs = snapshot.scan(range.clone(), page).await.unwrap();
        assert_eq!(pairs, model.scan(&range, page));
    }
    snapshot.version()
}
