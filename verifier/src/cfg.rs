//! Structure of a program before anything is simulated: jump targets, subprograms, reachability, where states are compared.
//!
//! Loops are allowed. What this module refuses, no path can repair: jumps out of a subprogram or into the second half of a
//! 64-bit immediate load, code that falls out of its subprogram, code that nothing reaches.

use opswap_bpf::insn::{CallTarget, Imm64};
use opswap_bpf::program::Linkage;
use opswap_bpf::proto::{ArgKind, ArgProto, IterRole};
use opswap_bpf::{Insn, InsnIdx, Program, SubprogId};

use crate::exceptions;
use crate::host::Host;
use crate::limits::{Limits, UnreachableCode};
use crate::reject::Reason;

/// A function of the program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Function {
    /// First slot.
    pub(crate) start: InsnIdx,
    /// One past the last slot.
    pub(crate) end: InsnIdx,
    /// Name for people; made up when the program declares none.
    pub(crate) name: String,
    /// How it is verified.
    pub(crate) linkage: Linkage,
}

/// The structure of a program.
#[derive(Clone, Debug)]
pub(crate) struct Cfg {
    functions: Vec<Function>,
    /// Slots where states are compared: branches, targets of jumps, and calls of subprograms (as in Linux).
    prune: Vec<bool>,
    /// Slots where a loop that ends by itself begins a round: `may_goto`, calls that may run callbacks, and those that
    /// advance an iterator.
    rounds: Vec<bool>,
    /// Whether the program takes the address of a function.
    callbacks: bool,
    /// The function that runs when an exception ends the program.
    exception_callback: Option<SubprogId>,
    /// Slots that some chain of edges reaches.
    reached: Vec<bool>,
}

/// Where control may go from a slot, calls aside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Successors {
    /// The next instruction.
    pub(crate) next: Option<InsnIdx>,
    /// The jump's target.
    pub(crate) jump: Option<InsnIdx>,
}

/// The instruction after this one in the program text.
pub(crate) fn after(insn: &Insn, at: InsnIdx) -> InsnIdx {
    if matches!(insn, Insn::LoadImm64 { .. }) { at.next().next() } else { at.next() }
}

/// Where control may go from a slot. A target outside every program is `None` only if it does not fit an index.
pub(crate) fn successors(insn: &Insn, at: InsnIdx) -> Successors {
    match insn {
        Insn::Jump { offset, .. } => Successors { next: None, jump: at.jump(*offset) },
        Insn::Branch { offset, .. } | Insn::MayGoto { offset } => {
            Successors { next: Some(at.next()), jump: at.jump(i32::from(*offset)) }
        }
        Insn::Exit => Successors { next: None, jump: None },
        Insn::Alu { .. }
        | Insn::Mov { .. }
        | Insn::MovSx { .. }
        | Insn::AddressCast { .. }
        | Insn::Neg { .. }
        | Insn::ByteSwap { .. }
        | Insn::LoadImm64 { .. }
        | Insn::LoadImm64Tail
        | Insn::Load { .. }
        | Insn::Store { .. }
        | Insn::Atomic { .. }
        | Insn::LoadAcquire { .. }
        | Insn::StoreRelease { .. }
        | Insn::LoadPacket { .. }
        | Insn::Call { .. }
        | Insn::CallReg { .. } => Successors { next: Some(after(insn, at)), jump: None },
    }
}

/// The subprogram that an instruction calls or whose address it takes: offset from the next slot.
pub(crate) fn function_offset(insn: &Insn) -> Option<i32> {
    if let Insn::Call { target: CallTarget::Subprog(offset) }
    | Insn::LoadImm64 { imm: Imm64::Func(offset), .. } = insn
    {
        Some(*offset)
    } else {
        None
    }
}

/// Whether an instruction calls the host.
fn is_host_call(insn: &Insn) -> bool {
    matches!(insn, Insn::Call { target: CallTarget::Helper(_) | CallTarget::Kfunc { .. } })
}

/// Refusal of a slot.
type Refused = (InsnIdx, Reason);

impl Cfg {
    /// Analyses a program.
    pub(crate) fn build(program: &Program, limits: &Limits) -> Result<Self, Refused> {
        let slots = program.insns.len();
        if slots == 0 {
            return Err((InsnIdx(0), Reason::EmptyProgram));
        }
        if slots > limits.program_slots as usize || u32::try_from(slots).is_err() {
            return Err((InsnIdx(0), Reason::TooManySlots { slots, limit: limits.program_slots }));
        }
        check_wide_loads(program)?;
        let functions = find_functions(program, limits)?;
        let callbacks =
            program.insns.iter().any(|insn| matches!(insn, Insn::LoadImm64 { imm: Imm64::Func(_), .. }));
        let blank = || vec![false; slots];
        let (prune, rounds, reached) = (blank(), blank(), blank());
        let mut cfg = Self { functions, prune, rounds, callbacks, exception_callback: None, reached };
        cfg.check_bounds(program)?;
        let throws_to = exceptions::callback(program).map_err(|reason| (InsnIdx(0), reason))?;
        cfg.exception_callback = throws_to.and_then(|start| cfg.function_at(start));
        cfg.reach(program, throws_to);
        if limits.unreachable == UnreachableCode::Refused {
            let dead = cfg.reached.iter().position(|reached| !reached);
            if let Some(at) = dead.and_then(|at| u32::try_from(at).ok()) {
                return Err((InsnIdx(at), Reason::UnreachableInsn { at: InsnIdx(at) }));
            }
        }
        Ok(cfg)
    }

    /// The functions, in order of their start; the first is the entry.
    pub(crate) fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The function that runs when an exception ends the program.
    pub(crate) fn exception_callback(&self) -> Option<SubprogId> {
        self.exception_callback
    }

    /// The function that begins at a slot.
    pub(crate) fn function_at(&self, start: InsnIdx) -> Option<SubprogId> {
        let at = self.functions.binary_search_by_key(&start, |function| function.start).ok()?;
        u32::try_from(at).ok().map(SubprogId)
    }

    /// The function that a slot belongs to.
    pub(crate) fn function_of(&self, at: InsnIdx) -> SubprogId {
        let after = self.functions.partition_point(|function| function.start <= at);
        SubprogId(u32::try_from(after.saturating_sub(1)).unwrap_or(0))
    }

    /// Whether states are compared at a slot.
    pub(crate) fn is_prune_point(&self, at: InsnIdx) -> bool {
        self.prune.get(at.index()).copied().unwrap_or(false)
    }

    /// Whether a loop that ends by itself begins a round at a slot.
    pub(crate) fn is_round(&self, at: InsnIdx) -> bool {
        self.rounds.get(at.index()).copied().unwrap_or(false)
    }

    /// Marks calls that advance an iterator: rounds of loops that end when it does.
    pub(crate) fn mark_iterators(&mut self, program: &Program, host: &dyn Host) {
        for (at, insn) in program.insns.iter().enumerate() {
            let Insn::Call { target: CallTarget::Kfunc { id, module } } = insn else { continue };
            let proto = host.kfunc(*id, *module, &program.kind);
            let next = |arg: &ArgProto| matches!(arg.kind, ArgKind::Iter { role: IterRole::Next, .. });
            if proto.is_ok_and(|proto| proto.args.iter().any(next)) {
                self.prune[at] = true;
                self.rounds[at] = true;
            }
        }
    }

    /// Every jump stays in its function, and no function's end falls through.
    fn check_bounds(&mut self, program: &Program) -> Result<(), Refused> {
        for function in &self.functions {
            for index in function.start.0..function.end.0 {
                let at = InsnIdx(index);
                let insn = &program.insns[at.index()];
                let succ = successors(insn, at);
                if matches!(insn, Insn::Jump { .. } | Insn::Branch { .. } | Insn::MayGoto { .. }) {
                    let to = succ.jump.filter(|to| (function.start..function.end).contains(to));
                    let Some(to) = to else {
                        return Err((at, Reason::JumpOutOfRange { from: at, to: succ.jump }));
                    };
                    if program.insns[to.index()] == Insn::LoadImm64Tail {
                        return Err((at, Reason::JumpIntoWideLoad { to }));
                    }
                    self.prune[to.index()] = true;
                    if succ.next.is_some() {
                        self.prune[at.index()] = true;
                    }
                }
                let runs = self.callbacks && is_host_call(insn);
                if matches!(insn, Insn::MayGoto { .. }) || runs {
                    self.prune[at.index()] = true;
                    self.rounds[at.index()] = true;
                }
                if matches!(insn, Insn::Call { target: CallTarget::Subprog(_) }) {
                    self.prune[at.index()] = true;
                }
                if succ.next == Some(function.end) {
                    return Err((at, Reason::FallsThrough { at }));
                }
            }
        }
        Ok(())
    }

    /// Marks what the entry and the exception callback reach through jumps, calls and taken addresses.
    fn reach(&mut self, program: &Program, exception_callback: Option<InsnIdx>) {
        let mut work = vec![InsnIdx(0)];
        work.extend(exception_callback);
        while let Some(at) = work.pop() {
            let Some(reached) = self.reached.get_mut(at.index()) else { continue };
            if std::mem::replace(reached, true) {
                continue;
            }
            let insn = &program.insns[at.index()];
            if matches!(insn, Insn::LoadImm64 { .. })
                && let Some(tail) = self.reached.get_mut(at.next().index())
            {
                *tail = true;
            }
            let succ = successors(insn, at);
            work.extend(succ.next);
            work.extend(succ.jump);
            work.extend(function_offset(insn).and_then(|offset| at.jump(offset)));
        }
    }
}

/// Both halves of every 64-bit immediate load are there.
fn check_wide_loads(program: &Program) -> Result<(), Refused> {
    let mut tail_due = false;
    for (index, insn) in (0u32..).zip(&program.insns) {
        let is_tail = *insn == Insn::LoadImm64Tail;
        if is_tail != tail_due {
            return Err((InsnIdx(index), Reason::HalfWideLoad));
        }
        tail_due = matches!(insn, Insn::LoadImm64 { .. });
    }
    if tail_due {
        let last = u32::try_from(program.insns.len() - 1).unwrap_or(u32::MAX);
        return Err((InsnIdx(last), Reason::HalfWideLoad));
    }
    Ok(())
}

/// The declared functions, and those that calls and taken addresses name.
fn find_functions(program: &Program, limits: &Limits) -> Result<Vec<Function>, Refused> {
    let end = InsnIdx(u32::try_from(program.insns.len()).unwrap_or(u32::MAX));
    let mut starts = vec![InsnIdx(0)];
    for subprog in program.subprogs.iter().filter(|subprog| subprog.linkage != Linkage::Extern) {
        check_start(program, subprog.start, subprog.start, 0)?;
        starts.push(subprog.start);
    }
    for (index, insn) in (0u32..).zip(&program.insns) {
        let Some(offset) = function_offset(insn) else { continue };
        let at = InsnIdx(index);
        let to = at.jump(offset).ok_or((at, Reason::CallOutOfRange { offset }))?;
        check_start(program, at, to, offset)?;
        if to == InsnIdx(0) && matches!(insn, Insn::LoadImm64 { .. }) {
            return Err((at, Reason::CallbackToEntry));
        }
        starts.push(to);
    }
    starts.sort_unstable();
    starts.dedup();
    if starts.len() > limits.subprogs as usize {
        return Err((InsnIdx(0), Reason::TooManySubprogs { limit: limits.subprogs }));
    }
    let ends = starts.iter().skip(1).copied().chain([end]);
    let function = |(start, end): (InsnIdx, InsnIdx)| {
        let declared = program.subprogs.iter().find(|subprog| subprog.start == start);
        Function {
            start,
            end,
            name: declared.map_or_else(
                || if start.0 == 0 { program.name.clone() } else { format!("subprog_{}", start.0) },
                |subprog| subprog.name.clone(),
            ),
            linkage: declared.map_or(Linkage::Static, |subprog| subprog.linkage),
        }
    };
    Ok(starts.iter().copied().zip(ends).map(function).collect())
}

fn check_start(program: &Program, at: InsnIdx, start: InsnIdx, offset: i32) -> Result<(), Refused> {
    match program.insns.get(start.index()) {
        None => Err((at, Reason::CallOutOfRange { offset })),
        Some(Insn::LoadImm64Tail) => Err((at, Reason::JumpIntoWideLoad { to: start })),
        Some(_) => Ok(()),
    }
}
