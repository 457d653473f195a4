//! [`Executable`]: a finished image, ready to be called by the runtime.

use opswap_bpf::{InsnIdx, SubprogId};

use crate::code_memory::CodePages;
use crate::linker::CodeAddr;

/// CFI hash in front of every callback entry; one for all programs, since all callbacks have the same signature.
pub const CALLBACK_CFI_HASH: u32 = 0x5ca1_1bac;

/// What is known of the code of one function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FunctionCode {
    /// Offset of its first byte.
    pub(crate) start: u32,
    /// Offset of the entry for the host, if the program takes its address.
    pub(crate) callback: Option<u32>,
}

/// Where things lie in an image; offsets are from its first byte.
#[derive(Debug)]
pub(crate) struct ImageMap {
    pub(crate) entry: u32,
    pub(crate) cfi_hash: u32,
    pub(crate) functions: Box<[FunctionCode]>,
    /// Per slot; `u32::MAX` where nothing was emitted.
    pub(crate) slots: Box<[u32]>,
    pub(crate) len: usize,
}

/// A compiled program. Its pages are readable and executable, and unmapped on drop: whoever calls into it must hold it.
///
/// Calling is the runtime's business. The entry is `extern "C" fn(context: *mut u8, run: *mut RunHeader) -> u64`; the four bytes
/// in front of it are its CFI hash.
pub struct Executable {
    pages: CodePages,
    map: ImageMap,
}

impl Executable {
    pub(crate) fn new(pages: CodePages, map: ImageMap) -> Self {
        Self { pages, map }
    }

    fn at(&self, offset: u32) -> CodeAddr {
        CodeAddr(self.pages.base() + offset as usize)
    }

    /// The entry of the program.
    pub fn entry(&self) -> CodeAddr {
        self.at(self.map.entry)
    }

    /// The CFI hash in front of the entry.
    pub fn cfi_hash(&self) -> u32 {
        self.map.cfi_hash
    }

    /// The machine code.
    pub fn bytes(&self) -> &[u8] {
        &self.pages.bytes()[..self.map.len]
    }

    /// Bytes of machine code.
    #[expect(clippy::len_without_is_empty, reason = "an image is never empty")]
    pub fn len(&self) -> usize {
        self.map.len
    }

    /// Address of a function of the program. Only compiled code may call it: it expects the run's header in `r12`.
    pub fn subprog(&self, id: SubprogId) -> Option<CodeAddr> {
        self.map.functions.get(id.index()).map(|function| self.at(function.start))
    }

    /// The entry through which the host calls a function whose address the program takes:
    /// `extern "C" fn(r1, r2, r3, r4, r5: u64, run: *mut RunHeader) -> u64`, with [`CALLBACK_CFI_HASH`] in front.
    pub fn callback(&self, id: SubprogId) -> Option<CodeAddr> {
        self.map.functions.get(id.index())?.callback.map(|offset| self.at(offset))
    }

    /// Offset in [`Executable::bytes`] of a slot's code; `None` where there is none.
    pub fn offset_of(&self, slot: InsnIdx) -> Option<u32> {
        self.map.slots.get(slot.index()).copied().filter(|&offset| offset != u32::MAX)
    }

    /// How many slots the program has.
    pub fn slots(&self) -> u32 {
        // Programs have at most a million.
        self.map.slots.len() as u32
    }

    /// The slot to which the code at an offset belongs, for people and profilers.
    pub fn slot_at(&self, offset: u32) -> Option<InsnIdx> {
        let mut best: Option<(u32, InsnIdx)> = None;
        for (slot, &start) in (0..).zip(&self.map.slots) {
            if start <= offset && best.is_none_or(|(known, _)| start >= known) {
                best = Some((start, InsnIdx(slot)));
            }
        }
        best.map(|(_, slot)| slot)
    }
}

impl std::fmt::Debug for Executable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executable")
            .field("entry", &self.entry())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
