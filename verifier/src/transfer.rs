//! What each instruction demands and does. `check_*` borrows the state and judges; `apply_*` changes it and cannot fail.
//!
//! | file | owns |
//! |---|---|
//! | `alu` | arithmetic and moves, on numbers and pointers |
//! | `arena` | what is different about memory in the arena |
//! | `memory` | loads, stores, atomics, 64-bit immediates |
//! | `branch` | conditional jumps |
//! | `call` | subprograms that are walked where they are called |
//! | `global` | subprograms that are called by contract |
//! | `contract` | calls of the host: arguments, effects, result |
//! | `kfunc`, `helper` | which contract a call has, and whether it may be made here |
//! | `packet` | comparisons with the packet's end, legacy packet loads |
//! | `throw` | exceptions |
//! | `exit` | returns, from a subprogram and from the program |

mod alu;
mod arena;
mod branch;
mod call;
mod contract;
mod exit;
mod global;
mod helper;
mod kfunc;
mod memory;
mod packet;
mod throw;

use opswap_bpf::insn::{CallTarget, JumpForm, Reg};
use opswap_bpf::proto::Sleepable;
use opswap_bpf::{Insn, InsnIdx, ProgramKind};

use crate::demand::Touched;
use crate::host::{Host, PointerLeaks};
use crate::reject::Reason;
use crate::state::{RegState, Role, VerifierState};
use crate::subject::Subject;
use contract::callback;

/// Which way a path went where it could go two ways.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// The next instruction.
    Next,
    /// The jump's target.
    Jump,
}

/// Where control goes after an instruction.
pub(crate) enum Step {
    /// On, with the same state.
    To(InsnIdx),
    /// Both ways: on with the same state, and later from the other state.
    Fork {
        /// Where the state at hand goes on.
        to: InsnIdx,
        /// Which way that is.
        way: Way,
        /// Where the other state begins.
        other: InsnIdx,
        /// The other state.
        state: Box<VerifierState>,
    },
    /// On, with the same state; and what begins from the other state happens some time later, on its own.
    Later {
        /// Where the state at hand goes on.
        to: InsnIdx,
        /// Where the other state begins.
        other: InsnIdx,
        /// The other state.
        state: Box<VerifierState>,
    },
    /// The path ends, proved.
    Done,
}

/// Simulates the instruction at `at`. A call of the host adds what it touched.
pub(crate) fn step(
    subject: &Subject<'_>,
    state: &mut VerifierState,
    at: InsnIdx,
    touched: &mut Touched,
) -> Result<Step, Reason> {
    let insn = subject.program.insns.get(at.index()).ok_or(Reason::FallsThrough { at })?;
    match insn {
        Insn::Alu { .. }
        | Insn::Mov { .. }
        | Insn::MovSx { .. }
        | Insn::Neg { .. }
        | Insn::ByteSwap { .. } => {
            let checked = alu::check(subject, state, insn)?;
            alu::apply(state, checked);
        }
        Insn::AddressCast { dst, src, to } => {
            let value = arena::check_cast(subject, state, *dst, *src, *to)?;
            state.set(*dst, value);
        }
        Insn::LoadImm64 { dst, imm } => {
            let value = memory::check_immediate(subject, at, *dst, *imm)?;
            state.set(*dst, value);
            return Ok(Step::To(at.next().next()));
        }
        Insn::LoadImm64Tail => return Err(Reason::HalfWideLoad),
        Insn::Load { .. }
        | Insn::Store { .. }
        | Insn::Atomic { .. }
        | Insn::LoadAcquire { .. }
        | Insn::StoreRelease { .. } => {
            let checked = memory::check(subject, state, insn)?;
            memory::apply(subject, state, checked);
        }
        Insn::LoadPacket { size, mode, .. } => {
            let value = packet::check_load(subject, state, *size, *mode)?;
            // Where the packet ends too soon, the function returns 0.
            let early = packet::early_return(subject, state);
            packet::apply_load(state, value);
            if let Some((other, early)) = early {
                let (to, way) = (at.next(), Way::Next);
                return Ok(Step::Fork { to, way, other, state: Box::new(early) });
            }
        }
        Insn::Jump { form: JumpForm::Short | JumpForm::Long, offset } => return jump(at, *offset),
        Insn::Branch { op, width, dst, src, offset } => {
            let condition = branch::Condition { op: *op, width: *width, dst: *dst, src: *src };
            let outcome = branch::check(subject, state, condition)?;
            return branch::apply(subject, state, at, *offset, outcome);
        }
        Insn::MayGoto { offset } => return may_goto(state, at, *offset),
        Insn::Call { target } => match target {
            CallTarget::Subprog(offset) => {
                if let Some(global) = subject.global_called(insn, at) {
                    let mut checked = global::check(subject, state, global, at)?;
                    *touched = checked.take_touched();
                    return Ok(call_host(subject, state, checked, at));
                }
                let entered = call::check(subject, state, at, *offset)?;
                return Ok(Step::To(call::apply(state, entered)));
            }
            CallTarget::Kfunc { id, module } => {
                let mut checked = kfunc::check(subject, state, *id, *module, at)?;
                *touched = checked.take_touched();
                if checked.throws() {
                    throw::check(subject, state, at)?;
                    throw::check_value(subject, state)?;
                    touched.relies(state, Reg::R1);
                    return Ok(Step::Done);
                }
                return Ok(call_host(subject, state, checked, at));
            }
            CallTarget::Helper(id) => {
                let mut checked = helper::check(subject, state, *id, at)?;
                *touched = checked.take_touched();
                return Ok(call_host(subject, state, checked, at));
            }
        },
        Insn::CallReg { .. } => return Err(Reason::IndirectCall),
        Insn::Exit => {
            let leaving = exit::check(subject, state)?;
            return Ok(exit::apply(subject, state, leaving));
        }
    }
    Ok(Step::To(at.next()))
}

/// A callback may run before the call returns, and the call then goes on where it was. An iterator may have another element.
fn call_host(
    subject: &Subject<'_>,
    state: &mut VerifierState,
    mut checked: contract::Checked,
    at: InsnIdx,
) -> Step {
    let running = checked.take_callback().map(|entered| entered.state(subject, state));
    let more = contract::apply(subject, state, checked, at);
    let to = at.next();
    match (running, more) {
        (None, None) => Step::To(to),
        (Some((callback::When::Now, other, inside)), _) => {
            Step::Fork { to, way: Way::Next, other, state: Box::new(inside) }
        }
        (Some((callback::When::Later, other, inside)), _) => {
            Step::Later { to, other, state: Box::new(inside) }
        }
        // Without another element first, as the kernel goes.
        (None, Some(state)) => Step::Fork { to, way: Way::Next, other: to, state },
    }
}

fn jump(at: InsnIdx, offset: i32) -> Result<Step, Reason> {
    at.jump(offset).map(Step::To).ok_or(Reason::JumpOutOfRange { from: at, to: None })
}

/// The loop may end here at any time: first where it leads then, later once more round.
fn may_goto(state: &VerifierState, at: InsnIdx, offset: i16) -> Result<Step, Reason> {
    let to = at.jump(i32::from(offset)).ok_or(Reason::JumpOutOfRange { from: at, to: None })?;
    let mut again = state.clone();
    again.may_goto_depth = again.may_goto_depth.saturating_add(1);
    Ok(Step::Fork { to, way: Way::Jump, other: at.next(), state: Box::new(again) })
}

/// What a pointer becomes when what it hangs on has ended.
pub(crate) fn ended_pointer(subject: &Subject<'_>) -> RegState {
    match subject.policy.leaks {
        PointerLeaks::Refused => RegState::NotInit,
        PointerLeaks::Allowed => RegState::unknown(),
    }
}

/// Whether RCU-protected pointers are valid here: inside a section, or anywhere in a program that cannot sleep.
pub(crate) fn in_rcu_section(subject: &Subject<'_>, state: &VerifierState) -> bool {
    state.sections.rcu > 0
        || sleepable(subject, state) == Sleepable::No
        || state.refs().locks().next().is_some()
}

/// Whether the running function may sleep: a callback that runs later has a context of its own.
pub(crate) fn sleepable(subject: &Subject<'_>, state: &VerifierState) -> Sleepable {
    match state.frames().first().map(|frame| frame.role) {
        Some(Role::Later { sleepable }) => sleepable,
        Some(Role::Called | Role::Callback { .. } | Role::Comparison) | None => subject.sleepable,
    }
}

/// A register that may be read.
pub(crate) fn readable(state: &VerifierState, reg: Reg) -> Result<&RegState, Reason> {
    match state.reg(reg) {
        RegState::NotInit => Err(Reason::NotReadable { reg }),
        value @ (RegState::Scalar(_) | RegState::Pointer(_)) => Ok(value),
    }
}

/// A register that may be written.
pub(crate) fn writable(reg: Reg) -> Result<(), Reason> {
    if reg == Reg::FP { Err(Reason::FramePointerWrite) } else { Ok(()) }
}

/// The name of the host function that an instruction calls, if it calls one.
pub(crate) fn host_name(host: &dyn Host, kind: &ProgramKind, insn: &Insn) -> Option<String> {
    let Insn::Call { target } = insn else { return None };
    match target {
        CallTarget::Kfunc { id, module } => {
            host.kfunc(*id, *module, kind).ok().map(|proto| proto.name.to_string())
        }
        CallTarget::Helper(id) => host.helper(*id, kind).ok().map(|proto| proto.name.clone()),
        CallTarget::Subprog(_) => None,
    }
}
