//! The concrete world of a run: blocks with gaps between them, so that every stray access faults, and objects that are gone
//! when they were released.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use opswap_bpf::insn::Size;
use opswap_bpf::interp::{Access, Fault, Memory};
use opswap_bpf::{BtfId, TypeRef};

use crate::kept::{Dynptr, Kept, Ledger, Protected};

/// What a block is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Block {
    Context,
    Packet,
    Stack,
    /// A value of this map.
    Value(usize),
    /// A host object.
    Object(TypeRef),
    /// An object of a struct of the program.
    Allocated(BtfId),
    /// Plain memory.
    Memory,
}

/// Who may write a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Writes {
    Allowed,
    Refused,
    /// Only the first so many bytes.
    Below(u64),
}

/// Who accesses memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum By {
    /// A load or store.
    Program,
    /// A function that was given it.
    Callee,
}

struct Mapped {
    block: Block,
    base: u64,
    bytes: Vec<u8>,
    writes: Writes,
    /// References that the program owns and must give back, and those of maps.
    owned: u32,
    in_maps: u32,
    /// Others may have found it.
    seen: Seen,
    /// Of a window: the address of the bytes that it shows, and how many.
    shows: Option<(u64, u32)>,
}

/// Whether a block ever was where others find it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Never,
    InMap,
}

/// What a program may do with a special field by loads and stores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Guard {
    /// Nothing.
    Closed,
    /// Read all of it.
    Owned,
    /// Read or write all of it.
    Pointer,
}

/// All blocks, one a page, in the middle of it.
#[derive(Default)]
pub(crate) struct Heap {
    pages: HashMap<u64, Mapped>,
    frames: Vec<u64>,
    /// Special fields: where they begin and end.
    guards: Vec<(u64, u64, Guard)>,
    next: u64,
    pub(crate) ledger: Ledger,
    /// Whether a load at hand that faults gives 0.
    pub(crate) probing: bool,
}

const PAGE: u64 = 0x1000;
const MIDDLE: u64 = 0x800;
/// Where the first block lies: fits into 32 bits, as packet pointers do.
const FIRST: u64 = 0x4000_0000;
/// Pages between two blocks.
const GAP: u64 = 16;

impl Heap {
    fn page(address: u64) -> u64 {
        address / PAGE
    }

    pub(crate) fn add(&mut self, block: Block, bytes: Vec<u8>, writes: Writes, owned: bool) -> u64 {
        let base = FIRST + self.next * GAP * PAGE + MIDDLE;
        self.next += 1;
        self.pages.insert(
            Self::page(base),
            Mapped {
                block,
                base,
                bytes,
                writes,
                owned: owned.into(),
                in_maps: u32::from(!owned),
                seen: if owned { Seen::Never } else { Seen::InMap },
                shows: None,
            },
        );
        base
    }

    /// The block that begins at an address.
    pub(crate) fn at(&self, address: u64) -> Option<Block> {
        let found = self.pages.get(&Self::page(address))?;
        (found.base == address).then_some(found.block)
    }

    /// All blocks and where they begin.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Block, u64)> {
        self.pages.values().map(|found| (found.block, found.base))
    }

    /// The length of the block that begins at an address.
    pub(crate) fn len(&self, address: u64) -> u64 {
        let bytes = |found: &Mapped| match found.shows {
            Some((_, bytes)) => bytes.into(),
            None => found.bytes.len() as u64,
        };
        self.pages.get(&Self::page(address)).map_or(0, bytes)
    }

    /// Whether the program owns the block that begins at an address.
    pub(crate) fn owns(&self, address: u64) -> bool {
        self.at(address).is_some()
            && self.pages.get(&Self::page(address)).is_some_and(|found| found.owned > 0)
    }

    /// Blocks that the program owns.
    pub(crate) fn owned(&self) -> usize {
        self.pages.values().map(|found| found.owned as usize).sum()
    }

    /// Takes a block away: whoever still follows a pointer to it faults.
    pub(crate) fn free(&mut self, address: u64) {
        self.pages.remove(&Self::page(address));
    }

    /// One more reference of the program.
    pub(crate) fn count(&mut self, address: u64) {
        self.refer(address, |found| found.owned += 1);
    }

    /// The program gives a reference to a map.
    pub(crate) fn give_to_map(&mut self, address: u64) {
        self.refer(address, |found| {
            (found.owned, found.in_maps, found.seen) = (found.owned - 1, found.in_maps + 1, Seen::InMap);
        });
    }

    /// A map gives a reference to the program.
    pub(crate) fn take_from_map(&mut self, address: u64) {
        self.refer(address, |found| (found.owned, found.in_maps) = (found.owned + 1, found.in_maps - 1));
    }

    /// The program drops a reference; the last one takes the block along.
    pub(crate) fn drop_one(&mut self, address: u64) {
        self.refer(address, |found| found.owned -= 1);
        self.free_unless_held(address);
    }

    /// A map drops a reference.
    pub(crate) fn drop_from_map(&mut self, address: u64) {
        self.refer(address, |found| found.in_maps -= 1);
        self.free_unless_held(address);
    }

    fn refer(&mut self, address: u64, change: impl FnOnce(&mut Mapped)) {
        if let Some(found) = self.pages.get_mut(&Self::page(address)).filter(|found| found.base == address) {
            change(found);
        }
    }

    fn free_unless_held(&mut self, address: u64) {
        let Some(found) = self.pages.get(&Self::page(address)) else { return };
        if found.owned + found.in_maps > 0 {
            return;
        }
        // Who loaded it from the map may still look at it.
        let protected = self.ledger.protected == Protected::Always || self.ledger.section.is_some();
        if found.seen == Seen::InMap && protected {
            self.ledger.guarded.push(address);
        } else {
            self.free(address);
        }
    }

    /// What the block is that has this address.
    pub(crate) fn around(&self, address: u64) -> Option<Block> {
        self.pages.get(&Self::page(address)).map(|found| found.block)
    }

    /// A window onto other memory.
    pub(crate) fn view(&mut self, shown: u64, bytes: u32, writes: Writes) -> u64 {
        let base = self.add(Block::Memory, Vec::new(), writes, false);
        if let Some(found) = self.pages.get_mut(&Self::page(base)) {
            found.shows = Some((shown, bytes));
        }
        base
    }

    pub(crate) fn guard(&mut self, at: u64, bytes: u32, guard: Guard) {
        self.guards.push((at, at + u64::from(bytes), guard));
    }

    /// The special field that begins at an address.
    pub(crate) fn guard_at(&self, address: u64) -> Option<Guard> {
        self.guards.iter().find(|(from, ..)| *from == address).map(|(.., guard)| *guard)
    }

    /// Replaces a field of up to eight bytes; what it held.
    pub(crate) fn put(&mut self, at: u64, bytes: u32, value: u64) -> u64 {
        let Ok(found) = self.find(at, bytes, Access::Write) else { return 0 };
        let old = found.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
        found.iter_mut().zip(value.to_le_bytes()).for_each(|(byte, new)| *byte = new);
        old
    }

    /// Whether an access touches special fields as it must not.
    fn intrudes(&self, address: u64, bytes: u32, access: Access, by: By) -> bool {
        let end = address + u64::from(bytes);
        let met = |(from, to, _): &&(u64, u64, Guard)| *from < end && address < *to;
        self.guards.iter().find(met).is_some_and(|&(from, to, guard)| {
            let whole = (from, to) == (address, end) && by == By::Program;
            !match guard {
                Guard::Closed => false,
                Guard::Owned => whole && access == Access::Read,
                Guard::Pointer => whole,
            }
        })
    }

    /// The bytes that an access is about: those that a window shows.
    fn resolve(&self, address: u64, bytes: u32, access: Access) -> Result<u64, Fault> {
        let Some(found) = self.pages.get(&Self::page(address)) else { return Ok(address) };
        let Some((shown, limit)) = found.shows else { return Ok(address) };
        let offset = address.checked_sub(found.base);
        let inside = offset.filter(|offset| offset + u64::from(bytes) <= limit.into());
        let allowed = access == Access::Read || found.writes == Writes::Allowed;
        inside.filter(|_| allowed).map(|offset| shown + offset).ok_or(Fault { address, bytes, access })
    }

    /// Dynptrs end, and their slices with them.
    pub(crate) fn end_dynptrs(&mut self, ends: impl Fn(&Dynptr) -> bool) {
        let views = self.ledger.end_dynptrs(ends);
        views.into_iter().for_each(|view| self.free(view));
    }

    fn disturb(&mut self, from: u64, to: u64) {
        let views = self.ledger.disturb(from, to);
        views.into_iter().for_each(|view| self.free(view));
    }

    fn find(&mut self, address: u64, bytes: u32, access: Access) -> Result<&mut [u8], Fault> {
        let found = self.pages.get_mut(&Self::page(address)).and_then(|found| {
            let start = usize::try_from(address.checked_sub(found.base)?).ok()?;
            let end = start.checked_add(bytes as usize)?;
            let writable = match found.writes {
                Writes::Allowed => true,
                Writes::Refused => false,
                Writes::Below(limit) => end as u64 <= limit,
            };
            (access == Access::Read || writable).then_some(found.bytes.get_mut(start..end)).flatten()
        });
        found.ok_or(Fault { address, bytes, access })
    }

    /// Bytes as the program and the functions that it calls may use them: what the host keeps on a stack is not read, and
    /// lost when it is overwritten.
    pub(crate) fn bytes(
        &mut self,
        address: u64,
        bytes: u32,
        access: Access,
        by: By,
    ) -> Result<&mut [u8], Fault> {
        if bytes == 0 {
            return Ok(&mut []);
        }
        let address = self.resolve(address, bytes, access)?;
        if self.intrudes(address, bytes, access, by) {
            return Err(Fault { address, bytes, access });
        }
        let end = address.saturating_add(bytes.into());
        if self.ledger.meets(address, end) {
            match access {
                Access::Read => return Err(Fault { address, bytes, access }),
                Access::Write => self.disturb(address, end),
            }
        }
        self.find(address, bytes, access)
    }

    /// Keeps an object at a multiple of eight bytes of some stack; whether there was room.
    pub(crate) fn keep(&mut self, address: u64, bytes: u32, kept: Kept) -> bool {
        let on_stack = self.pages.get(&Self::page(address)).is_some_and(|found| found.block == Block::Stack);
        let Ok(found) = self.find(address, bytes, Access::Write) else { return false };
        found.fill(0xcd);
        self.disturb(address, address + u64::from(bytes));
        self.ledger.keep(address, bytes, kept);
        on_stack && address.is_multiple_of(8)
    }

    pub(crate) fn byte(&mut self, address: u64) -> Option<u8> {
        let address = self.resolve(address, 1, Access::Read).ok()?;
        self.find(address, 1, Access::Read).ok().map(|bytes| bytes[0])
    }

    pub(crate) fn read(&mut self, address: u64, size: Size) -> Result<u64, Fault> {
        let bytes = self.find(address, size.bytes(), Access::Read)?;
        Ok(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }
}

/// The heap, shared between the machine, the functions that it calls and the watcher.
#[derive(Clone, Default)]
pub(crate) struct Shared(pub(crate) Rc<RefCell<Heap>>);

impl Memory for Shared {
    fn load(&mut self, address: u64, size: Size) -> Result<u64, Fault> {
        let mut heap = self.0.borrow_mut();
        let probing = heap.probing;
        let bytes = match heap.bytes(address, size.bytes(), Access::Read, By::Program) {
            Ok(bytes) => bytes,
            Err(_) if probing => return Ok(0),
            Err(fault) => return Err(fault),
        };
        Ok(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn store(&mut self, address: u64, size: Size, value: u64) -> Result<(), Fault> {
        let mut heap = self.0.borrow_mut();
        let bytes = heap.bytes(address, size.bytes(), Access::Write, By::Program)?;
        bytes.iter_mut().zip(value.to_le_bytes()).for_each(|(byte, new)| *byte = new);
        Ok(())
    }

    fn push_frame(&mut self, bytes: u32) -> Result<u64, Fault> {
        let mut heap = self.0.borrow_mut();
        // Not zeroes: what was never written must not look harmless.
        let base = heap.add(Block::Stack, vec![0xa5; bytes as usize], Writes::Allowed, false);
        heap.frames.push(base);
        Ok(base + u64::from(bytes))
    }

    fn pop_frame(&mut self) {
        let mut heap = self.0.borrow_mut();
        if let Some(base) = heap.frames.pop() {
            let end = base + heap.len(base);
            heap.disturb(base, end);
            heap.free(base);
        }
    }
}
