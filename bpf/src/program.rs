//! [`Program`]: a linked but unproved program, exactly what the verifier takes.

use std::sync::Arc;

use crate::btf::Btf;
use crate::ids::{BtfId, InsnIdx, OpIdx};
use crate::insn::Insn;
use crate::map::MapProto;

/// What a program is for; the host maps it to an [`crate::EntryProto`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ProgramKind {
    /// An operation of a struct_ops table.
    StructOps {
        /// Name of the table's type (`cong_ops`).
        ops: String,
        /// Which operation.
        op: OpIdx,
    },
    /// One of the host's program types by section name (`xdp`, `tc`, `tp_btf/sched_switch` …).
    Named(String),
}

/// A function of the program. The first begins at slot 0 and is the entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subprog {
    /// First slot.
    pub start: InsnIdx,
    /// Name, for people.
    pub name: String,
    /// FUNC in the program's BTF; 0 when unknown.
    pub func: BtfId,
    /// How the verifier treats it.
    pub linkage: Linkage,
}

/// Linkage of a function (`enum btf_func_linkage`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Linkage {
    /// Verified at each call site, in the caller's state.
    Static,
    /// Verified once on its own, by its BTF prototype.
    Global,
    /// Declared only.
    Extern,
}

/// Source line of an instruction, from BTF.ext.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceLine {
    /// First slot that the line covers.
    pub insn: InsnIdx,
    /// File as the compiler knew it.
    pub file: Arc<str>,
    /// The line's text.
    pub text: Arc<str>,
    /// Line number, from 1.
    pub line: u32,
    /// Column, from 1; 0 when unknown.
    pub column: u32,
}

/// Licence of the object, for helpers and kfuncs that ask for one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum License {
    /// Compatible with the GPL by the kernel's list.
    Gpl,
    /// Anything else.
    Other,
}

bitflags::bitflags! {
    /// Load flags, with the kernel's bits (`BPF_F_*`).
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
    pub struct LoadFlags: u32 {
        /// Every access must be aligned.
        const STRICT_ALIGNMENT = 1 << 0;
        /// No alignment demands.
        const ANY_ALIGNMENT = 1 << 1;
        /// Keep a state at every instruction (for tests of pruning).
        const TEST_STATE_FREQ = 1 << 3;
        /// The program may sleep.
        const SLEEPABLE = 1 << 4;
        /// Fail on an impossible register state instead of widening it.
        const TEST_REG_INVARIANTS = 1 << 7;
    }
}

/// A linked program: maps are [`crate::insn::MapRef::Idx`], kfunc calls carry the host's ids.
#[derive(Clone, Debug)]
pub struct Program {
    /// Name in the object file.
    pub name: String,
    /// What it is for.
    pub kind: ProgramKind,
    /// All slots of the entry and of every subprogram it reaches.
    pub insns: Vec<Insn>,
    /// Declared functions, sorted by start; may be empty when the object has no BTF.
    pub subprogs: Vec<Subprog>,
    /// The maps that it names.
    pub maps: Vec<Arc<MapProto>>,
    /// The object's BTF.
    pub btf: Option<Arc<Btf>>,
    /// Source lines, sorted by slot.
    pub lines: Vec<SourceLine>,
    /// The object's licence.
    pub license: License,
    /// Load flags.
    pub flags: LoadFlags,
}

impl Program {
    /// A program without maps, BTF or source lines.
    pub fn bare(name: impl Into<String>, kind: ProgramKind, insns: Vec<Insn>) -> Self {
        Self {
            name: name.into(),
            kind,
            insns,
            subprogs: Vec::new(),
            maps: Vec::new(),
            btf: None,
            lines: Vec::new(),
            license: License::Gpl,
            flags: LoadFlags::empty(),
        }
    }

    /// The source line that covers a slot.
    pub fn source_line(&self, at: InsnIdx) -> Option<&SourceLine> {
        let after = self.lines.partition_point(|line| line.insn <= at);
        self.lines[..after].last()
    }
}
