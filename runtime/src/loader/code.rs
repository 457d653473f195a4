//! Code sections: functions, what their instructions refer to, and where their source lines are. Owned, so that an
//! [`super::ObjectFile`] outlives the bytes it was read from.

use opswap_bpf::BtfId;
use opswap_bpf::btf::{CoreRelo, FuncInfo, LineInfo};
use opswap_bpf::program::Linkage;

/// Bytes of a slot.
pub(super) const SLOT: u64 = 8;

/// A section of instructions.
#[derive(Clone, Debug)]
pub(super) struct CodeSection {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// Sorted by offset, one for each offset.
    pub(super) references: Vec<Reference>,
    /// Sorted by offset.
    pub(super) funcs: Vec<FuncInfo>,
    /// Sorted by offset.
    pub(super) lines: Vec<LineInfo>,
    /// Sorted by offset.
    pub(super) relocations: Vec<CoreRelo>,
}

/// What the instruction at a byte offset refers to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference {
    pub(super) offset: u32,
    pub(super) to: Target,
}

/// What a relocation's symbol is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    /// A map, by index.
    Map(u32),
    /// A byte of a map of global data; the instruction's immediate is added.
    Data { map: u32, offset: u32 },
    /// A place in a code section, in bytes; the instruction's immediate is added.
    Code { section: usize, offset: u32 },
    /// An import, by index.
    Extern(usize),
}

/// A function: a range of a code section.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) name: String,
    /// Index of its section.
    pub(super) section: usize,
    /// First byte.
    pub(super) offset: u32,
    /// Bytes.
    pub(super) len: u32,
    /// FUNC in the object's BTF; 0 when unknown.
    pub(super) func: BtfId,
    pub(super) linkage: Linkage,
}

/// The code of an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Code {
    pub(super) sections: Vec<CodeSection>,
    /// Sorted by section and offset, one for each place.
    pub(super) functions: Vec<Function>,
}

impl Code {
    /// Index of the function that begins at a place.
    pub(super) fn function_at(&self, section: usize, offset: u32) -> Option<usize> {
        self.functions
            .binary_search_by_key(&(section, offset), |function| (function.section, function.offset))
            .ok()
    }

    /// The function's bytes.
    pub(super) fn bytes(&self, function: &Function) -> &[u8] {
        let start = function.offset as usize;
        self.sections
            .get(function.section)
            .and_then(|section| section.bytes.get(start..start + function.len as usize))
            .unwrap_or_default()
    }
}

/// The items of a sorted list whose offset lies in a function.
pub(super) fn within<'a, T>(items: &'a [T], function: &Function, offset: impl Fn(&T) -> u32) -> &'a [T] {
    let end = function.offset.saturating_add(function.len);
    let first = items.partition_point(|item| offset(item) < function.offset);
    let after = items.partition_point(|item| offset(item) < end);
    &items[first..after.max(first)]
}
