//! A frame's stack at byte grain: what each byte holds, and whole registers that were spilled.
//!
//! Slot `n` covers the eight bytes from `fp - 8 * (n + 1)`. Slots are made when they are first written; a missing one is
//! uninitialised. Within a slot, byte 0 is the lowest address. A spilled register occupies bytes `0..size` of its slot.
//!
//! Slots are kept in chunks that copies of a stack share, so that a write copies a few of them only.

use std::rc::Rc;

use super::held::Held;
use super::objects::{ObjectKind, StackObject};
use super::reg::RegState;

/// What one byte of the stack holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Byte {
    /// Nothing: never written on this path.
    Invalid,
    /// Some number.
    Misc,
    /// Zero.
    Zero,
    /// Part of the slot's spilled register.
    Spill,
    /// Part of an object of the host.
    Object,
}

/// Eight bytes of stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slot {
    /// Its bytes, the lowest address first.
    pub bytes: [Byte; 8],
    /// The spilled register, while some byte is [`Byte::Spill`].
    pub spill: Option<Held>,
    /// Number of the spilled register's identity; 0 without one.
    name: u32,
}

impl Slot {
    /// Nothing was written.
    pub(super) const EMPTY: Self = Self { bytes: [Byte::Invalid; 8], spill: None, name: 0 };

    /// How many bytes the spilled register takes; 0 without one.
    pub fn spilled_bytes(&self) -> usize {
        self.bytes.iter().take_while(|byte| **byte == Byte::Spill).count()
    }

    /// The spilled register if it takes all eight bytes.
    pub fn whole_spill(&self) -> Option<&RegState> {
        (self.spilled_bytes() == 8).then_some(self.spill.as_deref()).flatten()
    }

    /// Whether a spilled pointer has bytes here.
    pub fn holds_pointer(&self) -> bool {
        matches!(self.spill.as_deref(), Some(RegState::Pointer(_)))
    }

    /// Whether both are alike for sure.
    pub fn same(&self, other: &Self) -> bool {
        let spills = match (&self.spill, &other.spill) {
            (Some(one), Some(other)) => one.same(other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        spills && self.bytes == other.bytes
    }

    /// Puts a register in the place of another one.
    fn put(&mut self, reg: Held) {
        self.name = reg.identity().number();
        self.spill = Some(reg);
    }

    /// Forgets the spilled register; its bytes become plain ones, but those of a pointer must not be read as a number.
    fn dissolve(&mut self) {
        let Some(reg) = self.spill.take() else { return };
        self.name = 0;
        let plain = match *reg {
            RegState::NotInit | RegState::Pointer(_) => Byte::Invalid,
            RegState::Scalar(_) if reg.is_null() => Byte::Zero,
            RegState::Scalar(_) => Byte::Misc,
        };
        for byte in &mut self.bytes {
            if *byte == Byte::Spill {
                *byte = plain;
            }
        }
    }
}

/// Slots that are shared, and copied, together.
const CHUNK: usize = 8;

type Chunk = [Slot; CHUNK];

/// A frame's stack.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stack {
    /// The upper 512 bytes.
    chunks: [Option<Rc<Chunk>>; 8],
    /// Chunks below, where a host gives that much.
    below: Vec<Rc<Chunk>>,
    /// Slots that were made so far: the first ones of the chunks.
    made: usize,
    /// Live objects, the lowest first.
    objects: Vec<StackObject>,
}

/// Slot and byte of an offset below the frame pointer, or `None` for 0 and above.
fn locate(offset: i64) -> Option<(usize, usize)> {
    let below = usize::try_from(offset.checked_neg()?).ok()?;
    let above_bottom = below.checked_sub(1)?;
    Some((above_bottom / 8, 7 - above_bottom % 8))
}

impl Stack {
    /// A chunk; one that was never written is empty.
    fn chunk(&self, number: usize) -> &Chunk {
        const EMPTY: &Chunk = &[const { Slot::EMPTY }; CHUNK];
        let chunk = match self.chunks.get(number) {
            Some(chunk) => chunk.as_deref(),
            None => self.below.get(number - self.chunks.len()).map(|chunk| &**chunk),
        };
        chunk.unwrap_or(EMPTY)
    }

    /// Slots that were made so far.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        let chunks = (0..self.made.div_ceil(CHUNK)).map(|number| self.chunk(number));
        chunks.flatten().take(self.made)
    }

    /// How many slots were made so far.
    pub fn made(&self) -> usize {
        self.made
    }

    /// A slot, if it was made.
    pub fn slot(&self, index: usize) -> Option<&Slot> {
        if index < self.made { self.chunk(index / CHUNK).get(index % CHUNK) } else { None }
    }

    /// The slots whose spilled registers have the identity with this number.
    pub fn named(&self, name: u32) -> impl Iterator<Item = (usize, &RegState)> {
        let named = self.slots().enumerate().filter(move |(_, slot)| slot.name == name);
        named.filter_map(|(at, slot)| Some((at, slot.spill.as_deref()?)))
    }

    /// Objects that live here, the lowest first.
    pub fn objects(&self) -> &[StackObject] {
        &self.objects
    }

    /// The object that begins at `offset`.
    pub fn object_at(&self, offset: i64) -> Option<&StackObject> {
        self.objects.iter().find(|object| object.offset == offset)
    }

    /// Objects with bytes within `from..to`.
    pub fn objects_within(&self, from: i64, to: i64) -> impl Iterator<Item = &StackObject> {
        self.objects.iter().filter(move |object| object.meets(from, to))
    }

    /// Puts an object where nothing else is needed any more; whatever was there ends.
    pub fn place(&mut self, object: StackObject) {
        self.fill(object.offset, object.size, Byte::Object);
        let at = self.objects.partition_point(|other| other.offset < object.offset);
        self.objects.insert(at, object);
    }

    /// Gives the object at `offset` another state.
    pub fn change(&mut self, offset: i64, kind: ObjectKind) {
        if let Some(object) = self.objects.iter_mut().find(|object| object.offset == offset) {
            object.kind = kind;
        }
    }

    /// Ends every object for which `ended` holds; its bytes are uninitialised then.
    pub fn end_objects(&mut self, ended: impl Fn(&StackObject) -> bool) {
        if !self.objects.iter().any(&ended) {
            return;
        }
        let (gone, kept) = self.objects.iter().partition(|object| ended(object));
        self.objects = kept;
        let gone: Vec<StackObject> = gone;
        for object in gone {
            for at in object.offset..object.end() {
                let Some((slot, byte)) = locate(at) else { continue };
                self.slot_mut(slot).bytes[byte] = Byte::Invalid;
            }
        }
    }

    /// The slot that begins at `offset`, a multiple of 8.
    pub fn slot_at(&self, offset: i64) -> Option<&Slot> {
        let (slot, byte) = locate(offset)?;
        if byte == 0 { self.slot(slot) } else { None }
    }

    /// The slot that covers the byte at `offset`, and which of its bytes that is.
    pub fn covering(&self, offset: i64) -> Option<(&Slot, usize)> {
        let (slot, byte) = locate(offset)?;
        self.slot(slot).map(|slot| (slot, byte))
    }

    /// What the byte at `offset` holds.
    pub fn byte(&self, offset: i64) -> Byte {
        locate(offset)
            .and_then(|(slot, byte)| Some(*self.slot(slot)?.bytes.get(byte)?))
            .unwrap_or(Byte::Invalid)
    }

    fn slot_mut(&mut self, index: usize) -> &mut Slot {
        self.made = self.made.max(index + 1);
        let chunk = self.chunk_mut(index / CHUNK);
        &mut Rc::make_mut(chunk)[index % CHUNK]
    }

    fn chunk_mut(&mut self, number: usize) -> &mut Rc<Chunk> {
        let empty = || Rc::new([const { Slot::EMPTY }; CHUNK]);
        if let Some(number) = number.checked_sub(self.chunks.len()) {
            if self.below.len() <= number {
                self.below.resize_with(number + 1, empty);
            }
            return &mut self.below[number];
        }
        self.chunks[number].get_or_insert_with(empty)
    }

    /// Makes the slots down to `offset` exist, without writing them.
    pub fn reserve(&mut self, offset: i64) {
        if let Some((slot, _)) = locate(offset) {
            self.slot_mut(slot);
        }
    }

    /// Ends the objects that have bytes within `offset..offset + size`.
    fn overwrite(&mut self, offset: i64, size: u32) {
        let end = offset + i64::from(size);
        self.end_objects(|object| object.meets(offset, end));
    }

    /// Writes one kind of byte over `offset..offset + size`; registers spilled and objects that live there are forgotten.
    pub fn fill(&mut self, offset: i64, size: u32, kind: Byte) {
        self.overwrite(offset, size);
        for at in offset..offset + i64::from(size) {
            let Some((slot, byte)) = locate(at) else { return };
            let slot = self.slot_mut(slot);
            slot.dissolve();
            slot.bytes[byte] = kind;
        }
    }

    /// Spills a register of `size` bytes at `offset`, a multiple of 8.
    pub fn spill(&mut self, offset: i64, size: u32, reg: RegState) {
        let Some((slot, _)) = locate(offset) else { return };
        self.overwrite(offset, size);
        let slot = self.slot_mut(slot);
        slot.dissolve();
        let size = size as usize;
        for byte in slot.bytes.iter_mut().take(size) {
            *byte = Byte::Spill;
        }
        slot.put(Held::new(reg));
    }

    /// A write of unknown place within `offset..offset + size`: every byte may have been overwritten.
    ///
    /// Registers spilled and objects that live there are forgotten. A byte that was zero stays so only when `kind` is zero; a byte that was
    /// invalid stays invalid, for it may not have been written.
    pub fn smear(&mut self, offset: i64, size: u32, kind: Byte) {
        self.overwrite(offset, size);
        for at in offset..offset + i64::from(size) {
            let Some((slot, byte)) = locate(at) else { return };
            let slot = self.slot_mut(slot);
            slot.dissolve();
            slot.bytes[byte] = match (slot.bytes[byte], kind) {
                (Byte::Invalid, _) => Byte::Invalid,
                (Byte::Zero, Byte::Zero) => Byte::Zero,
                (Byte::Zero | Byte::Misc | Byte::Spill | Byte::Object, _) => Byte::Misc,
            };
        }
    }

    /// Replaces every spilled register for which `wider` gives a looser value than the one that `old` has in the same slot.
    pub fn widen(&mut self, old: &Self, wider: impl Fn(usize, &RegState, &RegState) -> Option<RegState>) {
        let changes: Vec<(usize, RegState)> = self
            .slots()
            .zip(old.slots())
            .enumerate()
            .filter(|(_, (new, old))| new.spilled_bytes() == old.spilled_bytes())
            .filter_map(|(at, (new, old))| {
                Some((at, wider(at, old.spill.as_deref()?, new.spill.as_deref()?)?))
            })
            .collect();
        for (at, reg) in changes {
            self.slot_mut(at).put(Held::new(reg));
        }
    }

    /// Changes every spilled register for which `change` gives a new value; [`RegState::NotInit`] makes its bytes invalid.
    pub fn update(&mut self, mut change: impl FnMut(&RegState) -> Option<RegState>) {
        let changes: Vec<(usize, RegState)> = self
            .slots()
            .enumerate()
            .filter_map(|(at, slot)| Some((at, change(slot.spill.as_deref()?)?)))
            .collect();
        self.replace(changes);
    }

    /// The same, for those with the identity of this number.
    pub fn update_named(&mut self, name: u32, mut change: impl FnMut(&RegState) -> Option<RegState>) {
        let changes: Vec<(usize, RegState)> =
            self.named(name).filter_map(|(at, reg)| Some((at, change(reg)?))).collect();
        self.replace(changes);
    }

    fn replace(&mut self, changes: Vec<(usize, RegState)>) {
        for (at, reg) in changes {
            let slot = self.slot_mut(at);
            slot.put(Held::new(reg));
            if reg == RegState::NotInit {
                slot.dissolve();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found_from_the_frame_pointer_down() {
        assert_eq!(locate(-8), Some((0, 0)));
        assert_eq!(locate(-1), Some((0, 7)));
        assert_eq!(locate(-9), Some((1, 7)));
        assert_eq!(locate(-512), Some((63, 0)));
        assert_eq!(locate(0), None);
        assert_eq!(locate(i64::MIN), None);
    }

    #[test]
    fn overwriting_any_byte_of_a_spill_forgets_it() {
        for byte in 0..8 {
            let mut stack = Stack::default();
            stack.spill(-8, 8, RegState::unknown());
            stack.fill(-8 + byte, 1, Byte::Zero);
            let slot = stack.slot_at(-8).expect("was written");
            assert_eq!(slot.spill, None);
            for other in 0..8 {
                let expected = if other == byte { Byte::Zero } else { Byte::Misc };
                assert_eq!(stack.byte(-8 + other), expected);
            }
        }
    }

    #[test]
    fn a_write_of_unknown_place_initialises_nothing() {
        let mut stack = Stack::default();
        stack.fill(-8, 4, Byte::Zero);
        stack.smear(-16, 16, Byte::Misc);
        assert_eq!(stack.byte(-16), Byte::Invalid);
        assert_eq!(stack.byte(-8), Byte::Misc);
        assert_eq!(stack.byte(-4), Byte::Invalid);
    }
}
