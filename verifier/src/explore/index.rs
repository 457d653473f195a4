//! States that were compared in vain too often to be compared with every path: found again by what must be the same.
//!
//! The key of a state hashes what a state that covers another has in common with it nearly always: which registers hold
//! pointers to where, and the known numbers that matter. What matters grows while the walk goes on; the keys are then made anew.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use opswap_bpf::insn::Reg;

use super::kept::KeptId;
use crate::demand::Wants;
use crate::state::covers::Compared;
use crate::state::{RegState, Region, VerifierState};

/// States of one key that are kept at most.
const MAX_SAME: usize = 8;

/// States by their keys.
#[derive(Default)]
pub(super) struct Index {
    /// What mattered when the keys were made.
    wants: Vec<Wants>,
    states: HashMap<u64, Vec<KeptId>, BuildHasherDefault<Quick>>,
}

impl Index {
    pub(super) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Makes all keys anew if something else matters now.
    pub(super) fn refresh(&mut self, wants: &[Wants], key: impl Fn(KeptId) -> Option<u64>) {
        if self.wants == wants {
            return;
        }
        self.wants = wants.to_vec();
        let states = std::mem::take(&mut self.states);
        for id in states.into_values().flatten() {
            if let Some(key) = key(id) {
                self.add(key, id);
            }
        }
    }

    pub(super) fn add(&mut self, key: u64, id: KeptId) {
        let same = self.states.entry(key).or_default();
        if same.len() == MAX_SAME {
            same.remove(0);
        }
        same.push(id);
    }

    /// The states with this key, the oldest first.
    pub(super) fn same(&self, key: u64) -> &[KeptId] {
        self.states.get(&key).map_or(&[], Vec::as_slice)
    }
}

/// A quick hash of few words; nobody gains anything from collisions, which only cost a comparison.
#[derive(Default)]
pub(super) struct Quick(u64);

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    fn write_isize(&mut self, word: isize) {
        self.write_i64(word as i64);
    }

    fn write_i64(&mut self, word: i64) {
        self.write_u64(word.cast_unsigned());
    }
}

/// The key of a state.
pub(super) fn key(state: &VerifierState, compared: impl Fn(usize) -> Compared) -> u64 {
    let mut hash = Quick(0);
    for (at, frame) in state.frames().iter().enumerate() {
        let Compared { live, wants } = compared(at);
        for reg in Reg::ALL.into_iter().filter(|reg| live.contains(*reg)) {
            value(&mut hash, frame.reg(reg), wants.regs.contains(reg));
        }
        for (slot, held) in frame.stack.slots().enumerate() {
            let Some(held) = held.spill.as_deref().filter(|_| wants.live.of_slot(slot) != [false; 2]) else {
                continue;
            };
            let exact = wants.exact.of_slot(slot) != [false; 2];
            if exact || matches!(held, RegState::Pointer(_)) {
                slot.hash(&mut hash);
                value(&mut hash, held, exact);
            }
        }
    }
    hash.finish()
}

fn value(hash: &mut Quick, value: &RegState, exact: bool) {
    match value {
        RegState::NotInit => hash.write_u64(1),
        RegState::Scalar(number) => {
            hash.write_u64(2);
            if let Some(known) = number.value.as_constant().filter(|_| exact) {
                hash.write_u64(known);
            }
        }
        RegState::Pointer(pointer) => {
            hash.write_u64(3);
            // A state that knows less of the memory covers one that knows more.
            let to = match pointer.to {
                Region::Packet { from, .. } => Region::Packet { from, range: 0 },
                Region::Memory { access, .. } => Region::Memory { size: 0, access },
                other @ (Region::Stack(_)
                | Region::Context
                | Region::MapPtr(_)
                | Region::MapValue(_)
                | Region::MapKey(_)
                | Region::Object(_)
                | Region::Allocated(_)
                | Region::Func(_)
                | Region::Dynptr(_)
                | Region::Probed
                | Region::Arena
                | Region::PacketEnd
                | Region::Record { .. }) => other,
            };
            to.hash(hash);
            pointer.offset.hash(hash);
            hash.write_u64(pointer.null as u64);
        }
    }
}
