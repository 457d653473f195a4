//! Loads, stores, atomic operations, 64-bit immediates.

use opswap_bpf::insn::{AtomicOp, Extend, Fetch, Imm64, MapRef, Reg, Size, Src, Width};
use opswap_bpf::map::MapKind;
use opswap_bpf::proto::{ContextLayout, MemAccess};
use opswap_bpf::{BtfId, BtfSpace, BtfType, Insn, InsnIdx, MapId, MapProto, TypeRef};

use super::{arena, ended_pointer, readable, writable};
use crate::access::field::Stored;
use crate::access::stack::{apply_write, immediate};
use crate::access::{Alignment, Place, Write, check_read, check_write};
use crate::host::{PointerLeaks, UninitStack, UntrustedReads};
use crate::reject::{FieldFault, Reason};
use crate::state::{Pointer, RegState, Region, VerifierState};
use crate::subject::Subject;

/// A legal access.
pub(super) struct Checked {
    /// What is written, and where.
    write: Option<(Write, Size, RegState)>,
    /// What is loaded, and into which register.
    load: Option<(Reg, RegState)>,
    /// A read of stack that the program may not have written: frame and lowest byte.
    reserve: Option<(u8, i64)>,
    /// The register that is stored, which shares its identity with what arrives on the stack.
    stored: Option<Reg>,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "called for these instructions only")]
pub(super) fn check(subject: &Subject<'_>, state: &VerifierState, insn: &Insn) -> Result<Checked, Reason> {
    match *insn {
        Insn::Load { size, extend, dst, base, offset } => {
            let place = Place { base, offset, size };
            check_load(subject, state, place, extend, Alignment::Ordinary, dst)
        }
        Insn::LoadAcquire { size, dst, base, offset } => {
            let place = Place { base, offset, size };
            check_ordered(subject, state, place)?;
            arena::check_no_order(state, place.base)?;
            check_load(subject, state, place, Extend::Zero, Alignment::Natural, dst)
        }
        Insn::Store { size, base, offset, src } => {
            let value = match src {
                Src::Reg(src) => *readable(state, src)?,
                Src::Imm(imm) => RegState::scalar(immediate(imm)),
            };
            let place = Place { base, offset, size };
            let stored = match src {
                Src::Reg(src) => Some(src),
                Src::Imm(_) => None,
            };
            let checked = check_store(subject, state, place, (value, stored), Alignment::Ordinary)?;
            Ok(Checked { stored, ..checked })
        }
        Insn::StoreRelease { size, base, offset, src } => {
            let value = *readable(state, src)?;
            let place = Place { base, offset, size };
            check_ordered(subject, state, place)?;
            arena::check_no_order(state, place.base)?;
            check_store(subject, state, place, (value, Some(src)), Alignment::Natural)
        }
        Insn::Atomic { op, width, base, offset, src } => {
            let size = match width {
                Width::W32 => Size::W,
                Width::W64 => Size::DW,
            };
            check_atomic(subject, state, Place { base, offset, size }, op, src)
        }
        _ => Err(Reason::Internal { what: "not a memory access" }),
    }
}

pub(super) fn apply(subject: &Subject<'_>, state: &mut VerifierState, checked: Checked) {
    if let Some((frame, lowest)) = checked.reserve
        && let Some(stack) = state.stack_mut(frame)
    {
        stack.reserve(lowest);
    }
    if let Some((write, size, value)) = checked.write {
        let value = match (write, checked.stored) {
            (Write::Stack { .. }, Some(src)) => state.shared(src),
            (Write::Stack { .. } | Write::StackSomewhere { .. } | Write::Untracked, _) => value,
        };
        apply_write(state, write, size, value, ended_pointer(subject));
    }
    if let Some((dst, value)) = checked.load {
        let value = state.identified(value);
        state.set(dst, value);
    }
}

fn check_load(
    subject: &Subject<'_>,
    state: &VerifierState,
    place: Place,
    extend: Extend,
    alignment: Alignment,
    dst: Reg,
) -> Result<Checked, Reason> {
    readable(state, place.base)?;
    writable(dst)?;
    let value = check_read(subject, state, place, extend, alignment)?;
    if matches!(value, RegState::Pointer(_)) && extend == Extend::Sign {
        return Err(Reason::PartialFill);
    }
    let reserve = reserved(subject, state, place);
    Ok(Checked { write: None, load: Some((dst, value)), reserve, stored: None })
}

/// Stack below what was written so far counts as used once it is read.
fn reserved(subject: &Subject<'_>, state: &VerifierState, place: Place) -> Option<(u8, i64)> {
    if subject.policy.uninit_stack == UninitStack::Refused {
        return None;
    }
    let pointer = state.reg(place.base).as_pointer()?;
    let Region::Stack(frame) = pointer.to else { return None };
    let lowest = i64::from(pointer.offset) + i64::from(place.offset) + pointer.var.smin();
    let made = state.stack(frame).map_or(0, |stack| stack.made());
    (lowest < -8 * i64::try_from(made).unwrap_or(0)).then_some((frame, lowest))
}

fn check_store(
    subject: &Subject<'_>,
    state: &VerifierState,
    place: Place,
    (value, from): (RegState, Option<Reg>),
    alignment: Alignment,
) -> Result<Checked, Reason> {
    readable(state, place.base)?;
    let write = check_write(subject, state, place, Stored { value: &value, from }, alignment)?;
    Ok(Checked { write: Some((write, place.size, value)), load: None, reserve: None, stored: None })
}

/// Atomic and ordered accesses reach memory that others share; a context is not such memory, unless it is a plain buffer.
fn check_ordered(subject: &Subject<'_>, state: &VerifierState, place: Place) -> Result<(), Reason> {
    let buffer = matches!(subject.entry.context, ContextLayout::Buffer { .. });
    match readable(state, place.base)? {
        RegState::Pointer(pointer) if pointer.to == Region::Probed => {
            Err(Reason::AtomicTarget { reg: place.base, kind: pointer.kernel_name() })
        }
        RegState::Pointer(pointer)
            if pointer.to == Region::Context && !buffer || matches!(pointer.to, Region::Packet { .. }) =>
        {
            Err(Reason::AtomicTarget { reg: place.base, kind: pointer.kernel_name() })
        }
        RegState::NotInit | RegState::Scalar(_) | RegState::Pointer(_) => Ok(()),
    }
}

fn check_atomic(
    subject: &Subject<'_>,
    state: &VerifierState,
    place: Place,
    op: AtomicOp,
    src: Reg,
) -> Result<Checked, Reason> {
    let fetched_into = match op {
        AtomicOp::Add(fetch) | AtomicOp::Or(fetch) | AtomicOp::And(fetch) | AtomicOp::Xor(fetch) => {
            (fetch == Fetch::Yes).then_some(src)
        }
        AtomicOp::Xchg => Some(src),
        AtomicOp::Cmpxchg => Some(Reg::R0),
    };
    let operands = [Some(src), (op == AtomicOp::Cmpxchg).then_some(Reg::R0)];
    for operand in operands.into_iter().flatten() {
        let pointer = matches!(readable(state, operand)?, RegState::Pointer(_));
        if pointer && subject.policy.leaks == PointerLeaks::Refused {
            return Err(Reason::AddressInAtomic { reg: operand });
        }
    }
    if let Some(dst) = fetched_into {
        writable(dst)?;
    }
    check_ordered(subject, state, place)?;
    arena::check_atomic(state, place.base, op)?;
    let old = check_read(subject, state, place, Extend::Zero, Alignment::Natural)?;
    let old = match old {
        RegState::Pointer(_) if subject.policy.leaks == PointerLeaks::Allowed => RegState::unknown(),
        other @ (RegState::NotInit | RegState::Scalar(_) | RegState::Pointer(_)) => other,
    };
    if matches!(old, RegState::Pointer(_)) {
        return Err(Reason::AddressInAtomic { reg: place.base });
    }
    let unknown = Stored { value: &RegState::unknown(), from: Some(src) };
    // The new value is some number; what the register was known to hold says nothing of it.
    let write = check_write(subject, state, place, unknown, Alignment::Natural)?;
    Ok(Checked {
        write: Some((write, place.size, RegState::unknown())),
        load: fetched_into.map(|dst| (dst, old)),
        reserve: None,
        stored: None,
    })
}

/// What a 64-bit immediate load gives.
pub(super) fn check_immediate(
    subject: &Subject<'_>,
    at: InsnIdx,
    dst: Reg,
    imm: Imm64,
) -> Result<RegState, Reason> {
    writable(dst)?;
    Ok(RegState::Pointer(match imm {
        Imm64::Value(value) => return Ok(RegState::constant(value)),
        Imm64::Map(map) => {
            let id = linked(map)?;
            if check_fields(subject, dst, id)?.kind == MapKind::Arena {
                arena::check_single(subject)?;
            }
            Pointer::new(Region::MapPtr(id))
        }
        Imm64::MapValue { map, offset } => {
            let id = linked(map)?;
            let proto = check_fields(subject, dst, id)?;
            if proto.kind == MapKind::Arena {
                return arena::variable(subject, proto, offset);
            }
            if proto.kind != MapKind::Array || proto.max_entries != 1 {
                return Err(Reason::NoDirectValues { map: proto.name.clone() });
            }
            let inside = i32::try_from(offset).ok().filter(|_| offset < proto.value_size);
            let Some(inside) = inside else {
                return Err(Reason::DirectValueOutOfBounds { value_size: proto.value_size, offset });
            };
            Pointer::new(Region::MapValue(id)).at(inside)
        }
        Imm64::HostVar { id, module } => variable(subject, id, module)?,
        Imm64::Func(offset) => {
            let start = at.jump(offset).ok_or(Reason::CallOutOfRange { offset })?;
            let function = subject.cfg.function_at(start).ok_or(Reason::CallOutOfRange { offset })?;
            Pointer::new(Region::Func(function))
        }
    }))
}

/// A map of the program whose special fields programs of this kind may use.
fn check_fields<'a>(subject: &Subject<'a>, reg: Reg, id: MapId) -> Result<&'a MapProto, Reason> {
    // Inner maps are found, not named.
    let map = subject.map(id).ok().filter(|_| !subject.is_inner(id)).ok_or(Reason::UnknownMap { map: id })?;
    for field in &map.fields {
        if let Some(programs) = subject.host.refuses_field(&subject.program.kind, &field.field) {
            let field = if field.field.element().is_some() {
                "bpf_{list_head,rb_root}"
            } else {
                field.field.type_name()
            };
            return Err(Reason::Field { reg, fault: FieldFault::Refused { programs, field } });
        }
    }
    Ok(map)
}

/// Section of the variables that each CPU has one of.
const PERCPU: &str = ".data..percpu";

/// The address of a variable of the host, or of one of its functions: to look at, not to follow further. Only where hosts are
/// looked at through checked reads.
fn variable(subject: &Subject<'_>, id: BtfId, module: u32) -> Result<Pointer, Reason> {
    let unsupported = |what| Err(Reason::Unsupported { what });
    let btf = subject.host.btf(BtfSpace::Host).filter(|_| module == 0);
    let probed = subject.policy.untrusted_reads == UntrustedReads::Probed;
    let Some(btf) = btf.filter(|_| probed) else { return unsupported("addresses of host variables") };
    let bytes = |size| Pointer::new(Region::Memory { size, access: MemAccess::Read });
    let ty = match btf.get(id) {
        Some(BtfType::Func(_)) => return Ok(bytes(0)),
        Some(BtfType::Var(var)) => var.ty,
        Some(_) | None => return unsupported("addresses of such things of the host"),
    };
    let percpu = btf.find(PERCPU, |ty| matches!(ty, BtfType::Datasec { .. })).and_then(|id| btf.get(id));
    if let Some(BtfType::Datasec { vars, .. }) = percpu
        && vars.iter().any(|var| var.ty == id)
    {
        return unsupported("variables of the host that each CPU has one of");
    }
    if btf.members(ty).is_some() {
        let ty = TypeRef::host(btf.skip_modifiers(ty));
        return Ok(Pointer::new(Region::Object(ty)).held(subject.policy.walked()));
    }
    btf.size_of(ty).map(bytes).ok_or(Reason::UnknownType { ty: TypeRef::host(ty) })
}

fn linked(map: MapRef) -> Result<MapId, Reason> {
    match map {
        MapRef::Idx(id) => Ok(id),
        MapRef::Fd(fd) => Err(Reason::UnlinkedMap { fd }),
    }
}
