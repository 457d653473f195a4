//! [`HashedMap`]: a table whose keys are hashes already. [`Keyed`]: a quick hash with a secret, which makes them.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

/// Values by a hash of what they stand for. The hash is not hashed again, so it has to come from a keyed hasher ([`Keyed`],
/// `RandomState`) wherever strangers choose what is hashed.
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

/// Hashes with a secret of its own, several times as fast as `RandomState`. Who does not know the secret cannot choose keys that
/// collide, which is all that a table needs; no hash of it may leave the process.
#[derive(Clone, Copy, Debug)]
pub struct Keyed {
    start: u64,
    key: u64,
}

impl Default for Keyed {
    fn default() -> Self {
        let random = RandomState::new();
        Self { start: random.hash_one(0_u8), key: random.hash_one(1_u8) }
    }
}

impl BuildHasher for Keyed {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded { state: self.start, key: self.key }
    }
}

/// A hash in the making: each word is mixed in by a multiplication whose halves are folded together, as wyhash does it.
#[derive(Clone, Copy, Debug)]
pub struct Folded {
    state: u64,
    key: u64,
}

impl Folded {
    #[inline]
    fn mix(&mut self, low: u64, high: u64) {
        let product = u128::from(low ^ self.state) * u128::from(high ^ self.key);
        // Both halves, as numbers of 64 bits.
        #[expect(clippy::cast_possible_truncation, reason = "the other half follows")]
        let folded = product as u64 ^ (product >> 64) as u64;
        self.state = folded;
    }
}

/// Up to eight bytes as a number.
#[inline]
fn word(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last));
    }
    bytes.iter().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.state
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        // The length goes in: overlapping ends alone do not tell it.
        self.state = self.state.wrapping_add(bytes.len() as u64);
        let mut rest = bytes;
        while let Some((chunk, after)) = rest.split_first_chunk::<16>()
            && !after.is_empty()
        {
            let [low, high] = halves(chunk);
            self.mix(low, high);
            rest = after;
        }
        match (rest.first_chunk::<8>(), rest.last_chunk::<8>()) {
            (Some(low), Some(high)) => self.mix(u64::from_le_bytes(*low), u64::from_le_bytes(*high)),
            _ => self.mix(word(rest), 0),
        }
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.mix(number, 0);
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

fn halves(chunk: &[u8; 16]) -> [u64; 2] {
    let half = |from: usize| chunk[from..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    [half(0), half(8)]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::{BuildHasher, Hash, Hasher};

    use super::Keyed;

    #[test]
    fn texts_that_are_alike_have_hashes_of_their_own() {
        let keyed = Keyed::default();
        // Each length up to several chunks, each with one byte changed at each place.
        let mut texts = HashSet::new();
        for len in 0..70 {
            let text = vec![b'a'; len];
            for at in 0..len {
                let mut other = text.clone();
                other[at] = b'b';
                texts.insert(other);
            }
            texts.insert(text);
        }
        let hashes: HashSet<u64> = texts.iter().map(|text| keyed.hash_one(text.as_slice())).collect();
        assert_eq!(hashes.len(), texts.len());
    }

    #[test]
    fn what_decides_buckets_is_spread() {
        let keyed = Keyed::default();
        let mut buckets = vec![0_u32; 256];
        for number in 0..25_600_u64 {
            buckets[(keyed.hash_one(number << 12) & 255) as usize] += 1;
        }
        // 100 expected in each; a fair spread stays far from these ends.
        assert!(buckets.iter().all(|&count| (40..200).contains(&count)), "{buckets:?}");
    }

    #[test]
    fn each_table_has_a_secret_of_its_own() {
        let hash = |keyed: Keyed| keyed.hash_one("flow");
        assert_ne!(hash(Keyed::default()), hash(Keyed::default()));
    }

    #[test]
    fn parts_and_their_order_count() {
        let keyed = Keyed::default();
        let hash = |parts: &[&str]| {
            let mut hasher = keyed.build_hasher();
            parts.iter().for_each(|part| part.hash(&mut hasher));
            hasher.finish()
        };
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_ne!(hash(&["a", "b"]), hash(&["b", "a"]));
    }
}
