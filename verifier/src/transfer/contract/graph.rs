//! Objects that the program allocates, and the lists and trees that hold them: who owns an object, and for how long a pointer
//! to one that a list or tree holds is good.
//!
//! The program owns what it allocated, and what it took out of a list. What it puts in belongs to the list; its pointers stay
//! valid until the lock is given back that protects the list, and so are pointers to elements that a call merely shows.

use opswap_bpf::insn::Reg;
use opswap_bpf::map::SpecialField;
use opswap_bpf::proto::{Allocation, ArgIdx, ArgProto, Demand, FieldKind, NodeUse, Nullness, RetTrust};
use opswap_bpf::{BtfId, BtfType, RefId, TypeRef};

use super::argument::{Argument, Call, Given, check_null};
use super::effect::{Fresh, Outcome, fresh_object};
use super::field::{FieldPlace, kind_of, name};
use crate::access::field;
use crate::reject::{FieldFault, GraphFault, LockFault, Reason};
use crate::state::{Pointer, RefKind, RegState, Region, Role, Trust, VerifierState};
use crate::subject::Subject;

/// A node of an allocated object that an argument points to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NodePlace {
    pub(super) reg: Reg,
    pub(super) pointer: Pointer,
    pub(super) kind: FieldKind,
    pub(super) taken: NodeUse,
    ty: BtfId,
    offset: i64,
}

fn fail<T>(fault: GraphFault) -> Result<T, Reason> {
    Err(Reason::Graph { fault })
}

/// The allocated object that an argument points to.
fn object<'s>(
    call: &Call<'s>,
    index: usize,
    arg: &ArgProto,
    reg: Reg,
) -> Result<Option<(BtfId, &'s Pointer)>, Reason> {
    let value = match check_null(call, index, arg, reg)? {
        Given::Null => return Ok(None),
        Given::Value(value) => value,
    };
    match value {
        RegState::Pointer(pointer @ Pointer { to: Region::Allocated(ty), null: Nullness::NonNull, .. }) => {
            Ok(Some((*ty, pointer)))
        }
        RegState::Pointer(_) | RegState::Scalar(_) | RegState::NotInit => {
            fail(GraphFault::NotAllocated { arg: index })
        }
    }
}

/// Whether the program owns the object.
fn owns(state: &VerifierState, pointer: &Pointer) -> bool {
    let live = |id| state.refs().get(id).is_some_and(|reference| reference.kind == RefKind::Owned);
    matches!(pointer.trust, Trust::Owned(id) if live(id))
}

/// An allocated object that the call takes, or that is counted once more.
pub(super) fn check_object(
    call: &Call<'_>,
    index: usize,
    arg: &ArgProto,
    reg: Reg,
    (by, demand): (Allocation, Demand),
) -> Result<Argument, Reason> {
    if by == Allocation::Percpu {
        return Err(Reason::Unsupported { what: "per-CPU objects" });
    }
    let Some((ty, pointer)) = object(call, index, arg, reg)? else { return Ok(Argument::Plain) };
    if demand == Demand::Owned {
        if !owns(call.state, pointer) {
            return fail(GraphFault::NotAllocated { arg: index });
        }
        if pointer.fixed_offset() != Some(0) {
            return Err(Reason::ReleaseAtOffset { reg });
        }
        return Ok(Argument::Object { reg, pointer: *pointer, demand });
    }
    let shared = match pointer.trust {
        Trust::Borrowed(_) => true,
        Trust::Rcu => crate::transfer::in_rcu_section(call.subject, call.state),
        Trust::Owned(_) => owns(call.state, pointer),
        Trust::Untrusted | Trust::Walked | Trust::Trusted | Trust::Exclusive(_) => false,
    };
    if !shared {
        return fail(GraphFault::NotHeld { arg: index });
    }
    let fields = call.subject.struct_fields(ty).unwrap_or_default();
    if !fields.iter().any(|field| field.field == SpecialField::Refcount) {
        return fail(GraphFault::NotCounted { arg: index });
    }
    match pointer.fixed_offset() {
        Some(0) => Ok(Argument::Object { reg, pointer: *pointer, demand }),
        Some(_) => Err(Reason::ModifiedPointer { reg, kind: pointer.kernel_name(), offset: pointer.offset }),
        None => Err(Reason::VariableAccess { kind: pointer.kernel_name(), var: pointer.var_text() }),
    }
}

/// A node inside an allocated object.
pub(super) fn check_node(
    call: &Call<'_>,
    index: usize,
    arg: &ArgProto,
    reg: Reg,
    (kind, taken): (FieldKind, NodeUse),
) -> Result<Argument, Reason> {
    let found = match (taken, object(call, index, arg, reg)) {
        (NodeUse::Linked, Err(Reason::Graph { .. })) => return fail(GraphFault::NotLinked),
        (NodeUse::Linked | NodeUse::Given, found) => found?,
    };
    let Some((ty, pointer)) = found else { return Ok(Argument::Plain) };
    match (taken, pointer.trust) {
        (NodeUse::Given, _) if !owns(call.state, pointer) => {
            return fail(GraphFault::NotAllocated { arg: index });
        }
        (NodeUse::Given, _) if comparing(call.state) => return fail(GraphFault::AddedInComparison),
        (NodeUse::Given, _) | (NodeUse::Linked, Trust::Borrowed(_)) => {}
        (NodeUse::Linked, _) => return fail(GraphFault::NotLinked),
    }
    let Some(offset) = pointer.fixed_offset() else {
        return Err(Reason::VariableAccess { kind: pointer.kernel_name(), var: pointer.var_text() });
    };
    let fields = call.subject.struct_fields(ty).unwrap_or_default();
    let there = fields.iter().any(|field| kind_of(&field.field) == kind && i64::from(field.offset) == offset);
    if !there {
        let fault = FieldFault::NotFound { offset, field: name(kind) };
        return Err(Reason::Field { reg, fault });
    }
    Ok(Argument::Node(NodePlace { reg, pointer: *pointer, kind, taken, ty, offset }))
}

/// The list or tree of a call, and the lock that protects it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Graph {
    root: FieldPlace,
    pub(super) lock: RefId,
}

/// The lock of a list or tree is held, and nodes belong to its elements.
pub(super) fn check(call: &Call<'_>, arguments: &[Argument]) -> Result<Option<Graph>, Reason> {
    let is_root = |place: &&FieldPlace| place.field.field.element().is_some();
    let Some(root) = arguments.iter().find_map(Argument::place).filter(is_root) else { return Ok(None) };
    let lock = check_locked(call, root)?;
    for (index, argument) in arguments.iter().enumerate() {
        let Argument::Node(node) = argument else { continue };
        check_element(call, root, node, index)?;
        if node.taken == NodeUse::Linked && node.pointer.trust != Trust::Borrowed(lock) {
            return fail(GraphFault::NotLinked);
        }
    }
    Ok(Some(Graph { root: *root, lock }))
}

/// The lock that protects a list or tree.
pub(super) fn check_locked(call: &Call<'_>, root: &FieldPlace) -> Result<RefId, Reason> {
    let fields = field::of(call.subject, root.home)?;
    let lock_at = fields
        .iter()
        .find(|field| matches!(field.field, SpecialField::SpinLock | SpecialField::ResSpinLock))
        .map_or(0, |field| field.offset);
    let mut locks = call.state.refs().locks();
    match locks.find(|(_, lock)| lock.home == root.home && lock.value == root.origin.value) {
        Some((lock, _)) => Ok(lock),
        None => fail(GraphFault::Unlocked { lock_at, root: root.field.field.type_name() }),
    }
}

/// The node is the one through which the list or tree links its elements.
fn check_element(call: &Call<'_>, root: &FieldPlace, node: &NodePlace, arg: usize) -> Result<(), Reason> {
    let Some((element, offset)) = root.field.field.element() else { return Ok(()) };
    let struct_name = |ty| field::type_name(call.subject, TypeRef::program(ty));
    let node_name = name(node.kind);
    if !field::is_own(call.subject, node.ty, TypeRef::program(element)) {
        return fail(GraphFault::OtherElement {
            root: root.field.field.type_name(),
            arg,
            node: node_name,
            expected: (offset, struct_name(element)),
            found: (node.offset, struct_name(node.ty)),
        });
    }
    if node.offset != i64::from(offset) {
        let at = (offset, struct_name(element));
        return fail(GraphFault::OtherNode { arg, node: node_name, expected: at, offset: node.offset });
    }
    Ok(())
}

/// What a comparison of two elements is given: both, at their nodes, under the lock.
pub(super) fn compared(graph: &Graph) -> Option<RegState> {
    let (element, offset) = graph.root.field.field.element()?;
    let pointer = Pointer::new(Region::Allocated(element)).at(i32::try_from(offset).ok()?);
    Some(RegState::Pointer(pointer.held(Trust::Borrowed(graph.lock))))
}

/// A new object of the struct whose id is in an argument.
pub(super) fn allocate(
    subject: &Subject<'_>,
    arguments: &[Argument],
    ty: ArgIdx,
    by: Allocation,
    null: Nullness,
) -> Result<Outcome, Reason> {
    if by == Allocation::Percpu {
        return Err(Reason::Unsupported { what: "per-CPU objects" });
    }
    let Some(Argument::Constant(id)) = arguments.get(usize::from(ty.0)) else {
        return Err(Reason::Internal { what: "a contract allocates without a type" });
    };
    let Ok(id) = u32::try_from(*id) else { return fail(GraphFault::TypeRange) };
    let Some(btf) = &subject.program.btf else { return fail(GraphFault::NoTypes) };
    let ty = btf.skip_modifiers(BtfId(id));
    if !matches!(btf.get(ty), Some(BtfType::Struct { .. })) || btf.size_of(ty).is_none() {
        return fail(GraphFault::NotAStruct);
    }
    if subject.struct_fields(ty).is_none() {
        return Err(Reason::Unsupported { what: "structs that break the rules for special fields" });
    }
    let pointer = Pointer::new(Region::Allocated(ty)).nullable(null);
    Ok(Outcome::Acquired(pointer, fresh_object(subject, ty)))
}

/// An element of the call's list or tree.
pub(super) fn element(
    subject: &Subject<'_>,
    state: &VerifierState,
    graph: Option<&Graph>,
    trust: RetTrust,
    null: Nullness,
) -> Result<Outcome, Reason> {
    let wrong = Reason::Internal { what: "a contract returns an element but takes no list" };
    let Some((graph, (ty, offset))) =
        graph.and_then(|graph| Some((graph, graph.root.field.field.element()?)))
    else {
        return Err(wrong);
    };
    let offset = i32::try_from(offset).map_err(|_| wrong)?;
    let pointer = Pointer::new(Region::Allocated(ty)).at(offset).nullable(null);
    if trust != RetTrust::Owned {
        return Ok(Outcome::Value(RegState::Pointer(pointer.held(Trust::Borrowed(graph.lock)))));
    }
    if comparing(state) {
        return fail(GraphFault::RemovedInComparison);
    }
    Ok(Outcome::Acquired(pointer, fresh_object(subject, ty)))
}

/// One more reference to an object.
pub(super) fn count(arguments: &[Argument], of: ArgIdx) -> Result<Outcome, Reason> {
    let Some(Argument::Object { pointer, .. }) = arguments.get(usize::from(of.0)) else {
        return Err(Reason::Internal { what: "a contract counts references to nothing" });
    };
    // Who owns a reference knows that the object lives; the others may come too late.
    let null = if matches!(pointer.trust, Trust::Owned(_)) { Nullness::NonNull } else { Nullness::Nullable };
    let pointer = Pointer::new(pointer.to).nullable(null);
    Ok(Outcome::Acquired(pointer, Fresh::Value))
}

/// Whether two elements of a tree are being compared: the tree is about to change.
pub(super) fn comparing(state: &VerifierState) -> bool {
    state.frames().iter().any(|frame| frame.role == Role::Comparison)
}

/// Locks stay as they are while elements are compared.
pub(super) fn check_comparing(state: &VerifierState) -> Result<(), Reason> {
    if comparing(state) { Err(Reason::Lock { fault: LockFault::InComparison }) } else { Ok(()) }
}
