//! The concrete world of a run: blocks with gaps between them, so that every stray access faults, and objects that are gone
//! when they were released.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use opswap_bpf::TypeRef;
use opswap_bpf::insn::Size;
use opswap_bpf::interp::{Access, Fault, Memory};

use crate::kept::{Kept, Ledger};

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

struct Mapped {
    block: Block,
    base: u64,
    bytes: Vec<u8>,
    writes: Writes,
    /// Owned by the program, which must give it back.
    owned: bool,
}

/// All blocks, one a page, in the middle of it.
#[derive(Default)]
pub(crate) struct Heap {
    pages: HashMap<u64, Mapped>,
    frames: Vec<u64>,
    next: u64,
    pub(crate) ledger: Ledger,
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
        self.pages.insert(Self::page(base), Mapped { block, base, bytes, writes, owned });
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
        self.pages.get(&Self::page(address)).map_or(0, |found| found.bytes.len() as u64)
    }

    /// Whether the program owns the block that begins at an address.
    pub(crate) fn owns(&self, address: u64) -> bool {
        self.at(address).is_some() && self.pages.get(&Self::page(address)).is_some_and(|found| found.owned)
    }

    /// Blocks that the program owns.
    pub(crate) fn owned(&self) -> usize {
        self.pages.values().filter(|found| found.owned).count()
    }

    /// Takes a block away: whoever still follows a pointer to it faults.
    pub(crate) fn free(&mut self, address: u64) {
        self.pages.remove(&Self::page(address));
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
    pub(crate) fn bytes(&mut self, address: u64, bytes: u32, access: Access) -> Result<&mut [u8], Fault> {
        if bytes == 0 {
            return Ok(&mut []);
        }
        let end = address.saturating_add(bytes.into());
        if self.ledger.meets(address, end) {
            match access {
                Access::Read => return Err(Fault { address, bytes, access }),
                Access::Write => self.ledger.disturb(address, end),
            }
        }
        self.find(address, bytes, access)
    }

    /// Keeps an object at a multiple of eight bytes of some stack; whether there was room.
    pub(crate) fn keep(&mut self, address: u64, bytes: u32, kept: Kept) -> bool {
        let on_stack = self.pages.get(&Self::page(address)).is_some_and(|found| found.block == Block::Stack);
        let Ok(found) = self.find(address, bytes, Access::Write) else { return false };
        found.fill(0xcd);
        self.ledger.keep(address, bytes, kept);
        on_stack && address.is_multiple_of(8)
    }

    pub(crate) fn byte(&mut self, address: u64) -> Option<u8> {
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
        heap.bytes(address, size.bytes(), Access::Read)?;
        heap.read(address, size)
    }

    fn store(&mut self, address: u64, size: Size, value: u64) -> Result<(), Fault> {
        let mut heap = self.0.borrow_mut();
        let bytes = heap.bytes(address, size.bytes(), Access::Write)?;
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
            heap.ledger.disturb(base, end);
            heap.free(base);
        }
    }
}
