//! [`Held`]: what a register or a stack slot holds, as far as the generator needs to know; [`Frame`]: all of them.

use crate::ids::TypeRef;
use crate::insn::{Reg, Size};
use crate::proto::MemAccess;

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// Nothing that may be read.
    Nothing,
    /// A number of at most `max`; copies share a `link`.
    Number { max: u64, link: u32 },
    /// The context.
    Context,
    /// An address in this frame's stack, from its frame pointer.
    Stack { offset: i16 },
    /// The caller's buffer of [`BUFFER`] bytes.
    Buffer,
    /// A map's value; `offset` from its start.
    Value { map: usize, offset: i32 },
    /// Plain memory of so many bytes.
    Memory { bytes: u32, access: MemAccess },
    /// A host object.
    Object { ty: TypeRef },
    /// An object of a struct of the program, by its place in the world.
    Allocated { at: usize },
    /// The packet; so many bytes are known to be there.
    Packet { room: u32 },
    /// The packet's end.
    PacketEnd,
    /// The place of a caller's object of the host.
    Lent { id: u32 },
}

/// Bytes of the buffer that subprograms and callbacks are given.
pub(super) const BUFFER: u32 = 16;

/// A value: what it is, whether it may be NULL, and what it hangs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Held {
    pub(super) what: What,
    /// Shared by copies of one pointer that may be NULL; 0 when it may not.
    pub(super) maybe: u32,
    /// The reference that it owns or was borrowed from; 0 for none.
    pub(super) reference: u32,
    /// Whether it is the owner itself.
    pub(super) owner: bool,
}

impl Held {
    pub(super) const NOTHING: Self = Self::of(What::Nothing);

    pub(super) const fn of(what: What) -> Self {
        Self { what, maybe: 0, reference: 0, owner: false }
    }

    pub(super) const fn number(max: u64) -> Self {
        Self::of(What::Number { max, link: 0 })
    }

    pub(super) const fn is_number(self) -> bool {
        matches!(self.what, What::Number { .. })
    }

    pub(super) const fn readable(self) -> bool {
        !matches!(self.what, What::Nothing)
    }

    /// What holds whichever of the two it was.
    fn meet(self, other: Self) -> Self {
        match (self.what, other.what) {
            (What::Number { max: a, link }, What::Number { max: b, link: same }) => {
                let link = if link == same { link } else { 0 };
                Self::of(What::Number { max: a.max(b), link })
            }
            (What::Packet { room: a }, What::Packet { room: b }) => Self::of(What::Packet { room: a.min(b) }),
            _ if self == other => self,
            _ => Self::NOTHING,
        }
    }
}

/// Eight-byte slots of stack that programs use.
pub(super) const SLOTS: usize = 10;

/// Eight-byte slots below these, for objects of the host.
pub(super) const OBJECT_SLOTS: usize = 6;

/// The offset of object slot `slot` from the frame pointer; slot 0 is the lowest.
pub(super) fn object_offset(slot: usize) -> i16 {
    let below = i16::try_from(SLOTS + OBJECT_SLOTS - slot).unwrap_or(0);
    -8 * below
}

/// A slot: a whole value, or bytes that were written one by one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot {
    pub(super) whole: Held,
    /// Bytes that may be read as numbers, one bit each.
    pub(super) bytes: u8,
}

/// What one function holds at one place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    regs: [Held; 10],
    pub(super) slots: [Slot; SLOTS],
}

impl Frame {
    pub(super) const EMPTY: Self =
        Self { regs: [Held::NOTHING; 10], slots: [Slot { whole: Held::NOTHING, bytes: 0 }; SLOTS] };

    pub(super) fn get(&self, reg: Reg) -> Held {
        self.regs.get(reg.index()).copied().unwrap_or(Held::of(What::Stack { offset: 0 }))
    }

    pub(super) fn set(&mut self, reg: Reg, held: Held) {
        if let Some(place) = self.regs.get_mut(reg.index()) {
            *place = held;
        }
    }

    pub(super) fn meet(&self, other: &Self) -> Self {
        let mut both = *self;
        for (held, other) in both.regs.iter_mut().zip(&other.regs) {
            *held = held.meet(*other);
        }
        for (slot, other) in both.slots.iter_mut().zip(&other.slots) {
            slot.whole = slot.whole.meet(other.whole);
            slot.bytes &= other.bytes;
        }
        both
    }

    /// Changes everything that is held.
    pub(super) fn update(&mut self, change: impl Fn(&mut Held)) {
        self.regs.iter_mut().for_each(&change);
        self.slots.iter_mut().for_each(|slot| change(&mut slot.whole));
    }

    /// What hangs on a reference is gone.
    pub(super) fn end(&mut self, reference: u32) {
        self.update(|held| {
            if held.reference == reference {
                *held = Held::NOTHING;
            }
        });
    }

    /// A store of a number to `size` bytes at `within` of a slot.
    pub(super) fn write(&mut self, slot: usize, within: u32, size: Size) {
        let Some(slot) = self.slots.get_mut(slot) else { return };
        if !slot.whole.is_number() {
            slot.bytes = 0;
        }
        slot.whole = Held::NOTHING;
        slot.bytes |= mask(within, size);
    }

    /// Whether `size` bytes at `within` of a slot hold a number.
    pub(super) fn has(&self, slot: usize, within: u32, size: Size) -> bool {
        let wanted = mask(within, size);
        self.slots.get(slot).is_some_and(|slot| slot.bytes & wanted == wanted)
    }

    /// Whether the eight-byte slots from `from` on hold numbers.
    pub(super) fn initialised(&self, from: usize, count: usize) -> bool {
        (from..from + count).all(|slot| self.has(slot, 0, Size::DW))
    }
}

fn mask(within: u32, size: Size) -> u8 {
    let ones = u8::try_from((1_u32 << size.bytes()) - 1).unwrap_or(u8::MAX);
    ones << within
}

/// The offset of slot `slot` from the frame pointer; slot 0 is the lowest.
pub(super) fn slot_offset(slot: usize) -> i16 {
    let below = i16::try_from(SLOTS - slot).unwrap_or(0);
    -8 * below
}
