//! What calls do to objects on the program's stack, and what the meaning of such calls demands beyond their arguments.

use opswap_bpf::insn::Reg;
use opswap_bpf::proto::{ArgKind, DynptrMemory, Intrinsic, IterRole, MemAccess, Nullness, RetKind};
use opswap_bpf::{InsnIdx, RefId};

use super::Contract;
use super::argument::Argument;
use super::objects::{Deed, Held, Spot, fresh};
use crate::host::Aliasing;
use crate::reject::Reason;
use crate::state::{
    Dynptr, Guard, Iter, ObjectKind, Progress, RefKind, RegState, Region, StackObject, Trust, VerifierState,
};
use crate::subject::Subject;

/// What calls with objects demand beyond their arguments.
pub(super) fn check(
    subject: &Subject<'_>,
    state: &VerifierState,
    contract: &Contract<'_>,
    registers: &[Option<Reg>],
    arguments: &[Argument],
) -> Result<(), Reason> {
    check_next(contract)?;
    if arguments.iter().any(|argument| constructs(argument, DynptrMemory::Host)) {
        lender(subject, arguments)?;
    }
    if contract.intrinsic == Some(Intrinsic::DynptrFromMem) {
        let reg = registers.first().copied().flatten().unwrap_or(Reg::R1);
        let value = state.reg(reg);
        if !value.as_pointer().is_some_and(|pointer| matches!(pointer.to, Region::MapValue(_))) {
            return Err(Reason::DynptrOverWrongMemory {
                kind: value.kernel_name(),
                name: contract.name.to_owned(),
            });
        }
    }
    if contract.intrinsic == Some(Intrinsic::DynptrSlice) {
        check_slice(subject, contract, arguments)?;
    }
    Ok(())
}

/// Only a result that may be NULL tells a program that an iterator has no more elements.
fn check_next(contract: &Contract<'_>) -> Result<(), Reason> {
    let next = contract.args.iter().any(|arg| matches!(arg.kind, ArgKind::Iter { role: IterRole::Next, .. }));
    let pointer = matches!(
        contract.ret.kind,
        RetKind::Object { .. } | RetKind::Memory { .. } | RetKind::Record { .. } | RetKind::MapValue
    );
    if next && !(pointer && contract.ret.null == Nullness::Nullable) {
        return Err(Reason::Internal {
            what: "the next element of an iterator is no pointer that may be NULL",
        });
    }
    Ok(())
}

fn check_slice(subject: &Subject<'_>, contract: &Contract<'_>, arguments: &[Argument]) -> Result<(), Reason> {
    if let RetKind::Memory { access: MemAccess::ReadWrite | MemAccess::Write, .. } = contract.ret.kind {
        let packets = subject.host.packet(&subject.program.kind).direct;
        if !matches!(packets, Some(MemAccess::ReadWrite | MemAccess::Write)) {
            return Err(Reason::WritableSliceRefused);
        }
    }
    let buffer = |argument: &Argument| matches!(argument, Argument::Memory(extent) if extent.is_stack());
    if subject.policy.aliasing == Aliasing::Exclusive && arguments.iter().any(buffer) {
        // The slice may be the buffer, whose bytes the program could use for something else meanwhile.
        return Err(Reason::Unsupported { what: "slices that may be copied to the stack" });
    }
    Ok(())
}

fn memory_root(argument: &Argument) -> Option<RefId> {
    if let Argument::Memory(extent) = argument { extent.root } else { None }
}

fn constructs(argument: &Argument, memory: DynptrMemory) -> bool {
    matches!(argument, Argument::OnStack(Held { deed: Deed::Construct(made), .. }) if *made == memory)
}

/// The reference that a dynptr over memory of the host depends on: that of the call's objects.
fn lender(subject: &Subject<'_>, arguments: &[Argument]) -> Result<Option<RefId>, Reason> {
    let mut lender = None;
    for argument in arguments {
        let root = match argument {
            Argument::Object { pointer, .. } => match pointer.trust {
                Trust::Trusted => None,
                Trust::Exclusive(id) | Trust::Owned(id) | Trust::Borrowed(id) => Some(id),
                Trust::Rcu | Trust::Untrusted | Trust::Walked
                    if subject.policy.aliasing == Aliasing::Shared =>
                {
                    None
                }
                Trust::Rcu | Trust::Untrusted | Trust::Walked => {
                    return Err(Reason::Unsupported { what: "dynptrs over objects that RCU protects" });
                }
            },
            Argument::Memory(extent) => extent.root,
            Argument::OnStack(held) => held.root(),
            Argument::Field(place) => place.root,
            Argument::Node(node) => node.pointer.trust.root(),
            Argument::Plain | Argument::Constant(_) | Argument::Map(_) | Argument::Callback(_) => None,
        };
        match (lender, root) {
            (Some(known), Some(other)) if known != other => {
                return Err(Reason::Unsupported { what: "dynptrs over several objects" });
            }
            (None, Some(_)) => lender = root,
            (Some(_) | None, _) => {}
        }
    }
    Ok(lender)
}

/// Does to an object what the call does.
pub(super) fn apply(
    subject: &Subject<'_>,
    state: &mut VerifierState,
    held: Held,
    arguments: &[Argument],
    at: InsnIdx,
    gone: RegState,
) {
    let exclusive = subject.policy.aliasing == Aliasing::Exclusive;
    match held.deed {
        Deed::Begin { ty, guard } => {
            let Some(spot) = held.spot else { return };
            clear(state, spot, gone);
            let id = state.begin(RefKind::Iter, at);
            place(state, spot, fresh(ty, guard, id));
        }
        // In C an element lives on until the iterator is destroyed.
        Deed::Advance(iter) | Deed::Inspect(iter) if exclusive => state.end_borrows(iter.id, gone),
        Deed::Advance(_) | Deed::Inspect(_) | Deed::Read(_) => {}
        Deed::Destroy(iter) => state.end(iter.id, gone),
        Deed::Construct(memory) => {
            let Some(spot) = held.spot else { return };
            let owner = match memory {
                DynptrMemory::Host => lender(subject, arguments).ok().flatten(),
                DynptrMemory::Local => arguments.iter().find_map(memory_root),
                DynptrMemory::Ringbuf | DynptrMemory::Skb | DynptrMemory::SkbMeta | DynptrMemory::Xdp => None,
            };
            construct(state, spot, memory, owner, at, gone);
        }
        Deed::Copy(dynptr) => {
            let Some(spot) = held.spot else { return };
            clear(state, spot, gone);
            let id = state.fresh_name();
            place(state, spot, ObjectKind::Dynptr(Dynptr { id, ..dynptr }));
        }
        Deed::Change(dynptr) => state.end_borrows(dynptr.id, gone),
        Deed::Release { owner } => state.end(owner, gone),
        Deed::Save(class) => {
            let Some(spot) = held.spot else { return };
            clear(state, spot, gone);
            let id = state.begin(RefKind::Irq, at);
            place(state, spot, ObjectKind::Irq { id, class });
        }
        Deed::Restore(id) => state.end(id, gone),
    }
}

fn construct(
    state: &mut VerifierState,
    spot: Spot,
    memory: DynptrMemory,
    owner: Option<RefId>,
    at: InsnIdx,
    gone: RegState,
) {
    clear(state, spot, gone);
    // The kernel numbers the dynptr before the reference.
    let id = state.fresh_name();
    let owner = if memory == DynptrMemory::Ringbuf { Some(state.begin(RefKind::Owned, at)) } else { owner };
    place(state, spot, ObjectKind::Dynptr(Dynptr { id, memory, owner }));
}

fn clear(state: &mut VerifierState, spot: Spot, gone: RegState) {
    state.disturb(spot.frame, spot.offset, spot.end(), gone);
}

fn place(state: &mut VerifierState, spot: Spot, kind: ObjectKind) {
    if let Some(stack) = state.stack_mut(spot.frame) {
        stack.place(StackObject { offset: spot.offset, size: spot.size, kind });
    }
}

/// The iterator that the call asks for its next element.
fn advanced(argument: &Argument) -> Option<(Spot, Iter)> {
    if let Argument::OnStack(Held { spot: Some(spot), deed: Deed::Advance(iter) }) = argument {
        Some((*spot, *iter))
    } else {
        None
    }
}

/// Whether the call asks an iterator for its next element.
pub(super) fn advances(argument: &Argument) -> bool {
    advanced(argument).is_some()
}

/// Whether that element is protected by an RCU read-side section.
pub(super) fn guarded(argument: &Argument) -> bool {
    advanced(argument).is_some_and(|(_, iter)| iter.guard == Guard::Rcu)
}

/// After `next`, whose result stands in `R0`: the given state becomes that of an iterator without more elements, and the
/// state in which there was another comes back, if there may be one.
pub(super) fn advance(state: &mut VerifierState, arguments: &[Argument]) -> Option<Box<VerifierState>> {
    let (spot, iter) = arguments.iter().find_map(advanced)?;
    let more = iter.depth().map(|(_, depth)| {
        let mut more = state.clone();
        let progress = Progress::Active { depth: depth.saturating_add(1) };
        change(&mut more, spot, Iter { progress, ..iter });
        more
    });
    change(state, spot, Iter { progress: Progress::Drained, ..iter });
    more.map(Box::new)
}

fn change(state: &mut VerifierState, spot: Spot, iter: Iter) {
    if let Some(stack) = state.stack_mut(spot.frame) {
        stack.change(spot.offset, ObjectKind::Iter(iter));
    }
}

/// Whether the packet may move: the call moves it, or writes through a dynptr over it.
pub(super) fn moves_packet(intrinsic: Option<Intrinsic>, arguments: &[Argument]) -> bool {
    let packet = |argument: &Argument| {
        let Argument::OnStack(Held { deed: Deed::Read(dynptr) | Deed::Change(dynptr), .. }) = argument else {
            return false;
        };
        matches!(dynptr.memory, DynptrMemory::Skb | DynptrMemory::SkbMeta)
    };
    match intrinsic {
        Some(Intrinsic::MovesPacket) => true,
        Some(Intrinsic::DynptrWrite) => arguments.iter().any(packet),
        _ => false,
    }
}
