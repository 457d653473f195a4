//! One argument of a call against its [`ArgKind`].

use opswap_bpf::insn::Reg;
use opswap_bpf::map::{BPF_F_RDONLY_PROG, MapKind};
use opswap_bpf::proto::{
    ArgIdx, ArgKind, ArgProto, Demand, FieldAccess, HelperEffects, Intrinsic, MemAccess, MemInit, MemSize,
    Nullness, SizeRule,
};
use opswap_bpf::{BtfType, MapId, RefId, SubprogId, TypeRef};

use super::field::{self, FieldPlace};
use super::graph::{self, NodePlace};
use super::objects::{self, Held};
use super::{Callee, Contract, global, record};
use crate::access::argument::{Demanded, Extent, check as check_memory};
use crate::access::{check_number_alignment, object};
use crate::host::{Aliasing, PointerLeaks};
use crate::reject::{Direction, Reason};
use crate::state::{Pointer, RegState, Region, Trust, VerifierState};
use crate::subject::Subject;
use crate::transfer::{in_rcu_section, readable};

/// Sizes at or beyond this are unbounded (Linux: `BPF_MAX_VAR_SIZ`).
const MAX_SIZE: u64 = 1 << 29;

/// Everything an argument is judged by.
pub(super) struct Call<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) state: &'a VerifierState,
    pub(super) contract: &'a Contract<'a>,
    pub(super) registers: &'a [Option<Reg>],
}

/// A legal argument, as far as it matters to the others and to the call's effects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Argument {
    /// Nothing more to it.
    Plain,
    /// A known number.
    Constant(u64),
    /// A map.
    Map(MapId),
    /// Memory that the callee sees.
    Memory(Extent),
    /// A special field.
    Field(FieldPlace),
    /// A node of an allocated object.
    Node(NodePlace),
    /// A subprogram that the callee runs.
    Callback(SubprogId),
    /// An iterator, a dynptr or a saved interrupt state.
    OnStack(Held),
    /// A host object.
    Object {
        /// The register.
        reg: Reg,
        /// The pointer in it.
        pointer: Pointer,
        /// How the callee takes it.
        demand: Demand,
    },
}

impl Argument {
    /// The special field that it points to.
    pub(super) fn place(&self) -> Option<&FieldPlace> {
        if let Self::Field(place) = self { Some(place) } else { None }
    }
}

impl Call<'_> {
    pub(super) fn kfunc(&self) -> bool {
        matches!(self.contract.callee, Callee::Kfunc(_))
    }

    fn register(&self, index: ArgIdx) -> Result<Reg, Reason> {
        let reg = self.registers.get(usize::from(index.0)).copied().flatten();
        reg.ok_or(Reason::Internal { what: "a contract names an argument that it does not have" })
    }

    /// The map argument in front of argument `index`.
    fn map_before(&self, index: usize) -> Result<MapId, Reason> {
        let wrong = Reason::Internal { what: "a contract names a map's key or value without a map" };
        let maps = self.contract.args.iter().take(index).zip(self.registers);
        let reg = maps
            .filter(|(arg, _)| matches!(arg.kind, ArgKind::Map { .. }))
            .filter_map(|(_, reg)| *reg)
            .next_back();
        match reg.map(|reg| self.state.reg(reg)) {
            Some(RegState::Pointer(Pointer { to: Region::MapPtr(id), .. })) => Ok(*id),
            _ => Err(wrong),
        }
    }
}

/// Judges argument number `index`.
pub(super) fn check(call: &Call<'_>, index: usize) -> Result<Argument, Reason> {
    let (Some(arg), Some(Some(reg))) = (call.contract.args.get(index), call.registers.get(index)) else {
        return Ok(Argument::Plain);
    };
    let reg = *reg;
    match &arg.kind {
        ArgKind::Implicit | ArgKind::Ignored => Ok(Argument::Plain),
        // No shim stands in front of a helper.
        ArgKind::Checked { legal, .. } if !call.kfunc() => check_legal(call, index, reg, legal),
        ArgKind::Scalar { .. } | ArgKind::Checked { .. } => check_number(call, reg),
        ArgKind::Const { .. } => constant(call, reg).map(Argument::Constant),
        ArgKind::Size { rule } => check_size(call, reg, *rule),
        // It is followed through checked reads only: anything will do.
        ArgKind::Object { demand: Demand::Untrusted, .. }
            if matches!(call.contract.callee, Callee::Global(_)) =>
        {
            readable(call.state, reg).map(|_| Argument::Plain)
        }
        ArgKind::Object { ty, demand } => check_object(call, index, arg, reg, *ty, *demand),
        ArgKind::ObjectOrMemory { ty, demand, size } => {
            let object = |pointer: &Pointer| matches!(pointer.to, Region::Object(_));
            if readable(call.state, reg)?.as_pointer().is_some_and(object) {
                return check_object(call, index, arg, reg, *ty, *demand);
            }
            let (size, access, init) = (MemSize::Fixed(*size), MemAccess::ReadWrite, MemInit::Required);
            check_memory_argument(call, index, arg, reg, size, access, init)
        }
        ArgKind::Memory { size: MemSize::Fixed(size), .. }
            if matches!(call.contract.callee, Callee::Global(_)) =>
        {
            global::check_memory(call, index, arg, reg, *size)
        }
        ArgKind::Memory { size, access, init } => {
            check_memory_argument(call, index, arg, reg, *size, *access, *init)
        }
        ArgKind::Unsized => {
            // As the kernel writes a type without a name.
            let kind = readable(call.state, reg)?.kernel_name();
            Err(Reason::NotAnObject { arg: index, reg, expected: "UNKNOWN ".to_owned(), kind })
        }
        ArgKind::MapKey => {
            let size = call.subject.map(call.map_before(index)?)?.key_size;
            check_fixed(
                call,
                arg,
                reg,
                Demanded { reg, size, access: MemAccess::Read, init: MemInit::Required },
            )
        }
        ArgKind::MapValue { access } => {
            let kind = call.subject.map(call.map_before(index)?)?.kind;
            if let Some(ArgKind::Record { any_of, demand }) = call.subject.host.stored(kind) {
                return record::check(call, index, arg, reg, any_of, *demand);
            }
            let size = call.subject.map(call.map_before(index)?)?.value_size;
            let init = if *access == MemAccess::Write { MemInit::Provided } else { MemInit::Required };
            check_fixed(call, arg, reg, Demanded { reg, size, access: *access, init })
        }
        ArgKind::Map { shape } => check_map(call, reg, *shape),
        ArgKind::Str => check_string(call, index, arg, reg),
        ArgKind::Context => check_context(call, index, arg, reg),
        ArgKind::Arena => global::check_arena(call, reg),
        ArgKind::Any => readable(call.state, reg).map(|_| Argument::Plain),
        ArgKind::Passed(_) => {
            Err(Reason::Internal { what: "a contract passes on an argument outside a callback" })
        }
        ArgKind::Record { any_of, demand } => record::check(call, index, arg, reg, any_of, *demand),
        ArgKind::Reserved => record::check_reserved(call, reg),
        ArgKind::Stack => record::check_stack(call, arg, reg),
        ArgKind::Percpu => Err(Reason::Unsupported { what: "per-CPU arguments" }),
        ArgKind::Node { kind, taken } => graph::check_node(call, index, arg, reg, (*kind, *taken)),
        ArgKind::Allocated { by, demand } => graph::check_object(call, index, arg, reg, (*by, *demand)),
        ArgKind::Field(kind) => field::check(call, index, arg, reg, *kind),
        ArgKind::KptrSlot { .. } => Err(Reason::Unsupported { what: "arguments that point to a kptr" }),
        // NULL where that is legal, and otherwise judged as any other value.
        ArgKind::Dynptr(_) if arg.null == Nullness::Nullable && readable(call.state, reg)?.is_null() => {
            Ok(Argument::Plain)
        }
        ArgKind::Dynptr(kind) => objects::check_dynptr(call, index, reg, *kind),
        ArgKind::Iter { ty, role } => objects::check_iter(call, index, reg, *ty, *role),
        ArgKind::IrqFlag { role, class } => objects::check_irq(call, index, reg, *role, *class),
        ArgKind::Callback { .. } => check_callback(call, index, reg),
        ArgKind::OwnedObject => field::check_owned(call, index, arg, reg),
    }
}

fn check_number(call: &Call<'_>, reg: Reg) -> Result<Argument, Reason> {
    match readable(call.state, reg)? {
        RegState::Scalar(_) => Ok(Argument::Plain),
        // Linux's helpers take anything where they ask for a number.
        RegState::Pointer(_) | RegState::NotInit
            if !call.kfunc() && call.subject.policy.leaks == PointerLeaks::Allowed =>
        {
            Ok(Argument::Plain)
        }
        RegState::Pointer(_) | RegState::NotInit => Err(Reason::NotANumber { reg }),
    }
}

fn check_legal(call: &Call<'_>, index: usize, reg: Reg, legal: &[u64]) -> Result<Argument, Reason> {
    let number = readable(call.state, reg)?.as_scalar().and_then(|value| value.as_constant());
    match number {
        Some(number) if legal.contains(&number) => Ok(Argument::Constant(number)),
        Some(_) | None => Err(Reason::IllegalFlags { name: call.contract.name.to_owned(), arg: index }),
    }
}

fn check_callback(call: &Call<'_>, index: usize, reg: Reg) -> Result<Argument, Reason> {
    let value = readable(call.state, reg)?;
    if let RegState::Pointer(Pointer { to: Region::Func(id), .. }) = value
        && value.as_pointer().and_then(Pointer::fixed_offset) == Some(0)
    {
        return Ok(Argument::Callback(*id));
    }
    Err(if call.kfunc() {
        Reason::NotAFunction { arg: index }
    } else {
        Reason::WrongArgument { reg, kind: value.kernel_name(), expected: "func" }
    })
}

fn constant(call: &Call<'_>, reg: Reg) -> Result<u64, Reason> {
    match readable(call.state, reg)? {
        RegState::Scalar(number) => number.value.as_constant().ok_or(Reason::NotConstant { reg }),
        RegState::Pointer(_) | RegState::NotInit => Err(Reason::NotANumber { reg }),
    }
}

fn check_context(call: &Call<'_>, index: usize, arg: &ArgProto, reg: Reg) -> Result<Argument, Reason> {
    let value = readable(call.state, reg)?;
    if value.is_null() && arg.null == Nullness::Nullable {
        return Ok(Argument::Plain);
    }
    let whole = |pointer: &Pointer| pointer.to == Region::Context && pointer.fixed_offset() == Some(0);
    if value.as_pointer().is_some_and(whole) {
        return Ok(Argument::Plain);
    }
    if let Some(pointer) = value.as_pointer().filter(|pointer| pointer.to == Region::Context) {
        let (kind, offset) = (value.kernel_name(), pointer.offset);
        return Err(if offset < 0 {
            Reason::NegativeOffset { reg, kind, offset }
        } else if offset != 0 {
            Reason::ModifiedPointer { reg, kind, offset }
        } else {
            Reason::VariableAccess { kind, var: pointer.var_text() }
        });
    }
    Err(if call.kfunc() {
        Reason::NotContext { arg: index, kind: value.kernel_name() }
    } else {
        Reason::WrongArgument { reg, kind: value.kernel_name(), expected: "ctx" }
    })
}

/// The greatest value of a size argument.
fn size_bound(call: &Call<'_>, reg: Reg, rule: SizeRule) -> Result<(u32, Option<u64>), Reason> {
    let RegState::Scalar(number) = readable(call.state, reg)? else { return Err(Reason::NotANumber { reg }) };
    let value = number.value;
    let known = value.as_constant();
    if value.smin() < 0 {
        return Err(Reason::NegativeSize { reg });
    }
    if value.umin() == 0 && rule == SizeRule::NonZero {
        return Err(Reason::ZeroSize { reg, min: value.umin(), max: value.umax() });
    }
    if value.umax() >= MAX_SIZE {
        return Err(Reason::UnboundedSize { reg });
    }
    if rule == SizeRule::Constant && known.is_none() {
        return Err(Reason::NotConstant { reg });
    }
    Ok((u32::try_from(value.umax()).unwrap_or(u32::MAX), known))
}

fn check_size(call: &Call<'_>, reg: Reg, rule: SizeRule) -> Result<Argument, Reason> {
    let (_, known) = size_bound(call, reg, rule)?;
    Ok(known.map_or(Argument::Plain, Argument::Constant))
}

/// What a pointer argument holds, NULL aside.
pub(super) enum Given<'s> {
    /// NULL, and that is legal.
    Null,
    /// Something that may be a pointer.
    Value(&'s RegState),
}

/// NULL is legal only where the contract says so, and a pointer that may be NULL only there, too.
pub(super) fn check_null<'s>(
    call: &Call<'s>,
    index: usize,
    arg: &ArgProto,
    reg: Reg,
) -> Result<Given<'s>, Reason> {
    let value = readable(call.state, reg)?;
    let nullable = value.as_pointer().is_some_and(|pointer| pointer.null == Nullness::Nullable);
    if arg.null == Nullness::Nullable {
        return Ok(if value.is_null() { Given::Null } else { Given::Value(value) });
    }
    if call.kfunc() && (value.is_null() || nullable) {
        return Err(Reason::PossiblyNull { arg: index, reg });
    }
    Ok(Given::Value(value))
}

fn check_memory_argument(
    call: &Call<'_>,
    index: usize,
    arg: &ArgProto,
    reg: Reg,
    size: MemSize,
    access: MemAccess,
    init: MemInit,
) -> Result<Argument, Reason> {
    if let Given::Null = check_null(call, index, arg, reg)? {
        if let (MemSize::Arg(len), false) = (size, call.kfunc()) {
            // No memory is no bytes.
            let (size, _) = size_bound(call, call.register(len)?, SizeRule::AnyOrZero)?;
            if size > 0 {
                return Err(Reason::WrongArgument { reg, kind: "scalar".into(), expected: "fp" });
            }
        }
        return Ok(Argument::Plain);
    }
    check_packet(call, reg)?;
    let MemSize::Arg(len) = size else {
        let MemSize::Fixed(size) = size else { return Ok(Argument::Plain) };
        let checked = check_fixed(call, arg, reg, Demanded { reg, size, access, init })?;
        if !call.kfunc() && access != MemAccess::Read {
            check_number_alignment(call.subject, call.state, reg, size)?;
        }
        return Ok(checked);
    };
    let len_reg = call.register(len)?;
    let rule = match call.contract.args.get(usize::from(len.0)).map(|arg| &arg.kind) {
        Some(ArgKind::Size { rule }) => *rule,
        _ => SizeRule::AnyOrZero,
    };
    let (size, known) = size_bound(call, len_reg, rule)?;
    // A callee that is given a variable size may write less: everything must be there before.
    let init = if known.is_some() { init } else { MemInit::Required };
    let pair = |cause: Reason| match call.kfunc() {
        true => Reason::InvalidMemoryPair { mem: index, len: usize::from(len.0), cause: Box::new(cause) },
        false => cause,
    };
    let extent =
        check_memory(call.subject, call.state, Demanded { reg, size, access, init }).map_err(pair)?;
    check_unshared(call, reg)?;
    Ok(Argument::Memory(extent))
}

/// Memory in the packet is for calls that take it, in programs that may use the packet directly.
fn check_packet(call: &Call<'_>, reg: Reg) -> Result<(), Reason> {
    let packet = call.state.reg(reg).as_pointer().is_some_and(|pointer| pointer.to.is_packet());
    let taken = call.kfunc() || call.contract.effects.contains(HelperEffects::PACKET_MEMORY);
    let direct = call.subject.host.packet(&call.subject.program.kind).direct.is_some();
    if packet && !(taken && direct) { Err(Reason::PacketArgument { reg }) } else { Ok(()) }
}

fn check_fixed(call: &Call<'_>, arg: &ArgProto, reg: Reg, demanded: Demanded) -> Result<Argument, Reason> {
    let value = readable(call.state, reg)?;
    if value.is_null() && arg.null == Nullness::Nullable {
        return Ok(Argument::Plain);
    }
    check_packet(call, reg)?;
    let extent = check_memory(call.subject, call.state, demanded)?;
    check_unshared(call, reg)?;
    Ok(Argument::Memory(extent))
}

/// A kfunc holds Rust references during the call: nobody else may change what lies behind them.
fn check_unshared(call: &Call<'_>, reg: Reg) -> Result<(), Reason> {
    if !call.kfunc() || call.subject.policy.aliasing == Aliasing::Shared {
        return Ok(());
    }
    let pointer = call.state.reg(reg).as_pointer();
    if pointer.and_then(|pointer| pointer.trust.root()).is_some_and(|root| call.state.is_dynptr(root)) {
        return Err(Reason::SharedMemory { reg, memory: "the memory of a dynptr".to_owned() });
    }
    let Some(Pointer { to: Region::MapValue(id), .. }) = pointer else {
        return global::check_own_memory(call, reg);
    };
    let map = call.subject.map(*id)?;
    if map.frozen.is_some() && map.flags & BPF_F_RDONLY_PROG != 0 {
        return Ok(());
    }
    Err(Reason::SharedMemory { reg, memory: format!("a value of map {}", map.name) })
}

fn check_map(call: &Call<'_>, reg: Reg, shape: Option<(u32, u32)>) -> Result<Argument, Reason> {
    let value = readable(call.state, reg)?;
    let RegState::Pointer(Pointer { to: Region::MapPtr(id), null: Nullness::NonNull, .. }) = value else {
        return Err(if call.kfunc() {
            Reason::NotAMap { reg }
        } else {
            Reason::WrongArgument { reg, kind: value.kernel_name(), expected: "map_ptr" }
        });
    };
    let map = call.subject.map(*id)?;
    if call.contract.maps.is_some_and(|kinds| !kinds.contains(&map.kind)) {
        return Err(Reason::WrongMapKind { kind: map.kind as u32, name: call.contract.title() });
    }
    // Its values are maps: nothing that reads or writes values as bytes may have it.
    let holds_maps = matches!(map.kind, MapKind::ArrayOfMaps | MapKind::HashOfMaps);
    if holds_maps && call.contract.intrinsic.is_some_and(|meaning| meaning != Intrinsic::MapLookup) {
        return Err(Reason::WrongMapKind { kind: map.kind as u32, name: call.contract.title() });
    }
    // What is read-only to programs is so through calls, too: frozen contents count as constants.
    if call.contract.intrinsic == Some(Intrinsic::MapUpdate) && map.flags & BPF_F_RDONLY_PROG != 0 {
        let (direction, value_size, offset, size) = (Direction::Write, map.value_size, 0, map.value_size);
        return Err(Reason::MapAccessForbidden { direction, value_size, offset, size });
    }
    let found = (map.key_size, map.value_size);
    match shape {
        Some(wanted) if wanted != found => {
            Err(Reason::MapShape { reg, map: map.name.clone(), wanted, found })
        }
        Some(_) | None => Ok(Argument::Map(*id)),
    }
}

/// A constant string: in a map that nobody writes, at a known place, with its end in sight.
fn check_string(call: &Call<'_>, index: usize, arg: &ArgProto, reg: Reg) -> Result<Argument, Reason> {
    let value = match check_null(call, index, arg, reg)? {
        Given::Null => return Ok(Argument::Plain),
        Given::Value(value) => value,
    };
    let RegState::Pointer(pointer) = value else { return Err(Reason::NotAString { arg: index }) };
    let (Region::MapValue(id), Nullness::NonNull) = (pointer.to, pointer.null) else {
        return Err(Reason::NotAString { arg: index });
    };
    let map = call.subject.map(id)?;
    let Some(contents) = map.frozen.as_ref().filter(|_| map.flags & BPF_F_RDONLY_PROG != 0) else {
        return Err(Reason::StringInWritableMap { reg });
    };
    let Some(offset) = pointer.fixed_offset() else { return Err(Reason::StringAtVariableOffset { reg }) };
    let tail = usize::try_from(offset).ok().and_then(|at| contents.get(at..));
    match tail {
        Some(tail) if tail.contains(&0) => Ok(Argument::Plain),
        Some(_) | None => Err(Reason::StringWithoutEnd { reg }),
    }
}

fn check_object(
    call: &Call<'_>,
    index: usize,
    arg: &ArgProto,
    reg: Reg,
    ty: TypeRef,
    demand: Demand,
) -> Result<Argument, Reason> {
    let value = match check_null(call, index, arg, reg)? {
        Given::Null => return Ok(Argument::Plain),
        Given::Value(value) => value,
    };
    if is_map_as_object(call, value, ty)? {
        return Ok(Argument::Plain);
    }
    let RegState::Pointer(pointer @ Pointer { to: Region::Object(held), .. }) = value else {
        return Err(not_an_object(call, index, reg, ty, value));
    };
    let held = *held;
    if pointer.null == Nullness::Nullable && arg.null == Nullness::NonNull {
        return Err(not_an_object(call, index, reg, ty, value));
    }
    check_trust(call, reg, pointer, demand)?;
    let Some(offset) = pointer.fixed_offset() else {
        return Err(Reason::VariableAccess { kind: pointer.kernel_name(), var: pointer.var_text() });
    };
    if offset < 0 {
        return Err(Reason::NegativeOffset { reg, kind: pointer.kernel_name(), offset: pointer.offset });
    }
    if demand == Demand::Owned && offset != 0 {
        return Err(Reason::ReleaseAtOffset { reg });
    }
    let mismatch = || Reason::WrongObject {
        name: call.contract.name.to_owned(),
        arg: index,
        reg,
        expected: described(call.subject, ty),
        found: described(call.subject, held),
    };
    let access = match demand {
        // What is given away must be the very object, not its first member.
        Demand::Owned => object::same_type(call.subject, held, ty).then_some(FieldAccess::Shared),
        // An object before it is complete must not pass for a complete one, which is its first member.
        Demand::Trusted | Demand::Rcu | Demand::Exclusive | Demand::Untrusted
            if object::is_incomplete(call.subject, held, ty) =>
        {
            None
        }
        Demand::Trusted | Demand::Rcu | Demand::Exclusive | Demand::Untrusted => {
            object::embedded(call.subject, held, offset, ty)
        }
    };
    match (access.ok_or_else(mismatch)?, demand) {
        (FieldAccess::Hidden, _) | (FieldAccess::ReadOnly, Demand::Exclusive) => {
            Err(Reason::FieldNotShared { reg, ty: object::type_name(call.subject, held), offset })
        }
        _ => Ok(Argument::Object { reg, pointer: *pointer, demand }),
    }
}

/// Whether a map is given where the host's own type of it is asked for.
fn is_map_as_object(call: &Call<'_>, value: &RegState, ty: TypeRef) -> Result<bool, Reason> {
    let Some(pointer @ Pointer { to: Region::MapPtr(id), null: Nullness::NonNull, .. }) = value.as_pointer()
    else {
        return Ok(false);
    };
    let object = call.subject.host.map_object(call.subject.map(*id)?.kind);
    let same = object.is_some_and(|object| object::embedded(call.subject, object, 0, ty).is_some());
    Ok(call.kfunc() && same && pointer.fixed_offset() == Some(0))
}

fn check_trust(call: &Call<'_>, reg: Reg, pointer: &Pointer, demand: Demand) -> Result<(), Reason> {
    let trusted = match pointer.trust {
        Trust::Trusted | Trust::Exclusive(_) | Trust::Owned(_) | Trust::Borrowed(_) => true,
        Trust::Untrusted | Trust::Walked | Trust::Rcu => false,
    };
    match demand {
        Demand::Trusted if trusted => Ok(()),
        Demand::Trusted => Err(Reason::NotTrusted { reg }),
        Demand::Rcu => {
            let rcu = pointer.trust == Trust::Rcu && in_rcu_section(call.subject, call.state);
            if trusted || rcu { Ok(()) } else { Err(Reason::NotRcu { reg }) }
        }
        Demand::Exclusive => match pointer.trust {
            Trust::Exclusive(_) => Ok(()),
            Trust::Untrusted
            | Trust::Walked
            | Trust::Trusted
            | Trust::Rcu
            | Trust::Owned(_)
            | Trust::Borrowed(_) => Err(Reason::NotExclusive { reg, kind: pointer.kernel_name() }),
        },
        Demand::Owned => match owned(call.state, pointer) {
            Some(_) => Ok(()),
            None => Err(Reason::NotOwned { name: call.contract.name.to_owned(), reg }),
        },
        // Functions without trust take any address; helpers, what was found on the way from a valid object.
        Demand::Untrusted if call.kfunc() || pointer.trust != Trust::Untrusted => Ok(()),
        Demand::Untrusted => {
            let expected = "ptr_, trusted_ptr_, rcu_ptr_";
            Err(Reason::WrongArgument { reg, kind: pointer.kernel_name(), expected })
        }
    }
}

/// The reference that a pointer owns.
fn owned(state: &VerifierState, pointer: &Pointer) -> Option<RefId> {
    state.refs().get(pointer.trust.owned()?).map(|reference| reference.id)
}

fn not_an_object(call: &Call<'_>, index: usize, reg: Reg, ty: TypeRef, value: &RegState) -> Reason {
    if call.kfunc() {
        Reason::NotAnObject {
            arg: index,
            reg,
            expected: described(call.subject, ty),
            kind: value.kernel_name(),
        }
    } else {
        Reason::WrongArgument { reg, kind: value.kernel_name(), expected: "ptr_, trusted_ptr_, rcu_ptr_" }
    }
}

/// A type as the kernel writes it (`STRUCT task_struct`).
fn described(subject: &Subject<'_>, ty: TypeRef) -> String {
    let kind = match subject.host.btf(ty.space).map(|btf| btf.resolve(ty.id)) {
        Some(BtfType::Struct { .. }) => "STRUCT",
        Some(BtfType::Union { .. }) => "UNION",
        Some(_) | None => "UNKNOWN",
    };
    format!("{kind} {}", object::type_name(subject, ty))
}
