//! The arena: memory that a program shares with others, sparse and as large as 4 GiB. Addresses in it are 32 bits wide, and any will
//! do: what is not there is filled in or reads as 0 at run time. No engine here has one, so that programs with an arena are only
//! judged: each access is marked [`Refused`](crate::verified::Access::Refused).

use opswap_bpf::MapProto;
use opswap_bpf::insn::{AddressSpace, AtomicOp, Fetch, Reg};
use opswap_bpf::map::MapKind;

use super::{readable, writable};
use crate::host::PointerLeaks;
use crate::reject::{PointerUse, Reason};
use crate::state::{RegState, Region, VerifierState};
use crate::subject::Subject;

/// Bytes of a page.
const PAGE: u64 = 4096;

fn refused(why: &str) -> Reason {
    Reason::NoEntry { why: why.to_owned() }
}

/// What a pointer becomes in another address space.
pub(super) fn check_cast(
    subject: &Subject<'_>,
    state: &VerifierState,
    dst: Reg,
    src: Reg,
    to: AddressSpace,
) -> Result<RegState, Reason> {
    let value = readable(state, src)?;
    writable(dst)?;
    // Back and forth, any address would become a number.
    if subject.policy.leaks == PointerLeaks::Refused && is_elsewhere(value) {
        return Err(Reason::PointerAsNumber { reg: src, usage: PointerUse::PartialCopy });
    }
    if !maps(subject).any(|map| map.kind == MapKind::Arena) {
        return Err(refused(
            "addr_space_cast insn can only be used in a program that has an associated arena",
        ));
    }
    Ok(match to {
        // As the program follows it.
        AddressSpace::Program => RegState::arena(),
        // As others know it: a number.
        AddressSpace::Arena => RegState::unknown(),
    })
}

/// Whether it is a pointer to anything but the arena.
pub(super) fn is_elsewhere(value: &RegState) -> bool {
    value.as_pointer().is_some_and(|pointer| pointer.to != Region::Arena)
}

fn maps<'a>(subject: &'a Subject<'_>) -> impl Iterator<Item = &'a MapProto> {
    subject.program.maps.iter().map(|map| &**map)
}

/// A program has one arena at most: addresses do not say in which they are.
pub(super) fn check_single(subject: &Subject<'_>) -> Result<(), Reason> {
    let arenas = maps(subject).filter(|map| map.kind == MapKind::Arena).count();
    if arenas > 1 { Err(refused("Only one arena per program")) } else { Ok(()) }
}

/// The address of a variable in the arena, as others know it.
pub(super) fn variable(subject: &Subject<'_>, arena: &MapProto, offset: u32) -> Result<RegState, Reason> {
    check_single(subject)?;
    if u64::from(offset) >= u64::from(arena.max_entries) * PAGE {
        return Err(Reason::DirectValueOutOfBounds { value_size: arena.value_size, offset });
    }
    Ok(RegState::unknown())
}

fn points_there(state: &VerifierState, reg: Reg) -> Option<String> {
    let pointer = state.reg(reg).as_pointer().filter(|pointer| pointer.to == Region::Arena)?;
    Some(pointer.kernel_name())
}

/// Linux makes no ordered accesses there.
pub(super) fn check_no_order(state: &VerifierState, base: Reg) -> Result<(), Reason> {
    match points_there(state, base) {
        Some(kind) => Err(Reason::AtomicTarget { reg: base, kind }),
        None => Ok(()),
    }
}

/// Nor atomic operations that it must try again, as a fault in the middle could not be mended.
pub(super) fn check_atomic(state: &VerifierState, base: Reg, op: AtomicOp) -> Result<(), Reason> {
    match op {
        AtomicOp::Or(Fetch::Yes) | AtomicOp::And(Fetch::Yes) | AtomicOp::Xor(Fetch::Yes) => {
            check_no_order(state, base)
        }
        AtomicOp::Add(_)
        | AtomicOp::Or(Fetch::No)
        | AtomicOp::And(Fetch::No)
        | AtomicOp::Xor(Fetch::No)
        | AtomicOp::Xchg
        | AtomicOp::Cmpxchg => Ok(()),
    }
}
