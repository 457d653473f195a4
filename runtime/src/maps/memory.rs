//! [`Words`]: memory that programs and host threads use at the same time, and the reads of memory that a program passes.
//!
//! Host code touches such memory through relaxed atomics alone, so a race between threads is a race between atomics: values may be
//! torn, as in the kernel, but nothing is undefined. Compiled programs use plain loads, stores and locked instructions on the same
//! addresses; to Rust they are what another process writing to shared memory would be.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::error::MapError;

/// Bytes of a word.
pub(super) const WORD: usize = 8;

/// Words that hold `bytes` bytes.
pub(super) const fn words_for(bytes: usize) -> usize {
    bytes.div_ceil(WORD)
}

/// Zeroed 64-bit words with a stable address.
#[derive(Debug)]
pub(crate) struct Words {
    /// INVARIANT 1: points to `len` words, allocated with `layout(len)`, and nothing but atomics is ever made of them.
    base: NonNull<AtomicU64>,
    len: usize,
}

// SAFETY: shared words are atomics; ownership of the allocation may move between threads.
unsafe impl Send for Words {}
// SAFETY: as above.
unsafe impl Sync for Words {}

impl Words {
    /// `count` times `words` words, if that is at most `limit` bytes.
    pub(super) fn zeroed(count: usize, words: usize, limit: u64) -> Result<Self, MapError> {
        let needed = (count as u64).saturating_mul(words as u64).saturating_mul(WORD as u64);
        let too_large = || MapError::TooLarge { needed, limit };
        if needed > limit {
            return Err(too_large());
        }
        let len = count.checked_mul(words).ok_or_else(too_large)?;
        let layout = Layout::array::<AtomicU64>(len).map_err(|_| too_large())?;
        if len == 0 {
            return Ok(Self { base: NonNull::dangling(), len });
        }
        // SAFETY: the layout is not empty.
        let base = unsafe { alloc_zeroed(layout) };
        let base = NonNull::new(base.cast::<AtomicU64>()).ok_or_else(too_large)?;
        // Programs reach the words by address.
        let _ = base.as_ptr().expose_provenance();
        Ok(Self { base, len })
    }

    /// All words.
    #[inline]
    pub(super) fn all(&self) -> &[AtomicU64] {
        // SAFETY: INVARIANT 1; zeroed bytes are initialised atomics, and they live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.len) }
    }

    /// Words `at..at + len`; empty when they are not all there.
    #[inline]
    pub(super) fn range(&self, at: usize, len: usize) -> &[AtomicU64] {
        at.checked_add(len).and_then(|end| self.all().get(at..end)).unwrap_or_default()
    }

    /// Address of word `at` as a program may use it.
    #[inline]
    pub(super) fn address(&self, at: usize) -> usize {
        self.base.as_ptr().addr() + at * WORD
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        if let Ok(layout) = Layout::array::<AtomicU64>(self.len)
            && self.len != 0
        {
            // SAFETY: INVARIANT 1: allocated with this layout, and `self` is the only owner.
            unsafe { dealloc(self.base.as_ptr().cast(), layout) };
        }
    }
}

/// Reads the first `len` bytes of words.
pub(super) fn load(words: &[AtomicU64], len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes()).collect();
    bytes.truncate(len);
    bytes
}

/// Bytes that a program passed by address, read as whole words, the last one filled up with zeros.
///
/// # Safety
/// `len` bytes from `address` are mapped and stay so during the call, and any Rust references to them are to atomics or cells.
pub(crate) unsafe fn read_passed(address: usize, len: usize, into: &mut [u64]) {
    let base = std::ptr::with_exposed_provenance_mut::<u8>(address);
    let aligned = address.is_multiple_of(WORD);
    for (at, word) in into.iter_mut().enumerate().take(words_for(len)) {
        let from = base.wrapping_add(at * WORD);
        let left = (len - at * WORD).min(WORD);
        *word = if left == WORD && aligned {
            // SAFETY: eight aligned bytes within `len`; the memory may be written concurrently, so the load is atomic.
            unsafe { AtomicU64::from_ptr(from.cast()) }.load(Ordering::Relaxed)
        } else if left == 4 && address.is_multiple_of(4) {
            // SAFETY: four aligned bytes within `len`.
            u64::from(unsafe { AtomicU32::from_ptr(from.cast()) }.load(Ordering::Relaxed))
        } else {
            let mut bytes = [0; WORD];
            for (offset, byte) in bytes.iter_mut().enumerate().take(left) {
                // SAFETY: a byte within `len`.
                *byte = unsafe { AtomicU8::from_ptr(from.wrapping_add(offset)) }.load(Ordering::Relaxed);
            }
            u64::from_ne_bytes(bytes)
        };
    }
}
