//! Arguments of global functions, where these are judged in another way than those of host functions.

use opswap_bpf::RefId;
use opswap_bpf::insn::Reg;
use opswap_bpf::proto::{ArgKind, ArgProto, HelperEffects, MemAccess, MemInit, Nullness};

use super::argument::{Argument, Call};
use super::{Callee, Contract};
use crate::access::argument::{Demanded, check as check_extent};
use crate::host::Aliasing;
use crate::reject::{ContextFault, Reason};
use crate::state::{Pointer, RefKind, RegState, Region, VerifierState};
use crate::subject::Subject;
use crate::transfer::readable;

/// Memory of `size` bytes, which the function may read and write.
pub(super) fn check_memory(
    call: &Call<'_>,
    index: usize,
    arg: &ArgProto,
    reg: Reg,
    size: u32,
) -> Result<Argument, Reason> {
    let value = readable(call.state, reg)?;
    let null =
        value.is_null() || value.as_pointer().is_some_and(|pointer| pointer.null == Nullness::Nullable);
    if null && arg.null == Nullness::NonNull {
        return Err(Reason::PossiblyNull { arg: index, reg });
    }
    if value.is_null() {
        return Ok(Argument::Plain);
    }
    if let Some(pointer) = value.as_pointer() {
        check_region(call, reg, pointer, size)?;
    }
    let demanded = Demanded { reg, size, access: MemAccess::ReadWrite, init: MemInit::Required };
    let checked = if let (RegState::Pointer(pointer), true) = (value, null) {
        let mut valid = call.state.clone();
        valid.set(reg, RegState::Pointer(pointer.nullable(Nullness::NonNull)));
        check_extent(call.subject, &valid, demanded)
    } else {
        check_extent(call.subject, call.state, demanded)
    };
    checked.map(Argument::Memory)
}

/// A pointer into the arena, or a number that may become one.
pub(super) fn check_arena(call: &Call<'_>, reg: Reg) -> Result<Argument, Reason> {
    match readable(call.state, reg)? {
        RegState::Pointer(pointer) if pointer.to != Region::Arena => {
            Err(Reason::NoEntry { why: format!("R{} is not a pointer to arena or scalar.", reg.index()) })
        }
        RegState::Pointer(_) | RegState::Scalar(_) | RegState::NotInit => Ok(Argument::Plain),
    }
}

fn check_region(call: &Call<'_>, reg: Reg, pointer: &Pointer, size: u32) -> Result<(), Reason> {
    let plain = crate::access::has_plain_context(call.subject);
    if pointer.to == Region::Context && !plain {
        let fault = ContextFault::Forbidden;
        return Err(Reason::InvalidContextAccess { offset: i64::from(pointer.offset), size, fault });
    }
    let lent = call.contract.effects.contains(HelperEffects::PACKET_MEMORY);
    if pointer.to.is_packet() && !lent { Err(Reason::PacketArgument { reg }) } else { Ok(()) }
}

/// Arguments of one call of a global function against each other, where callees hold Rust references: the function may borrow
/// exclusive arguments of the entry from the context again, and what two arguments have in common it cannot know.
pub(super) fn check_aliasing(
    subject: &Subject<'_>,
    state: &VerifierState,
    contract: &Contract<'_>,
    arguments: &[Argument],
) -> Result<(), Reason> {
    if subject.policy.aliasing == Aliasing::Shared {
        return Ok(());
    }
    let context = takes_context(contract);
    let origin = |argument: &Argument| root(argument).map(|root| state.refs().origin(root));
    let exclusive = |id: RefId| {
        state.refs().get(id).is_some_and(|found| found.kind == RefKind::Exclusive && found.arg.is_some())
    };
    for (at, argument) in arguments.iter().enumerate() {
        let Some(id) = origin(argument) else { continue };
        if context && exclusive(id) {
            return Err(Reason::GlobalAliasesContext { name: contract.name.to_owned(), arg: at });
        }
        let others = arguments.iter().enumerate().skip(at + 1);
        if let Some((second, _)) = others.into_iter().find(|(_, other)| origin(other) == Some(id)) {
            let name = contract.name.to_owned();
            return Err(Reason::AliasedArguments { name, first: at, second });
        }
    }
    Ok(())
}

fn root(argument: &Argument) -> Option<RefId> {
    match argument {
        Argument::Object { pointer, .. } => pointer.trust.root(),
        Argument::Memory(extent) => extent.root,
        // What the object hangs on, if it hangs on anything: the function may reach that in another way.
        Argument::OnStack(held) => held.root(),
        Argument::Field(place) => place.root,
        Argument::Node(node) => node.pointer.trust.root(),
        Argument::Plain | Argument::Constant(_) | Argument::Map(_) | Argument::Callback(_) => None,
    }
}

/// Whether a global function is called, and is given the context.
pub(super) fn takes_context(contract: &Contract<'_>) -> bool {
    matches!(contract.callee, Callee::Global(_))
        && contract.args.iter().any(|arg| arg.kind == ArgKind::Context)
}

/// Inside a global function, memory that it was given counts as shared: its callers may pass a map's value.
pub(super) fn check_own_memory(call: &Call<'_>, reg: Reg) -> Result<(), Reason> {
    let begins = call.state.frames().first().map(|frame| frame.subprog);
    let Some(global) = begins.and_then(|function| call.subject.globals.get(function)) else { return Ok(()) };
    match call.state.reg(reg).as_pointer() {
        Some(pointer) if matches!(pointer.to, Region::Memory { .. }) && pointer.trust.root().is_none() => {
            Err(Reason::GlobalSharedMemory { reg, name: global.name.clone() })
        }
        Some(_) | None => Ok(()),
    }
}
