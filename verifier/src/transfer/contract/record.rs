//! Records, reserved memory and the program's own stack as arguments.

use opswap_bpf::RecordId;
use opswap_bpf::insn::Reg;
use opswap_bpf::proto::{ArgProto, Demand, Nullness};

use super::argument::{Argument, Call, Given, check_null};
use crate::access::object;
use crate::reject::Reason;
use crate::state::{Pointer, RefKind, RegState, Region, Trust};
use crate::transfer::readable;

/// What the kernel lists where a socket is expected.
const SOCKETS: &str = "sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_";

/// A pointer to one of the records, or to a host object that stands for one.
pub(super) fn check(
    call: &Call<'_>,
    index: usize,
    arg: &ArgProto,
    reg: Reg,
    any_of: &[RecordId],
    demand: Demand,
) -> Result<Argument, Reason> {
    let value = match check_null(call, index, arg, reg)? {
        Given::Null => return Ok(Argument::Plain),
        Given::Value(value) => value,
    };
    let wrong = || Reason::WrongArgument { reg, kind: value.kernel_name(), expected: SOCKETS };
    let RegState::Pointer(pointer) = value else { return Err(wrong()) };
    if pointer.null == Nullness::Nullable || pointer.fixed_offset() != Some(0) {
        return Err(wrong());
    }
    if !fits(call, pointer, any_of) {
        return Err(wrong());
    }
    if demand == Demand::Owned && !holds_reference(call, pointer) {
        return Err(Reason::NotReferenced { reg });
    }
    Ok(Argument::Object { reg, pointer: *pointer, demand })
}

/// Whether it is one of the records, or stands for one.
fn fits(call: &Call<'_>, pointer: &Pointer, any_of: &[RecordId]) -> bool {
    if let Region::Record { id, .. } = pointer.to {
        return any_of.contains(&id);
    }
    // Linux's list of what helpers take here names no other kind of trust.
    let Region::Object(held) = pointer.to else { return false };
    !matches!(pointer.trust, Trust::Untrusted | Trust::Rcu)
        && any_of.iter().any(|id| {
            let ty = call.subject.host.record(*id).and_then(|record| record.ty);
            ty.is_some_and(|ty| object::embedded(call.subject, held, 0, ty).is_some())
        })
}

/// The pointer owns a reference, or is another view of the object that a reference owns.
fn holds_reference(call: &Call<'_>, pointer: &Pointer) -> bool {
    let live = |id| call.state.refs().get(id).is_some_and(|reference| reference.kind == RefKind::Owned);
    match pointer.trust {
        Trust::Owned(id) => live(id),
        Trust::Borrowed(id) => matches!(pointer.to, Region::Record { .. }) && live(id),
        Trust::Untrusted | Trust::Walked | Trust::Trusted | Trust::Exclusive(_) | Trust::Rcu => false,
    }
}

/// Memory that the program reserved, from its first byte.
pub(super) fn check_reserved(call: &Call<'_>, reg: Reg) -> Result<Argument, Reason> {
    let value = readable(call.state, reg)?;
    let wrong = || Reason::WrongArgument { reg, kind: value.kernel_name(), expected: "ringbuf_mem" };
    let RegState::Pointer(pointer @ Pointer { to: Region::Memory { .. }, .. }) = value else {
        return Err(wrong());
    };
    if pointer.null == Nullness::Nullable {
        return Err(wrong());
    }
    if pointer.fixed_offset() != Some(0) {
        return Err(Reason::ReleaseAtOffset { reg });
    }
    match pointer.trust.owned() {
        Some(_) => Ok(Argument::Object { reg, pointer: *pointer, demand: Demand::Owned }),
        None => Err(wrong()),
    }
}

/// The program's own stack, or NULL where that is legal.
pub(super) fn check_stack(call: &Call<'_>, arg: &ArgProto, reg: Reg) -> Result<Argument, Reason> {
    let value = readable(call.state, reg)?;
    if value.is_null() && arg.null == Nullness::Nullable {
        return Ok(Argument::Plain);
    }
    match value {
        RegState::Pointer(Pointer { to: Region::Stack(_), .. }) => Ok(Argument::Plain),
        RegState::Pointer(_) | RegState::Scalar(_) | RegState::NotInit => {
            Err(Reason::WrongArgument { reg, kind: value.kernel_name(), expected: "fp" })
        }
    }
}
