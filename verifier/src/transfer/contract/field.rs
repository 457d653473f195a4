//! Special fields as arguments: locks, timers, workqueues and kptrs, at a known place of a map's value or allocated object.

use opswap_bpf::insn::Reg;
use opswap_bpf::map::{KptrKind, MapField, SpecialField};
use opswap_bpf::proto::{ArgKind, ArgProto, Demand, FieldKind, Nullness};
use opswap_bpf::{BtfSpace, RefId, TypeRef};

use super::argument::{Argument, Call, Given, check_null};
use crate::access::{field, object};
use crate::reject::{FieldFault, KptrFault, Reason};
use crate::state::{Home, Origin, Pointer, RefKind, RegState, Region, Trust};
use crate::transfer::readable;

/// A special field that an argument points to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FieldPlace {
    pub(super) reg: Reg,
    pub(super) kind: FieldKind,
    pub(super) field: MapField,
    pub(super) home: Home,
    pub(super) origin: Origin,
    /// The reference that the object around it hangs on.
    pub(super) root: Option<RefId>,
}

/// The kernel's name of the fields of a kind.
pub(super) fn name(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::SpinLock => "bpf_spin_lock",
        FieldKind::ResSpinLock => "bpf_res_spin_lock",
        FieldKind::Timer => "bpf_timer",
        FieldKind::Workqueue => "bpf_wq",
        FieldKind::TaskWork => "bpf_task_work",
        FieldKind::Kptr => "kptr",
        FieldKind::ListHead => "bpf_list_head",
        FieldKind::ListNode => "bpf_list_node",
        FieldKind::RbRoot => "bpf_rb_root",
        FieldKind::RbNode => "bpf_rb_node",
        FieldKind::Refcount => "bpf_refcount",
    }
}

pub(super) fn kind_of(field: &SpecialField) -> FieldKind {
    match field {
        SpecialField::SpinLock => FieldKind::SpinLock,
        SpecialField::ResSpinLock => FieldKind::ResSpinLock,
        SpecialField::Timer => FieldKind::Timer,
        SpecialField::Workqueue => FieldKind::Workqueue,
        SpecialField::Refcount => FieldKind::Refcount,
        SpecialField::ListHead { .. } => FieldKind::ListHead,
        SpecialField::ListNode => FieldKind::ListNode,
        SpecialField::RbRoot { .. } => FieldKind::RbRoot,
        SpecialField::RbNode => FieldKind::RbNode,
        SpecialField::Kptr { .. } => FieldKind::Kptr,
    }
}

/// Whether a value has at most one field of the kind.
fn single(kind: FieldKind) -> bool {
    match kind {
        FieldKind::SpinLock
        | FieldKind::ResSpinLock
        | FieldKind::Timer
        | FieldKind::Workqueue
        | FieldKind::TaskWork
        | FieldKind::Refcount => true,
        FieldKind::Kptr
        | FieldKind::ListHead
        | FieldKind::ListNode
        | FieldKind::RbRoot
        | FieldKind::RbNode => false,
    }
}

/// Judges an argument that must point to a field of this kind.
pub(super) fn check(
    call: &Call<'_>,
    index: usize,
    arg: &ArgProto,
    reg: Reg,
    kind: FieldKind,
) -> Result<Argument, Reason> {
    let value = match check_null(call, index, arg, reg)? {
        Given::Null => return Ok(Argument::Plain),
        Given::Value(value) => value,
    };
    let pointer = match value {
        RegState::Pointer(pointer) if pointer.null == Nullness::NonNull => pointer,
        RegState::Pointer(_) | RegState::Scalar(_) | RegState::NotInit => {
            return Err(wrong(call, index, reg, kind, value));
        }
    };
    let (home, root) = match (pointer.to, pointer.trust) {
        (Region::MapValue(map), _) => (Home::Map(map), None),
        (Region::Allocated(ty), Trust::Owned(id))
            if in_objects(kind) && call.state.refs().get(id).is_some() =>
        {
            (Home::Allocated(ty), Some(id))
        }
        _ => return Err(wrong(call, index, reg, kind, value)),
    };
    let field = find(call, reg, pointer, home, kind)?;
    let place = FieldPlace { reg, kind, field, home, origin: pointer.origin, root };
    if place.field.field.element().is_some() {
        super::graph::check_locked(call, &place)?;
    }
    Ok(Argument::Field(place))
}

/// Whether objects of the program's own types may have fields of the kind.
fn in_objects(kind: FieldKind) -> bool {
    match kind {
        FieldKind::Timer | FieldKind::Workqueue | FieldKind::TaskWork => false,
        FieldKind::SpinLock
        | FieldKind::ResSpinLock
        | FieldKind::Kptr
        | FieldKind::ListHead
        | FieldKind::ListNode
        | FieldKind::RbRoot
        | FieldKind::RbNode
        | FieldKind::Refcount => true,
    }
}

fn wrong(call: &Call<'_>, index: usize, reg: Reg, kind: FieldKind, value: &RegState) -> Reason {
    if !call.kfunc() {
        let expected = if in_objects(kind) { "map_value, ptr_" } else { "map_value" };
        return Reason::WrongArgument { reg, kind: value.kernel_name(), expected };
    }
    let fault = if in_objects(kind) {
        FieldFault::NotAValueOrObject { arg: index }
    } else {
        FieldFault::NotAValue { arg: index }
    };
    Reason::Field { reg, fault }
}

/// The field of this kind at the pointer.
fn find(
    call: &Call<'_>,
    reg: Reg,
    pointer: &Pointer,
    home: Home,
    kind: FieldKind,
) -> Result<MapField, Reason> {
    let name = name(kind);
    let fail = |fault| Reason::Field { reg, fault };
    let offset = pointer.fixed_offset().ok_or_else(|| fail(FieldFault::VariableOffset { field: name }))?;
    let fields = field::of(call.subject, home)?;
    let mut of_kind = fields.iter().filter(|field| kind_of(&field.field) == kind);
    if of_kind.clone().next().is_none() {
        let Home::Map(id) = home else {
            return Err(fail(FieldFault::None { map: None, field: name }));
        };
        let map = call.subject.map(id)?;
        let typeless = map.value_type.0 == 0;
        let map = map.name.clone();
        return Err(fail(if typeless {
            FieldFault::NoType { map, field: name }
        } else {
            FieldFault::None { map: Some(map), field: name }
        }));
    }
    let found = of_kind.clone().find(|field| i64::from(field.offset) == offset);
    found.copied().ok_or_else(|| {
        fail(match of_kind.next() {
            Some(only) if single(kind) => FieldFault::Elsewhere { offset, field: name, at: only.offset },
            Some(_) | None => FieldFault::NotFound { offset, field: name },
        })
    })
}

/// A timer or workqueue is initialised for the map that it lies in, and no other.
pub(super) fn check_map(call: &Call<'_>, arguments: &[Argument]) -> Result<(), Reason> {
    let Some(place) = arguments.iter().find_map(Argument::place) else { return Ok(()) };
    let word = match place.kind {
        FieldKind::Timer => "timer",
        FieldKind::Workqueue => "workqueue",
        FieldKind::TaskWork => "bpf_task_work",
        FieldKind::SpinLock
        | FieldKind::ResSpinLock
        | FieldKind::Kptr
        | FieldKind::ListHead
        | FieldKind::ListNode
        | FieldKind::RbRoot
        | FieldKind::RbNode
        | FieldKind::Refcount => return Ok(()),
    };
    for (argument, reg) in arguments.iter().zip(call.registers) {
        let (Argument::Map(map), Some(reg)) = (argument, reg) else { continue };
        let origin = call.state.reg(*reg).as_pointer().map(|pointer| pointer.origin).unwrap_or_default();
        if place.home != Home::Map(*map) || place.origin.map != origin.map {
            let ids = (place.origin.map.number(), origin.map.number());
            let fault = FieldFault::OtherMap { field: word, map: *reg, ids };
            return Err(Reason::Field { reg: place.reg, fault });
        }
    }
    Ok(())
}

/// A reference to an object that the call takes, or NULL where that is legal.
pub(super) fn check_owned(
    call: &Call<'_>,
    index: usize,
    arg: &ArgProto,
    reg: Reg,
) -> Result<Argument, Reason> {
    let value = readable(call.state, reg)?;
    if value.is_null() && arg.null == Nullness::Nullable {
        return Ok(Argument::Plain);
    }
    let RegState::Pointer(pointer @ Pointer { to: Region::Object(_) | Region::Allocated(_), .. }) = value
    else {
        return Err(Reason::WrongArgument { reg, kind: value.kernel_name(), expected: "ptr_" });
    };
    let fail = |fault| Err(Reason::Kptr { fault });
    if pointer.null == Nullness::Nullable {
        return fail(KptrFault::MayBeNull { arg: index + 1 });
    }
    let live = pointer.trust.root().and_then(|id| call.state.refs().get(id));
    let owned = matches!(pointer.trust, Trust::Owned(_)) && live.is_some_and(|it| it.kind == RefKind::Owned);
    if !owned {
        return fail(KptrFault::NotReferenced { reg });
    }
    if pointer.fixed_offset() != Some(0) {
        return Err(Reason::ReleaseAtOffset { reg });
    }
    Ok(Argument::Object { reg, pointer: *pointer, demand: Demand::Owned })
}

/// An exchange: the kptr owns what it points to, and the new object is of its type.
pub(super) fn check_exchange(call: &Call<'_>, arguments: &[Argument]) -> Result<(), Reason> {
    let Some(place) = arguments.iter().find_map(Argument::place) else { return Ok(()) };
    let SpecialField::Kptr { ty, kind } = place.field.field else { return Ok(()) };
    let fail = |fault| Err(Reason::Kptr { fault });
    match kind {
        KptrKind::Referenced => {}
        KptrKind::Unreferenced | KptrKind::User => {
            return fail(KptrFault::NotOwner { offset: i64::from(place.field.offset) });
        }
        KptrKind::Percpu => return Err(Reason::Unsupported { what: "per-CPU kptrs" }),
    }
    for (arg, given) in call.contract.args.iter().zip(arguments) {
        let (ArgKind::OwnedObject, Argument::Object { reg, pointer, .. }) = (&arg.kind, given) else {
            continue;
        };
        let fits = match pointer.to.object_type() {
            Some(TypeRef { space: BtfSpace::Program, id }) => field::is_own(call.subject, id, ty),
            Some(held) => object::same_type(call.subject, held, ty),
            None => false,
        };
        if !fits {
            return fail(field::type_mismatch(call.subject, *reg, pointer, ty, KptrKind::Referenced));
        }
        // The object must not be put into itself: the pointer to it would go with it.
        if place.root.is_some() && place.root == pointer.trust.root() {
            return Err(Reason::Unsupported { what: "objects that own themselves" });
        }
    }
    Ok(())
}
