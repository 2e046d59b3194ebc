//! A bounded cache of what was used recently.

use std::borrow::Borrow;
use std::hash::Hash;
use sterna_env::HashMap;

/// Keeps what was used since it was last half full, and what was used in the half before that: as good as a list in order of
/// use, without one.
pub(crate) struct Cache<K, V> {
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    weight: usize,
    half: usize,
}

impl<K: Hash + Eq, V> Cache<K, V> {
    /// Entries together weigh at most `weight_max`, but for the last one.
    pub fn new(weight_max: usize) -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), weight: 0, half: weight_max / 2 }
    }

    pub fn holds<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.young.contains_key(key) || self.old.contains_key(key)
    }

    /// Removes an entry; who changes it puts it back.
    pub fn take<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if let Some((value, weight)) = self.young.remove(key) {
            self.weight -= weight;
            return Some(value);
        }
        self.old.remove(key).map(|(value, _)| value)
    }

    pub fn put(&mut self, key: K, value: V, weight: usize) {
        self.old.remove(&key);
        if let Some((_, before)) = self.young.insert(key, (value, weight)) {
            self.weight -= before;
        }
        self.weight += weight;
        if self.weight > self.half {
            self.weight = 0;
            self.old = std::mem::take(&mut self.young);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_was_used_and_drops_the_rest() {
        let mut cache = Cache::new(20);
        for key in 0..100 {
            cache.put(key, key, 1);
            let value = cache.take(&0);
            cache.put(0, value.unwrap_or_default(), 1);
        }
        assert!(cache.holds(&0) && cache.holds(&99) && !cache.holds(&50));
        assert!(cache.young.len() + cache.old.len() <= 22);
        assert_eq!(cache.take(&99), Some(99));
        assert!(!cache.holds(&99));
    }
}
