//! Returns: from a subprogram to its caller, and from the program to the host.

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::{Reg, Size};
use opswap_bpf::proto::{Nullness, ReturnRule};
use opswap_bpf::{InsnIdx, RefId, TypeRef};

use super::{Step, ended_pointer, readable};
use crate::access::object;
use crate::host::PointerLeaks;
use crate::reject::{LockFault, Reason, ReturnFault, Section};
use crate::state::{RefKind, Reference, RegState, Region, Role, Trust, VerifierState};
use crate::subject::Subject;

/// A legal return.
pub(super) enum Leaving {
    /// From a callback to the call that runs it.
    Callback { to: InsnIdx },
    /// To the caller, with `R0`.
    Subprogram { to: InsnIdx, value: RegState },
    /// Out of the program.
    Program,
}

pub(super) fn check(subject: &Subject<'_>, state: &VerifierState) -> Result<Leaving, Reason> {
    if let (Some(to), Role::Callback { min, max }) = (state.frame().return_to, state.frame().role) {
        check_callback(state, min, max)?;
        return Ok(Leaving::Callback { to });
    }
    if let (Some(to), Role::Comparison) = (state.frame().return_to, state.frame().role) {
        check_callback(state, 0, 1)?;
        return Ok(Leaving::Callback { to });
    }
    if let Some(to) = state.frame().return_to {
        let value = *state.reg(Reg::R0);
        if let RegState::Pointer(pointer) = value
            && pointer.to == Region::Stack(state.depth())
        {
            return Err(Reason::ReturnsStackPointer);
        }
        return Ok(Leaving::Subprogram { to, value });
    }
    if state.refs().locks().next().is_some() {
        return Err(Reason::Lock { fault: LockFault::NotReleased });
    }
    let handed_over = match state.frame().role {
        // A function that runs later returns 0.
        Role::Later { .. } => check_callback(state, 0, 0).map(|()| None),
        Role::Called | Role::Callback { .. } | Role::Comparison => {
            // What an exception callback returns, the program returns.
            let function =
                Some(state.frame().subprog).filter(|own| subject.cfg.exception_callback() != Some(*own));
            match function.and_then(|function| subject.globals.get(function)) {
                Some(_) => check_global(state),
                None => check_result(subject, state),
            }
        }
    };
    let given = match &handed_over {
        Ok(given) => *given,
        // What is wrong with a reference that was to be handed over says more than that it leaks.
        Err(fault)
            if matches!(subject.entry.ret, ReturnRule::Owned { .. })
                && state.reg(Reg::R0).as_pointer().is_some_and(|pointer| pointer.trust.root().is_some()) =>
        {
            return Err(fault.clone());
        }
        Err(_) => None,
    };
    let leak = state.refs().iter().find(|reference| reference.is_owned() && Some(reference.id) != given);
    if let Some(leak) = leak {
        return Err(Reason::UnreleasedReference { id: leak.id, at: leak.at });
    }
    if state.refs().saved_irq().is_some() {
        return Err(Reason::SectionNotLeft { section: Section::IrqDisabled, depth: 1 });
    }
    if state.sections.rcu > 0 {
        return Err(Reason::SectionNotLeft { section: Section::Rcu, depth: state.sections.rcu });
    }
    if state.sections.preempt > 0 {
        return Err(Reason::SectionNotLeft {
            section: Section::PreemptDisabled,
            depth: state.sections.preempt,
        });
    }
    handed_over.map(|_| Leaving::Program)
}

pub(super) fn apply(subject: &Subject<'_>, state: &mut VerifierState, leaving: Leaving) -> Step {
    let gone = ended_pointer(subject);
    match leaving {
        Leaving::Program => Step::Done,
        Leaving::Callback { to } => {
            state.pop(None, gone);
            Step::To(to)
        }
        Leaving::Subprogram { to, value } => {
            state.pop(Some(value), gone);
            Step::To(to)
        }
    }
}

/// A callback gives back what it acquired, and returns a number that its caller understands.
fn check_callback(state: &VerifierState, min: i64, max: i64) -> Result<(), Reason> {
    let own = |reference: &&Reference| {
        let due = reference.is_owned() || reference.kind == RefKind::Irq;
        due && reference.frame == state.depth()
    };
    if let Some(leak) = state.refs().iter().find(own) {
        return Err(Reason::UnreleasedReference { id: leak.id, at: leak.at });
    }
    let value = readable(state, Reg::R0)?;
    let fault = match value.as_scalar() {
        Some(number) if number.smin() >= min && number.smax() <= max => return Ok(()),
        Some(number) => ReturnFault::Range { smin: number.smin(), smax: number.smax() },
        None => ReturnFault::NotANumber { kind: value.kernel_name() },
    };
    Err(Reason::CallbackReturn { fault, min, max })
}

/// A global function that is verified on its own returns a number.
fn check_global(state: &VerifierState) -> Result<Option<RefId>, Reason> {
    match readable(state, Reg::R0)? {
        RegState::Scalar(_) => Ok(None),
        other @ (RegState::Pointer(_) | RegState::NotInit) => {
            Err(Reason::GlobalReturn { kind: other.kernel_name() })
        }
    }
}

/// The result fits the entry's rule; gives the reference that the caller takes over.
fn check_result(subject: &Subject<'_>, state: &VerifierState) -> Result<Option<RefId>, Reason> {
    match &subject.entry.ret {
        ReturnRule::Void => Ok(None),
        ReturnRule::Scalar { size, signed } => {
            check_number(subject, state, *size, *signed)?;
            Ok(None)
        }
        ReturnRule::Range { min, max } => {
            let value = readable(state, Reg::R0)?;
            let fault = match value.as_scalar() {
                Some(number) if number.smin() >= *min && number.smax() <= *max => return Ok(None),
                Some(number) => ReturnFault::Range { smin: number.smin(), smax: number.smax() },
                None => ReturnFault::NotANumber { kind: value.kernel_name() },
            };
            Err(Reason::ReturnValue { fault, min: *min, max: *max })
        }
        ReturnRule::Owned { ty, null } => check_owned(subject, state, *ty, *null),
    }
}

fn check_number(
    subject: &Subject<'_>,
    state: &VerifierState,
    _size: Size,
    _signed: Signedness,
) -> Result<(), Reason> {
    match (readable(state, Reg::R0)?, subject.policy.leaks) {
        (RegState::Scalar(_), _) | (_, PointerLeaks::Allowed) => Ok(()),
        (RegState::Pointer(_) | RegState::NotInit, PointerLeaks::Refused) => Err(Reason::AddressReturned),
    }
}

fn check_owned(
    subject: &Subject<'_>,
    state: &VerifierState,
    ty: TypeRef,
    null: Nullness,
) -> Result<Option<RefId>, Reason> {
    let value = readable(state, Reg::R0)?;
    if value.is_null() && null == Nullness::Nullable {
        return Ok(None);
    }
    let wrong = |fault| Err(Reason::ReturnValue { fault, min: 0, max: 0 });
    let pointer = match value {
        RegState::Pointer(pointer) => pointer,
        RegState::Scalar(number) => {
            let number = number.value;
            return wrong(ReturnFault::Range { smin: number.smin(), smax: number.smax() });
        }
        RegState::NotInit => return Err(Reason::NotReadable { reg: Reg::R0 }),
    };
    let not_owned = || wrong(ReturnFault::NotANumber { kind: value.kernel_name() });
    let (Region::Object(held), Trust::Owned(reference)) = (pointer.to, pointer.trust) else {
        return not_owned();
    };
    if pointer.fixed_offset() != Some(0) {
        return Err(Reason::ModifiedPointer {
            reg: Reg::R0,
            kind: value.kernel_name(),
            offset: pointer.offset,
        });
    }
    let nullness = pointer.null == Nullness::NonNull || null == Nullness::Nullable;
    if !nullness || !object::same_type(subject, held, ty) {
        return not_owned();
    }
    Ok(Some(reference))
}
