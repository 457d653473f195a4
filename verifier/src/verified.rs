//! [`VerifiedProgram`]: the proof as a type, with every fact that the JIT may rely on.

use opswap_bpf::{EntryProto, InsnIdx, Program, SubprogId};

/// What was counted during a verification, in the kernel's words.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// Instructions walked over all paths.
    pub insns_processed: u32,
    /// States kept for pruning, in all.
    pub total_states: u32,
    /// States kept at one time, at most.
    pub peak_states: u32,
}

/// Whether any path reaches an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// No path does: the JIT emits a trap.
    Dead,
    /// Some path does.
    Live,
}

/// What holds at one slot on every path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InsnFacts {
    /// Is it reached?
    pub reach: Reach,
}

/// A function of the program as the JIT compiles it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubprogFacts {
    /// First slot.
    pub start: InsnIdx,
    /// One past the last slot.
    pub end: InsnIdx,
    /// Bytes of stack that it uses, a multiple of 8.
    pub stack_bytes: u32,
}

/// A program that was proved safe. Only [`crate::verify`] makes one.
#[derive(Clone, Debug)]
pub struct VerifiedProgram {
    pub(crate) program: Program,
    pub(crate) entry: EntryProto,
    pub(crate) subprogs: Vec<SubprogFacts>,
    pub(crate) facts: Vec<InsnFacts>,
    pub(crate) stats: Stats,
}

impl VerifiedProgram {
    /// The program itself.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The contract against which it was proved.
    pub fn entry(&self) -> &EntryProto {
        &self.entry
    }

    /// Its functions in order of their start; the first is the entry.
    pub fn subprogs(&self) -> &[SubprogFacts] {
        &self.subprogs
    }

    /// The function that begins at a slot.
    pub fn subprog_at(&self, start: InsnIdx) -> Option<SubprogId> {
        let at = self.subprogs.binary_search_by_key(&start, |subprog| subprog.start).ok()?;
        u32::try_from(at).ok().map(SubprogId)
    }

    /// What holds at a slot.
    pub fn facts(&self, at: InsnIdx) -> Option<&InsnFacts> {
        self.facts.get(at.index())
    }

    /// What was counted.
    pub fn stats(&self) -> Stats {
        self.stats
    }
}
