//! [`Store`]: values that are made on first use and lent out for as long as the store lives. Append-only, lock-free for
//! readers, without unsafe code: buckets of singly linked nodes that are set once.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::OnceLock;

struct Node<K, V> {
    key: K,
    value: V,
    next: Link<K, V>,
}

/// A place for a node, set once.
type Link<K, V> = OnceLock<Box<Node<K, V>>>;

/// Values by key.
pub(crate) struct Store<K, V> {
    hasher: RandomState,
    buckets: Box<[Link<K, V>]>,
}

const BUCKETS: usize = 1024;

impl<K: Hash + Eq, V> Store<K, V> {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), buckets: (0..BUCKETS).map(|_| OnceLock::new()).collect() }
    }

    fn bucket<Q: Hash + ?Sized>(&self, key: &Q) -> &Link<K, V> {
        let at = self.hasher.hash_one(key) % BUCKETS as u64;
        &self.buckets[at as usize]
    }

    /// The value of a key.
    pub(crate) fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut place = self.bucket(key);
        while let Some(node) = place.get() {
            if node.key.borrow() == key {
                return Some(&node.value);
            }
            place = &node.next;
        }
        None
    }

    /// Adds a value and lends it out; the first value of a key stays.
    pub(crate) fn insert(&self, key: K, value: V) -> &V {
        let mut place = self.bucket(&key);
        let mut node = Some(Box::new(Node { key, value, next: OnceLock::new() }));
        loop {
            if let Some(here) = place.get() {
                match &node {
                    Some(pending) if here.key != pending.key => place = &here.next,
                    // The key was there before, or this node is the one that was placed just now.
                    Some(_) | None => return &here.value,
                }
            } else if let Some(pending) = node.take() {
                node = place.set(pending).err();
            }
        }
    }
}

impl<K, V> std::fmt::Debug for Store<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Store;

    #[test]
    fn first_value_stays() {
        let store: Store<String, u32> = Store::new();
        for n in 0..5_000u32 {
            assert_eq!(*store.insert((n % 2_500).to_string(), n), n % 2_500);
        }
        assert_eq!(store.get("17"), Some(&17));
        assert_eq!(store.get("2500"), None);
    }
}
