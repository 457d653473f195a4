//! Exceptions: a throw leaves every frame at once, so nothing may be held in any of them.

use opswap_bpf::InsnIdx;
use opswap_bpf::insn::Reg;
use opswap_bpf::proto::ReturnRule;

use crate::host::PointerLeaks;
use crate::reject::{ExceptionFault, Reason, Section};
use crate::state::{RegState, Role, VerifierState};
use crate::subject::Subject;

/// Whether the program may be left from here. Locks are judged with every other call.
pub(super) fn check(subject: &Subject<'_>, state: &VerifierState, at: InsnIdx) -> Result<(), Reason> {
    if let Some(leak) = state.refs().leak() {
        return Err(Reason::UnreleasedReference { id: leak.id, at: leak.at });
    }
    let held = [
        (state.refs().saved_irq().is_some(), Section::IrqDisabled),
        (state.sections.rcu > 0, Section::Rcu),
        (state.sections.preempt > 0, Section::PreemptDisabled),
    ];
    if let Some((_, section)) = held.into_iter().find(|(held, _)| *held) {
        return Err(Reason::Exception { fault: ExceptionFault::InSection { section } });
    }
    // The callee that runs a callback is a function of the host: nothing unwinds it.
    let runs_inside = |role: Role| match role {
        Role::Called => false,
        Role::Callback { .. } | Role::Comparison | Role::Later { .. } => true,
    };
    let own = subject.cfg.exception_callback();
    let inside = state.frames().iter().any(|frame| runs_inside(frame.role) || own == Some(frame.subprog));
    if inside {
        let subprog = state.frame().subprog;
        return Err(Reason::Exception { fault: ExceptionFault::InCallback { at, subprog } });
    }
    Ok(())
}

/// Without a callback, what is thrown is the program's result.
pub(super) fn check_value(subject: &Subject<'_>, state: &VerifierState) -> Result<(), Reason> {
    if subject.cfg.exception_callback().is_some() {
        return Ok(());
    }
    let thrown = state.reg(Reg::R1);
    match &subject.entry.ret {
        ReturnRule::Void => Ok(()),
        ReturnRule::Scalar { .. } => match (thrown, subject.policy.leaks) {
            (RegState::Scalar(_), _) | (RegState::Pointer(_), PointerLeaks::Allowed) => Ok(()),
            (RegState::Pointer(_), PointerLeaks::Refused) => Err(Reason::AddressReturned),
            (RegState::NotInit, _) => Err(Reason::NotReadable { reg: Reg::R1 }),
        },
        ReturnRule::Range { min, max } => {
            let (smin, smax) = match thrown.as_scalar() {
                Some(number) if number.smin() >= *min && number.smax() <= *max => return Ok(()),
                Some(number) => (number.smin(), number.smax()),
                None => (i64::MIN, i64::MAX),
            };
            let (found, allowed) = ((smin, smax), (*min, *max));
            Err(Reason::Exception { fault: ExceptionFault::Result { found, allowed } })
        }
        ReturnRule::Owned { .. } => {
            Err(Reason::Unsupported { what: "exceptions in programs that return an object" })
        }
    }
}
