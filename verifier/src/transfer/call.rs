//! Calls of subprograms: the callee is walked in the caller's state, with a frame of its own.

use opswap_bpf::insn::Reg;
use opswap_bpf::{InsnIdx, SubprogId};

use crate::reject::Reason;
use crate::state::{Frame, RegState, VerifierState};
use crate::subject::Subject;

/// A legal call.
pub(super) struct Entered {
    subprog: SubprogId,
    start: InsnIdx,
    return_to: InsnIdx,
}

pub(super) fn check(
    subject: &Subject<'_>,
    state: &VerifierState,
    at: InsnIdx,
    offset: i32,
) -> Result<Entered, Reason> {
    let start = at.jump(offset).ok_or(Reason::CallOutOfRange { offset })?;
    let subprog = subject.cfg.function_at(start).ok_or(Reason::CallOutOfRange { offset })?;
    let frames = state.frames().len() + 1;
    if frames > subject.limits.call_frames as usize {
        return Err(Reason::CallTooDeep { frames });
    }
    Ok(Entered { subprog, start, return_to: at.next() })
}

pub(super) fn apply(state: &mut VerifierState, entered: Entered) -> InsnIdx {
    let number = state.depth().saturating_add(1);
    let mut frame = Frame::new(number, entered.subprog, Some(entered.return_to));
    for reg in Reg::ARGS {
        frame.share(reg, state.frame().held(reg).clone());
    }
    let caller = state.frame_mut();
    for reg in [Reg::R0].into_iter().chain(Reg::ARGS) {
        caller.set(reg, RegState::NotInit);
    }
    state.push(frame);
    entered.start
}
