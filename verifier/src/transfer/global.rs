//! Calls of global functions, by the contract that their prototype is.

use opswap_bpf::InsnIdx;
use opswap_bpf::proto::{KfuncFlags, Sleepable};

use super::contract::{self, Callee, Checked, Contract};
use super::throw;
use crate::globals::{Global, RcuSections, Throws};
use crate::host::Aliasing;
use crate::reject::{LockFault, Reason};
use crate::state::VerifierState;
use crate::subject::Subject;

pub(super) fn check(
    subject: &Subject<'_>,
    state: &VerifierState,
    global: &Global,
    at: InsnIdx,
) -> Result<Checked, Reason> {
    check_sections(subject, state, global)?;
    if global.throws == Throws::Possibly {
        throw::check(subject, state, at)?;
    }
    let args = global.args.as_ref().map_err(|fault| Reason::GlobalPrototype {
        called: Some(global.id),
        name: global.name.clone(),
        fault: fault.clone(),
    })?;
    let contract = Contract {
        callee: Callee::Global(global.id),
        name: &global.name,
        args,
        ret: &global.ret,
        flags: global.flags,
        intrinsic: None,
        effects: global.effects,
        maps: None,
    };
    contract::check(subject, state, &contract, at).map_err(|cause| refused(global, cause))
}

/// What is wrong with the arguments is wrong with the call of this function.
fn refused(global: &Global, cause: Reason) -> Reason {
    if matches!(cause, Reason::GlobalAliasesContext { .. }) {
        return cause;
    }
    Reason::GlobalCall { function: global.id, name: global.name.clone(), cause: Box::new(cause) }
}

/// The function begins as if in no section: what it may do there must be legal here, too.
fn check_sections(subject: &Subject<'_>, state: &VerifierState, global: &Global) -> Result<(), Reason> {
    let name = || global.name.clone();
    if state.refs().locks().next().is_some() {
        return Err(Reason::Lock { fault: LockFault::GlobalCall });
    }
    let sections = state.sections;
    let sleepable = super::sleepable(subject, state);
    if sleepable == Sleepable::Yes && subject.sleepable == Sleepable::No {
        // It is verified as if the program's own rules held wherever it is called.
        return Err(Reason::Unsupported {
            what: "global functions in callbacks that may sleep, of a program that may not",
        });
    }
    let atomic = sleepable == Sleepable::No || sections.rcu > 0 || sections.preempt > 0;
    if atomic && global.flags.contains(KfuncFlags::SLEEPABLE) {
        return Err(Reason::GlobalSleeps { name: name() });
    }
    // Linux lets sections nest; other hosts need not.
    if subject.policy.aliasing == Aliasing::Exclusive
        && sections.rcu > 0
        && global.rcu == RcuSections::Entered
    {
        return Err(Reason::NestedRcuSection { name: name() });
    }
    Ok(())
}
