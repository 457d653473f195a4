//! Hash maps: elements are allocated up front and never move, so a value's address stays valid as long as the map.
//!
//! A deleted element may be used again at once while a program still holds the address of its value; it then sees the new
//! element's bytes. That is what the kernel's preallocated maps do, and all that plain bytes need.
//!
//! Lookups take no lock. Each bucket has a sequence number that is odd while its chain changes; a lookup that finds it changed
//! starts again. Updates replace an element rather than overwrite it, so that a host's lookup sees an old or a new value.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};

use opswap_bpf::MapProto;

use super::memory::{self, Words};
use super::{UpdateMode, expect};
use crate::error::MapError;

/// Largest key in bytes (the kernel's limit: a key must fit on a program's stack).
const MAX_KEY: u32 = 512;
/// Locks, each for many buckets.
const LOCKS: usize = 64;
/// Elements beyond the capacity, so that a full map can still replace.
const SPARE: u32 = 16;
/// Lookups without a lock before one is taken.
const ATTEMPTS: u32 = 32;
/// Any odd number with bits all over.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
/// End of a chain.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Bucket {
    /// Odd while the chain changes.
    sequence: AtomicU32,
    /// First element of the chain.
    head: AtomicU32,
}

/// Elements that are in no chain.
#[derive(Debug)]
struct Free {
    /// Elements from this one on were never used.
    fresh: u32,
    recycled: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct HashMap {
    buckets: Box<[Bucket]>,
    locks: Box<[Mutex<()>]>,
    /// INVARIANT 1: an element is in at most one chain or in `free`; its chain changes only under its bucket's lock.
    next: Box<[AtomicU32]>,
    keys: Words,
    values: Words,
    key_words: usize,
    value_words: usize,
    key_size: usize,
    value_size: usize,
    free: Mutex<Free>,
    len: AtomicU32,
    max_entries: u32,
    seed: u64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while one is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HashMap {
    pub(super) fn new(proto: &MapProto, limit: u64) -> Result<Self, MapError> {
        let key = u64::from(proto.key_size);
        expect("the key size of a hash map", key, "1 to 512", |size| {
            (1..=u64::from(MAX_KEY)).contains(&size)
        })?;
        expect("the value size of a hash map", u64::from(proto.value_size), "at least 1", |size| size > 0)?;
        let most = u64::from(NONE - SPARE - 1);
        let entries = u64::from(proto.max_entries);
        expect("the capacity of a hash map", entries, "1 to 2^32 - 18", |size| (1..=most).contains(&size))?;
        let (key_size, value_size) = (proto.key_size as usize, proto.value_size as usize);
        let (key_words, value_words) = (memory::words_for(key_size), memory::words_for(value_size));
        let elements = (proto.max_entries + SPARE) as usize;
        let buckets = (proto.max_entries as usize).next_power_of_two();
        // The tables beside keys and values: 4 bytes an element, 8 a bucket.
        let tables = 4 * elements as u64 + 8 * buckets as u64;
        let left = limit.checked_sub(tables).ok_or(MapError::TooLarge { needed: tables, limit })?;
        let keys = Words::zeroed(elements, key_words, left)?;
        let values = Words::zeroed(elements, value_words, left)?;
        Ok(Self {
            buckets: (0..buckets)
                .map(|_| Bucket { sequence: AtomicU32::new(0), head: AtomicU32::new(NONE) })
                .collect(),
            locks: (0..LOCKS.min(buckets)).map(|_| Mutex::new(())).collect(),
            next: (0..elements).map(|_| AtomicU32::new(NONE)).collect(),
            keys,
            values,
            key_words,
            value_words,
            key_size,
            value_size,
            free: Mutex::new(Free { fresh: 0, recycled: Vec::new() }),
            len: AtomicU32::new(0),
            max_entries: proto.max_entries,
            seed: RandomState::new().hash_one(0_u8),
        })
    }

    pub(super) fn len(&self) -> u32 {
        self.len.load(Ordering::Relaxed)
    }

    fn bucket_of(&self, key: &[u64]) -> usize {
        let mut hash = self.seed;
        for &word in key {
            let wide = u128::from(hash ^ word) * u128::from(MULTIPLIER);
            hash = wide as u64 ^ (wide >> 64) as u64;
        }
        // The number of buckets is a power of two.
        hash as usize & (self.buckets.len() - 1)
    }

    fn lock(&self, bucket: usize) -> MutexGuard<'_, ()> {
        locked(&self.locks[bucket % self.locks.len()])
    }

    fn key(&self, element: u32) -> &[AtomicU64] {
        self.keys.range(element as usize * self.key_words, self.key_words)
    }

    fn value(&self, element: u32) -> &[AtomicU64] {
        self.values.range(element as usize * self.value_words, self.value_words)
    }

    fn next(&self, element: u32) -> &AtomicU32 {
        &self.next[element as usize]
    }

    fn has_key(&self, element: u32, key: &[u64]) -> bool {
        self.key(element).iter().zip(key).all(|(word, wanted)| word.load(Ordering::Relaxed) == *wanted)
    }

    /// Walks a chain. Without the lock the result means something only if the sequence number has not changed.
    fn walk(&self, bucket: usize, key: &[u64]) -> Option<u32> {
        let mut element = self.buckets[bucket].head.load(Ordering::Acquire);
        // A chain that changes under a walk can lead into another one; it has no more links than there are elements.
        for _ in 0..=self.next.len() {
            if element == NONE {
                return None;
            }
            if self.has_key(element, key) {
                return Some(element);
            }
            element = self.next(element).load(Ordering::Acquire);
        }
        None
    }

    /// Runs `look` on the element with this key until the chain did not change meanwhile.
    fn look<R>(&self, key: &[u64], look: impl Fn(Option<u32>) -> R) -> R {
        let bucket = self.bucket_of(key);
        let sequence = &self.buckets[bucket].sequence;
        for _ in 0..ATTEMPTS {
            let before = sequence.load(Ordering::Acquire);
            if before.is_multiple_of(2) {
                let result = look(self.walk(bucket, key));
                fence(Ordering::Acquire);
                if sequence.load(Ordering::Relaxed) == before {
                    return result;
                }
            }
            std::hint::spin_loop();
        }
        let _lock = self.lock(bucket);
        look(self.walk(bucket, key))
    }

    /// Address of a value.
    pub(super) fn find(&self, key: &[u64]) -> Option<usize> {
        self.look(key, |element| Some(self.values.address(element? as usize * self.value_words)))
    }

    /// Where the values lie: first byte and number of bytes.
    pub(super) fn value_memory(&self) -> (usize, usize) {
        (self.values.address(0), std::mem::size_of_val(self.values.all()))
    }

    pub(super) fn read(&self, key: &[u64]) -> Option<Vec<u8>> {
        self.look(key, |element| Some(memory::load(self.value(element?), self.value_size)))
    }

    /// Changes a bucket's chain. The caller holds its lock.
    fn change(&self, bucket: usize, change: impl FnOnce(&AtomicU32)) {
        let Bucket { sequence, head } = &self.buckets[bucket];
        let before = sequence.load(Ordering::Relaxed);
        sequence.store(before.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        change(head);
        sequence.store(before.wrapping_add(2), Ordering::Release);
    }

    fn allocate(&self) -> Option<u32> {
        let mut free = locked(&self.free);
        if let Some(element) = free.recycled.pop() {
            return Some(element);
        }
        let element = free.fresh;
        if element as usize >= self.next.len() {
            return None;
        }
        free.fresh += 1;
        Some(element)
    }

    fn recycle(&self, element: u32) {
        locked(&self.free).recycled.push(element);
    }

    /// Fills an element that is in no chain. Lookups that still walk through it will find their own bucket changed: the fence
    /// puts that change before what they read here.
    fn fill(&self, element: u32, key: &[u64], value: &[u64]) {
        fence(Ordering::Release);
        super::store_words(self.key(element), key);
        super::store_words(self.value(element), value);
    }

    fn unlink(&self, head: &AtomicU32, element: u32) {
        let after = self.next(element).load(Ordering::Relaxed);
        let mut link = head;
        for _ in 0..=self.next.len() {
            let at = link.load(Ordering::Relaxed);
            if at == element {
                link.store(after, Ordering::Release);
                return;
            }
            if at == NONE {
                return;
            }
            link = self.next(at);
        }
    }

    fn link(&self, head: &AtomicU32, element: u32) {
        self.next(element).store(head.load(Ordering::Relaxed), Ordering::Relaxed);
        head.store(element, Ordering::Release);
    }

    pub(super) fn update(&self, key: &[u64], value: &[u64], mode: UpdateMode) -> Result<(), MapError> {
        let bucket = self.bucket_of(key);
        let _lock = self.lock(bucket);
        let old = self.walk(bucket, key);
        match (old, mode) {
            (Some(_), UpdateMode::IfAbsent) => return Err(MapError::Exists),
            (None, UpdateMode::IfPresent) => return Err(MapError::NotFound),
            (None, UpdateMode::Any | UpdateMode::IfAbsent) => return self.insert(bucket, key, value),
            (Some(_), UpdateMode::Any | UpdateMode::IfPresent) => {}
        }
        let Some(old) = old else { return Ok(()) };
        match self.allocate() {
            Some(element) => {
                self.fill(element, key, value);
                self.change(bucket, |head| {
                    self.unlink(head, old);
                    self.link(head, element);
                });
                self.recycle(old);
            }
            // Every spare element is in use by a concurrent replacement.
            None => self.change(bucket, |_| super::store_words(self.value(old), value)),
        }
        Ok(())
    }

    fn insert(&self, bucket: usize, key: &[u64], value: &[u64]) -> Result<(), MapError> {
        let reserve = |len: u32| (len < self.max_entries).then_some(len + 1);
        self.len.fetch_update(Ordering::Relaxed, Ordering::Relaxed, reserve).map_err(|_| MapError::Full)?;
        // At most `max_entries` are linked, and at most one a lock is being replaced.
        let Some(element) = self.allocate() else {
            self.len.fetch_sub(1, Ordering::Relaxed);
            return Err(MapError::Full);
        };
        self.fill(element, key, value);
        self.change(bucket, |head| self.link(head, element));
        Ok(())
    }

    pub(super) fn delete(&self, key: &[u64]) -> Result<(), MapError> {
        let bucket = self.bucket_of(key);
        let _lock = self.lock(bucket);
        let element = self.walk(bucket, key).ok_or(MapError::NotFound)?;
        self.change(bucket, |head| self.unlink(head, element));
        self.recycle(element);
        self.len.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    /// The keys of all elements, bucket by bucket.
    pub(super) fn keys(&self) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        for (at, bucket) in self.buckets.iter().enumerate() {
            let _lock = self.lock(at);
            let mut element = bucket.head.load(Ordering::Relaxed);
            while element != NONE {
                keys.push(memory::load(self.key(element), self.key_size));
                element = self.next(element).load(Ordering::Relaxed);
            }
        }
        keys
    }
}
