//! Arrays: values by index, all there from the start, never deleted.

use std::sync::atomic::AtomicU64;

use opswap_bpf::MapProto;

use super::memory::{self, Words};
use super::{UpdateMode, expect};
use crate::error::MapError;

/// Values one after the other, each at a multiple of eight bytes.
#[derive(Debug)]
pub(super) struct ArrayMap {
    values: Words,
    /// Words of a value.
    stride: usize,
    count: u32,
    value_size: usize,
}

impl ArrayMap {
    pub(super) fn new(proto: &MapProto, limit: u64) -> Result<Self, MapError> {
        expect("the key size of an array", u64::from(proto.key_size), "4", |size| size == 4)?;
        expect("the value size of an array", u64::from(proto.value_size), "at least 1", |size| size > 0)?;
        expect("the size of an array", u64::from(proto.max_entries), "at least 1", |size| size > 0)?;
        let value_size = proto.value_size as usize;
        let stride = memory::words_for(value_size);
        let values = Words::zeroed(proto.max_entries as usize, stride, limit)?;
        Ok(Self { values, stride, count: proto.max_entries, value_size })
    }

    pub(super) fn len(&self) -> u32 {
        self.count
    }

    /// Address of a value.
    #[inline]
    pub(super) fn find(&self, index: u32) -> Option<usize> {
        (index < self.count).then(|| self.values.address(index as usize * self.stride))
    }

    fn value(&self, index: u32) -> Result<&[AtomicU64], MapError> {
        if index >= self.count {
            return Err(MapError::Full);
        }
        Ok(self.values.range(index as usize * self.stride, self.stride))
    }

    /// Where the values lie: first byte and number of bytes.
    pub(super) fn value_memory(&self) -> (usize, usize) {
        (self.values.address(0), std::mem::size_of_val(self.values.all()))
    }

    pub(super) fn read(&self, index: u32) -> Option<Vec<u8>> {
        self.value(index).ok().map(|words| memory::load(words, self.value_size))
    }

    /// Writes a value, word by word: a concurrent reader may see some words old and some new, as in the kernel.
    pub(super) fn update(&self, index: u32, value: &[u64], mode: UpdateMode) -> Result<(), MapError> {
        let words = self.value(index)?;
        if mode == UpdateMode::IfAbsent {
            return Err(MapError::Exists);
        }
        super::store_words(words, value);
        Ok(())
    }
}
