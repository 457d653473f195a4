//! [`HashedMap`]: a table whose keys are hashes already.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Values by a hash of what they stand for. The hash is not hashed again, so it has to come from a keyed hasher (`RandomState`)
/// wherever strangers choose what is hashed.
pub type HashedMap<V> = HashMap<u64, V, BuildHasherDefault<Hashed>>;

/// Takes a hash for itself.
#[derive(Clone, Copy, Default, Debug)]
pub struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
