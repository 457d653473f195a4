//! [`Slots`]: stack slots whose content is still in a register, so that reading them back is a move.
//!
//! Only whole accesses at constant distances from the frame pointer count. Everything that might write the stack in another way
//! (a store through a computed address, a call, an atomic operation) forgets all slots.

use opswap_bpf::Insn;
use opswap_bpf::insn::{Extend, Reg, Size, Src};

use crate::ir::{Address, Op};

/// How many slots are remembered; the oldest goes first.
const MAX_SLOTS: usize = 8;

/// The low `size` bytes of `reg` are what lies at `offset` from the frame pointer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Slot {
    offset: i32,
    size: Size,
    reg: Reg,
}

impl Slot {
    fn overlaps(self, offset: i32, size: Size) -> bool {
        let (start, end) = (i64::from(self.offset), i64::from(self.offset) + i64::from(self.size.bytes()));
        let other = i64::from(offset);
        start < other + i64::from(size.bytes()) && other < end
    }
}

/// What is known of the stack.
#[derive(Clone, Default, Debug)]
pub(super) struct Slots {
    known: [Option<Slot>; MAX_SLOTS],
    next: usize,
}

/// The distance from the frame pointer, if that is all there is to an address.
fn on_stack(address: Address) -> Option<i32> {
    (address.base == Some(Reg::FP) && address.index.is_none()).then_some(address.offset)
}

impl Slots {
    /// The register that holds what a load would load (its upper bits are not part of that).
    pub(super) fn holder(&self, size: Size, extend: Extend, address: Address) -> Option<Reg> {
        let offset = on_stack(address)?;
        let whole = matches!((size, extend), (Size::DW, _) | (Size::W, Extend::Zero));
        let found = self.known.iter().flatten().find(|slot| slot.offset == offset && slot.size == size)?;
        whole.then_some(found.reg)
    }

    /// Takes notice of an operation, in its final shape.
    pub(super) fn after(&mut self, op: &Op) {
        let writes = op.effects().writes;
        self.forget(|slot| writes.contains(slot.reg));
        match *op {
            Op::Store { size, address, src } => match on_stack(address) {
                Some(offset) => {
                    self.forget(|slot| slot.overlaps(offset, size));
                    if let Src::Reg(reg) = src {
                        self.remember(Slot { offset, size, reg });
                    }
                }
                None => self.forget(|_| true),
            },
            Op::Load { size, extend: Extend::Zero, dst, address } => {
                if let Some(offset) = on_stack(address) {
                    self.forget(|slot| slot.offset == offset && slot.size == size);
                    self.remember(Slot { offset, size, reg: dst });
                }
            }
            Op::Insn(insn) => {
                if !is_register_only(&insn) {
                    self.forget(|_| true);
                }
            }
            Op::Nothing
            | Op::Dead
            | Op::Refused
            | Op::Load { .. }
            | Op::Lea { .. }
            | Op::Rotate { .. }
            | Op::Jump { .. }
            | Op::Branch { .. } => {}
        }
    }

    fn remember(&mut self, slot: Slot) {
        self.known[self.next] = Some(slot);
        self.next = (self.next + 1) % MAX_SLOTS;
    }

    fn forget(&mut self, which: impl Fn(&Slot) -> bool) {
        for slot in &mut self.known {
            if slot.as_ref().is_some_and(&which) {
                *slot = None;
            }
        }
    }
}

/// Does it leave all memory alone?
fn is_register_only(insn: &Insn) -> bool {
    matches!(
        insn,
        Insn::Alu { .. }
            | Insn::Mov { .. }
            | Insn::MovSx { .. }
            | Insn::Neg { .. }
            | Insn::ByteSwap { .. }
            | Insn::LoadImm64 { .. }
            | Insn::LoadAcquire { .. }
    )
}
