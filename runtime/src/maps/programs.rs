//! Program arrays: where tail calls find their targets.

use std::sync::{Arc, PoisonError, RwLock, Weak};

use opswap_bpf::MapProto;

use super::expect;
use crate::error::MapError;
use crate::program::ProgramCore;

/// Programs by index. They are not kept alive from here: a program holds its maps, and the two would hold each other for good.
#[derive(Debug)]
pub(super) struct ProgramArray {
    slots: RwLock<Box<[Weak<ProgramCore>]>>,
}

impl ProgramArray {
    pub(super) fn new(proto: &MapProto, limit: u64) -> Result<Self, MapError> {
        expect("the key size of a program array", u64::from(proto.key_size), "4", |size| size == 4)?;
        let needed = u64::from(proto.max_entries) * size_of::<Weak<ProgramCore>>() as u64;
        if needed > limit {
            return Err(MapError::TooLarge { needed, limit });
        }
        Ok(Self { slots: RwLock::new((0..proto.max_entries).map(|_| Weak::new()).collect()) })
    }

    /// The program at an index, kept alive by the result.
    pub(super) fn get(&self, index: u32) -> Option<Arc<ProgramCore>> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.get(index as usize)?.upgrade()
    }

    /// Puts a program at an index; one beyond the end is left out.
    pub(super) fn set(&self, index: u32, program: &Arc<ProgramCore>) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get_mut(index as usize) {
            *slot = Arc::downgrade(program);
        }
    }
}
