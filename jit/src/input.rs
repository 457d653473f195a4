//! [`Input`]: what this crate reads of a proved program. [`Input::of`] is the only way to one outside this crate's own tests.

use opswap_bpf::proto::ContextLayout;
use opswap_bpf::{Insn, InsnIdx, SubprogId};
use opswap_verifier::VerifiedProgram;
use opswap_verifier::verified::{Access, Reach, SubprogFacts};

/// A program and the facts about it.
#[derive(Clone, Debug)]
pub(crate) struct Input<'a> {
    pub(crate) insns: &'a [Insn],
    /// What lies behind `R1`.
    pub(crate) context: &'a ContextLayout,
    /// Its functions, sorted by start.
    pub(crate) functions: &'a [SubprogFacts],
    /// For each slot, whether any path comes there.
    pub(crate) reach: Vec<Reach>,
    /// For each slot, how its memory access is made.
    pub(crate) access: Vec<Access>,
}

impl<'a> Input<'a> {
    /// Of a proved program.
    pub(crate) fn of(program: &'a VerifiedProgram) -> Self {
        let insns = program.xlated();
        let reach = |slot| program.facts(InsnIdx(slot)).map_or(Reach::Live, |facts| facts.reach);
        let access = |slot| program.facts(InsnIdx(slot)).map_or(Access::Plain, |facts| facts.access);
        Self {
            insns,
            context: &program.entry().context,
            functions: program.subprogs(),
            reach: (0..).zip(insns).map(|(slot, _)| reach(slot)).collect(),
            access: (0..).zip(insns).map(|(slot, _)| access(slot)).collect(),
        }
    }

    /// The function that begins at a slot.
    pub(crate) fn function_at(&self, start: InsnIdx) -> Option<SubprogId> {
        let at = self.functions.binary_search_by_key(&start, |function| function.start).ok()?;
        u32::try_from(at).ok().map(SubprogId)
    }
}
