//! The function that runs when an exception ends the program: the tag `exception_callback:NAME` of the entry's FUNC names it.
//!
//! It is verified on its own like a global function, but returns what the program may return. Nothing else may call it.

use opswap_bpf::program::Linkage;
use opswap_bpf::proto::ArgKind;
use opswap_bpf::{InsnIdx, Program};

use crate::cfg::function_offset;
use crate::reject::{ExceptionFault, Reason};
use crate::subject::Subject;

/// Where the exception callback begins, if the program names one.
pub(crate) fn callback(program: &Program) -> Result<Option<InsnIdx>, Reason> {
    let fail = |fault| Err(Reason::Exception { fault });
    let entry = program.subprogs.iter().find(|subprog| subprog.start == InsnIdx(0));
    let Some((btf, entry)) = program.btf.as_deref().zip(entry) else { return Ok(None) };
    let tags = btf.exception_callbacks(entry.func);
    let name = match tags.as_slice() {
        [] => return Ok(None),
        [name] => *name,
        [_, _, ..] => return fail(ExceptionFault::SeveralCallbacks),
    };
    let is_it = |subprog: &&opswap_bpf::program::Subprog| {
        subprog.name == name && subprog.linkage == Linkage::Global && subprog.start != InsnIdx(0)
    };
    match program.subprogs.iter().find(is_it) {
        Some(callback) => Ok(Some(callback.start)),
        None => fail(ExceptionFault::NoCallback { name: name.to_owned() }),
    }
}

/// The callback takes one number, and the program neither calls it nor takes its address.
pub(crate) fn check(subject: &Subject<'_>) -> Result<(), (InsnIdx, Reason)> {
    let Some(id) = subject.cfg.exception_callback() else { return Ok(()) };
    let fail = |at, fault| Err((at, Reason::Exception { fault }));
    let Some(global) = subject.globals.get(id) else {
        return Err((InsnIdx(0), Reason::Internal { what: "an exception callback that is no function" }));
    };
    match &global.args {
        Ok(args) if matches!(args.as_slice(), [arg] if matches!(arg.kind, ArgKind::Scalar { .. })) => {}
        Ok(_) => return fail(global.start, ExceptionFault::Prototype),
        Err(fault) => {
            let reason =
                Reason::GlobalPrototype { called: None, name: global.name.clone(), fault: fault.clone() };
            return Err((global.start, reason));
        }
    }
    for (index, insn) in (0u32..).zip(&subject.program.insns) {
        let at = InsnIdx(index);
        let called = function_offset(insn).and_then(|offset| at.jump(offset));
        if called == Some(global.start) {
            return fail(at, ExceptionFault::CalledDirectly { at });
        }
    }
    Ok(())
}
