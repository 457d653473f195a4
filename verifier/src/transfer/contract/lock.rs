//! Locks: what may be called while one is held, and which one is taken or given back.

use opswap_bpf::proto::{HelperEffects, Intrinsic, KfuncFlags};
use opswap_bpf::{InsnIdx, RefId};

use super::argument::Argument;
use super::{Callee, Contract, graph};
use crate::reject::{LockFault, Reason};
use crate::state::{Lock, RefKind, VerifierState};
use crate::subject::Subject;
use crate::transfer::{ended_pointer, in_rcu_section};

/// What a call does with a lock.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Take(Lock),
    Release(RefId),
}

/// Calls while a lock is held: only those that are made for it.
pub(super) fn check_call(state: &VerifierState, contract: &Contract<'_>) -> Result<(), Reason> {
    if state.refs().locks().next().is_none() {
        return Ok(());
    }
    let made_for_it = match contract.callee {
        Callee::Helper(_) => contract.effects.contains(HelperEffects::WITH_SPIN_LOCK),
        // It takes no lock of its caller's, and gives none back.
        Callee::Global(_) => return Err(Reason::Lock { fault: LockFault::GlobalCall }),
        Callee::Kfunc(_) => contract.flags.contains(KfuncFlags::SPINLOCK_SAFE),
    };
    if made_for_it || contract.intrinsic == Some(Intrinsic::SpinUnlock) {
        return Ok(());
    }
    Err(Reason::Lock { fault: LockFault::Call })
}

/// What the call does with the lock in its argument.
pub(super) fn check(
    state: &VerifierState,
    contract: &Contract<'_>,
    arguments: &[Argument],
) -> Result<Option<Change>, Reason> {
    let takes = match contract.intrinsic {
        Some(Intrinsic::SpinLock) => true,
        Some(Intrinsic::SpinUnlock) => false,
        _ => return Ok(None),
    };
    graph::check_comparing(state)?;
    let place = arguments.iter().find_map(Argument::place);
    let place =
        place.ok_or(Reason::Internal { what: "a contract takes a lock but has no argument for it" })?;
    let lock = Lock { kind: place.kind, home: place.home, value: place.origin.value };
    let held = state.refs().locks().next_back();
    let wrong = |fault| Err(Reason::Lock { fault });
    match held {
        Some(_) if takes => wrong(LockFault::Second),
        None if takes => Ok(Some(Change::Take(lock))),
        None => wrong(LockFault::NotHeld),
        Some((id, held)) if held == lock => Ok(Some(Change::Release(id))),
        Some(_) => wrong(LockFault::Other),
    }
}

/// Takes the lock, or gives it back: what it protected ends, as does a section that was one only because of it.
pub(super) fn apply(subject: &Subject<'_>, state: &mut VerifierState, change: Change, at: InsnIdx) {
    match change {
        Change::Take(lock) => {
            state.begin(RefKind::Lock(lock), at);
        }
        Change::Release(id) => {
            state.end(id, ended_pointer(subject));
            if !in_rcu_section(subject, state) {
                state.leave_rcu(ended_pointer(subject));
            }
        }
    }
}
