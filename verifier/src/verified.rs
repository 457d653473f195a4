//! [`VerifiedProgram`]: the proof as a type, with every fact that the JIT may rely on.

use opswap_bpf::insn::{CallTarget, Extend, Imm64, Size};
use opswap_bpf::{EntryProto, Insn, InsnIdx, Program, SubprogId};

use crate::cfg::Cfg;
use crate::reject::Reason;
use crate::subject::Subject;

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

/// How engines make the memory access of an instruction, if it makes one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// As a plain one.
    Plain,
    /// To the program's context: [`VerifiedProgram::xlated`] has it as it is laid out at run time.
    Context,
    /// Through a pointer that no engine follows: to a record of the host, or one that may dangle and wants a checked read. A run
    /// that comes here ends.
    Refused,
}

/// What holds at one slot on every path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InsnFacts {
    /// Is it reached?
    pub reach: Reach,
    /// How is its memory access made?
    pub access: Access,
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
    pub(crate) xlated: Vec<Insn>,
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

    /// The instructions as engines execute them, slot by slot: loads of pointers from a structured context are eight bytes wide
    /// and go to where the pointers lie ([`ContextLayout::pointer_slot`](opswap_bpf::proto::ContextLayout::pointer_slot)).
    pub fn xlated(&self) -> &[Insn] {
        &self.xlated
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

/// Facts of each slot.
pub(crate) fn facts(reached: &[bool], accesses: &[Access]) -> Vec<InsnFacts> {
    let fact = |(reached, access): (&bool, &Access)| InsnFacts {
        reach: if *reached { Reach::Live } else { Reach::Dead },
        access: *access,
    };
    reached.iter().zip(accesses).map(fact).collect()
}

/// The instructions as engines execute them. What the layout cannot express is refused: `facts` say so.
pub(crate) fn xlate(program: &Program, entry: &EntryProto, facts: &mut [InsnFacts]) -> Vec<Insn> {
    let mut insns = program.insns.clone();
    for (insn, facts) in insns.iter_mut().zip(facts) {
        if facts.access != Access::Context {
            continue;
        }
        let Some(field) = context_offset(insn) else { continue };
        let Some(slot) = u32::try_from(field).ok().and_then(|field| entry.context.pointer_slot(field)) else {
            continue;
        };
        match (&mut *insn, i16::try_from(slot)) {
            (Insn::Load { size, extend: Extend::Zero, offset, .. }, Ok(slot)) => {
                *size = Size::DW;
                *offset = slot;
            }
            (_, Ok(_) | Err(_)) => facts.access = Access::Refused,
        }
    }
    insns
}

/// The offset at which an instruction accesses memory.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others access no memory")]
fn context_offset(insn: &Insn) -> Option<i16> {
    match insn {
        Insn::Load { offset, .. }
        | Insn::Store { offset, .. }
        | Insn::Atomic { offset, .. }
        | Insn::LoadAcquire { offset, .. }
        | Insn::StoreRelease { offset, .. } => Some(*offset),
        _ => None,
    }
}

/// Facts of each function.
pub(crate) fn subprogs(cfg: &Cfg, stack_bytes: &[u32]) -> Vec<SubprogFacts> {
    cfg.functions()
        .iter()
        .zip(stack_bytes)
        .map(|(function, &stack_bytes)| SubprogFacts {
            start: function.start,
            end: function.end,
            stack_bytes,
        })
        .collect()
}

/// The frames of every call chain fit into the stack together.
///
/// Linux rounds each frame up to 16 bytes when it compiles a program (`check_max_stack_depth`).
///
/// Functions in `alone` run later, on a stack of their own: their addresses are no calls.
pub(crate) fn check_stack_depth(
    subject: &Subject<'_>,
    stack_bytes: &[u32],
    alone: &[SubprogId],
) -> Result<(), (InsnIdx, Reason)> {
    let functions = subject.cfg.functions();
    let mut calls: Vec<Vec<usize>> = vec![Vec::new(); functions.len()];
    for (index, insn) in (0u32..).zip(&subject.program.insns) {
        let at = InsnIdx(index);
        if let Insn::Call { target: CallTarget::Subprog(offset) }
        | Insn::LoadImm64 { imm: Imm64::Func(offset), .. } = insn
        {
            let callee = at.jump(*offset).and_then(|to| subject.cfg.function_at(to));
            let address = matches!(insn, Insn::LoadImm64 { .. });
            let callee = callee.filter(|callee| !(address && alone.contains(callee)));
            let caller = subject.cfg.function_of(at);
            if let (Some(callee), Some(calls)) = (callee, calls.get_mut(caller.index())) {
                calls.push(callee.index());
            }
        }
    }
    // Deepest chain by number of frames: frame `n` of any chain, from the entry.
    let limit = subject.limits.call_frames as usize;
    let mut best: Vec<Option<u32>> = vec![None; functions.len()];
    let size = |function: usize| stack_bytes.get(function).copied().unwrap_or(0).next_multiple_of(16);
    best[0] = Some(size(0));
    for function in alone {
        best[function.index()] = Some(size(function.index()));
    }
    for frames in 1..=limit {
        let too_large = best.iter().flatten().copied().find(|bytes| *bytes > subject.limits.stack_bytes);
        if let Some(bytes) = too_large {
            return Err((InsnIdx(0), Reason::StackTooLarge { calls: frames, bytes }));
        }
        let mut next: Vec<Option<u32>> = vec![None; functions.len()];
        for (caller, bytes) in best.iter().enumerate().filter_map(|(at, bytes)| Some((at, (*bytes)?))) {
            for &callee in calls.get(caller).into_iter().flatten() {
                let sum = bytes.saturating_add(size(callee));
                next[callee] = Some(next[callee].map_or(sum, |known| known.max(sum)));
            }
        }
        if next.iter().all(Option::is_none) {
            return Ok(());
        }
        best = next;
    }
    Err((InsnIdx(0), Reason::CallTooDeep { frames: limit }))
}
