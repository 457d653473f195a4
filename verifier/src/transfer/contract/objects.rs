//! Objects on the program's stack as arguments: iterators, dynptrs, saved interrupt states.

use opswap_bpf::insn::Reg;
use opswap_bpf::proto::{ArgIdx, ArgKind, DynptrKind, DynptrMemory, IrqClass, IrqRole, IterRole, KfuncFlags};
use opswap_bpf::{RefId, TypeRef};

use super::argument::{Argument, Call};
use crate::access::{object, stack};
use crate::reject::{Misplaced, OnStack, Reason};
use crate::state::{Dynptr, Guard, Iter, ObjectKind, Pointer, Progress, RefKind, Region, StackObject, Trust};
use crate::transfer::{in_rcu_section, readable};

/// Bytes of a dynptr.
const DYNPTR_BYTES: u32 = 16;
/// Bytes of a saved interrupt state.
const IRQ_BYTES: u32 = 8;

/// An object as an argument: where it is, unless the host holds it, and what the call does with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Held {
    pub(super) spot: Option<Spot>,
    pub(super) deed: Deed,
}

/// Bytes of a frame's stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Spot {
    pub(super) frame: u8,
    pub(super) offset: i64,
    pub(super) size: u32,
}

impl Spot {
    /// One past its last byte.
    pub(super) fn end(&self) -> i64 {
        self.offset + i64::from(self.size)
    }
}

/// What a call does with an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Deed {
    /// Constructs an iterator.
    Begin { ty: TypeRef, guard: Guard },
    /// Takes its next element.
    Advance(Iter),
    /// Destroys it.
    Destroy(Iter),
    /// Looks at it.
    Inspect(Iter),
    /// Constructs a dynptr.
    Construct(DynptrMemory),
    /// Constructs a copy of this one.
    Copy(Dynptr),
    /// Reads through it, or writes.
    Read(Dynptr),
    /// Changes it.
    Change(Dynptr),
    /// Gives back what it owns.
    Release { owner: RefId },
    /// Saves the interrupt state.
    Save(IrqClass),
    /// Restores it.
    Restore(RefId),
}

impl Held {
    /// What nobody else may use during the call, if the callee takes the object as `&mut` or for good.
    pub(super) fn taken(&self) -> Option<RefId> {
        match self.deed {
            Deed::Advance(iter) | Deed::Destroy(iter) => Some(iter.id),
            Deed::Change(dynptr) => Some(dynptr.id),
            Deed::Release { owner } => Some(owner),
            Deed::Begin { .. }
            | Deed::Inspect(_)
            | Deed::Construct(_)
            | Deed::Copy(_)
            | Deed::Read(_)
            | Deed::Save(_)
            | Deed::Restore(_) => None,
        }
    }

    /// What it hangs on.
    pub(super) fn root(&self) -> Option<RefId> {
        match self.deed {
            Deed::Advance(iter) | Deed::Destroy(iter) | Deed::Inspect(iter) => Some(iter.id),
            Deed::Read(dynptr) | Deed::Change(dynptr) => Some(dynptr.owner.unwrap_or(dynptr.id)),
            Deed::Copy(dynptr) => dynptr.owner,
            Deed::Release { owner } => Some(owner),
            Deed::Begin { .. } | Deed::Construct(_) | Deed::Save(_) | Deed::Restore(_) => None,
        }
    }

    /// Whether the callee only looks at it.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.deed, Deed::Read(_) | Deed::Inspect(_))
    }

    /// What results that are tied to it hang on.
    pub(super) fn lender(&self) -> Option<RefId> {
        match self.deed {
            Deed::Advance(iter) | Deed::Inspect(iter) => Some(iter.id),
            Deed::Read(dynptr) | Deed::Change(dynptr) => Some(dynptr.id),
            Deed::Begin { .. }
            | Deed::Destroy(_)
            | Deed::Construct(_)
            | Deed::Copy(_)
            | Deed::Release { .. }
            | Deed::Save(_)
            | Deed::Restore(_) => None,
        }
    }
}

/// The kernel's word for an argument that the object's functions name.
struct Wanted {
    arg: usize,
    reg: Reg,
    what: OnStack,
    size: u32,
}

impl Wanted {
    fn uninitialised(&self, fault: Misplaced) -> Reason {
        Reason::AlreadyInitialised { arg: self.arg, what: self.what.clone(), fault }
    }

    fn initialised(&self, fault: Misplaced) -> Reason {
        Reason::NotInitialised { arg: self.arg, what: self.what.clone(), fault }
    }
}

/// Where an object may be: at a known multiple of 8 with room above.
fn locate(pointer: &Pointer, frame: u8, size: u32) -> Result<Spot, Misplaced> {
    let offset = pointer.fixed_offset().ok_or(Misplaced::Variable)?;
    if offset.rem_euclid(8) != 0 || offset.checked_add(i64::from(size)).is_none_or(|end| end > 0) {
        return Err(Misplaced::At(offset));
    }
    Ok(Spot { frame, offset, size })
}

/// A place for an object that a call constructs.
fn vacant(call: &Call<'_>, wanted: &Wanted, pointer: &Pointer, frame: u8) -> Result<Spot, Reason> {
    let spot = locate(pointer, frame, wanted.size).map_err(|fault| wanted.uninitialised(fault))?;
    let end = spot.offset + i64::from(spot.size);
    let lowest = -i64::from(call.subject.limits.stack_bytes);
    if spot.offset < lowest {
        return Err(Reason::StackOutOfBounds {
            reg: wanted.reg,
            usage: crate::reject::StackUse::Direct(crate::reject::Direction::Write),
            offset: spot.offset,
            size: 8,
        });
    }
    let there = call.state.stack(frame);
    let taken = |object: &StackObject| match (&wanted.what, object.kind) {
        (OnStack::Iter(_), ObjectKind::Iter(_)) | (OnStack::Irq, ObjectKind::Irq { .. }) => true,
        (OnStack::Iter(_) | OnStack::Irq | OnStack::Dynptr, _) => false,
    };
    if there.is_some_and(|stack| stack.objects_within(spot.offset, end).any(taken)) {
        return Err(wanted.uninitialised(Misplaced::Well));
    }
    let span = stack::Span::exactly(spot.offset, spot.size);
    stack::check_keeps_dynptrs(call.state, frame, span)?;
    Ok(spot)
}

/// The object in an argument.
fn found<'s>(
    call: &Call<'s>,
    wanted: &Wanted,
    pointer: &Pointer,
    frame: u8,
) -> Result<&'s StackObject, Reason> {
    let spot = locate(pointer, frame, wanted.size).map_err(|fault| wanted.initialised(fault))?;
    let object = call.state.stack(frame).and_then(|stack| stack.object_at(spot.offset));
    object.filter(|object| object.size == wanted.size).ok_or_else(|| wanted.initialised(Misplaced::Well))
}

fn spot_of(frame: u8, object: &StackObject) -> Option<Spot> {
    Some(Spot { frame, offset: object.offset, size: object.size })
}

/// The stack that an argument points to.
fn frame_of(call: &Call<'_>, reg: Reg) -> Result<Option<(u8, Pointer)>, Reason> {
    let pointer = readable(call.state, reg)?.as_pointer();
    Ok(match pointer {
        Some(pointer @ Pointer { to: Region::Stack(frame), .. }) => Some((*frame, *pointer)),
        Some(_) | None => None,
    })
}

/// The state of an iterator.
pub(super) fn check_iter(
    call: &Call<'_>,
    arg: usize,
    reg: Reg,
    ty: TypeRef,
    role: IterRole,
) -> Result<Argument, Reason> {
    let btf = call.subject.host.btf(ty.space).ok_or(Reason::UnknownType { ty })?;
    let size = btf.size_of(ty.id).filter(|size| *size > 0 && size.is_multiple_of(8));
    let size = size.ok_or(Reason::Internal { what: "an iterator's state is no multiple of 8 bytes" })?;
    let name = object::type_name(call.subject, ty);
    let name = name.strip_prefix("bpf_").unwrap_or(&name).to_owned();
    let wanted = Wanted { arg, reg, what: OnStack::Iter(name), size };
    let Some((frame, pointer)) = frame_of(call, reg)? else {
        return Err(Reason::NotOnStack { arg, what: wanted.what });
    };
    if role == IterRole::New {
        let spot = vacant(call, &wanted, &pointer, frame)?;
        let guard = match call.contract.flags.contains(KfuncFlags::RCU_PROTECTED) {
            false => Guard::Own,
            true if in_rcu_section(call.subject, call.state) => Guard::Rcu,
            true => Guard::Gone,
        };
        return Ok(Argument::OnStack(Held { spot: Some(spot), deed: Deed::Begin { ty, guard } }));
    }
    let object = found(call, &wanted, &pointer, frame)?;
    let iter = object.kind.as_iter().filter(|iter| iter.ty == ty);
    let iter = *iter.ok_or_else(|| wanted.initialised(Misplaced::Well))?;
    if iter.guard == Guard::Gone {
        return Err(Reason::IteratorWithoutRcu { name: call.contract.name.to_owned() });
    }
    let deed = match role {
        IterRole::Next => Deed::Advance(iter),
        IterRole::Destroy => Deed::Destroy(iter),
        IterRole::Use | IterRole::New => Deed::Inspect(iter),
    };
    Ok(Argument::OnStack(Held { spot: spot_of(frame, object), deed }))
}

/// A dynptr: on the stack, or one that the host lent to a callback.
pub(super) fn check_dynptr(
    call: &Call<'_>,
    arg: usize,
    reg: Reg,
    kind: DynptrKind,
) -> Result<Argument, Reason> {
    let wanted = Wanted { arg, reg, what: OnStack::Dynptr, size: DYNPTR_BYTES };
    let value = readable(call.state, reg)?;
    if let Some((frame, pointer)) = frame_of(call, reg)? {
        return on_stack(call, &wanted, &pointer, frame, kind).map(Argument::OnStack);
    }
    if let Some(dynptr) = value.as_pointer().and_then(lent) {
        return match kind {
            DynptrKind::Read => Ok(Argument::OnStack(Held { spot: None, deed: Deed::Read(dynptr) })),
            DynptrKind::Owned => Err(Reason::ConstDynptrReleased),
            DynptrKind::ReadWrite | DynptrKind::Uninit(_) | DynptrKind::CloneOf(_) if call.kfunc() => {
                Err(wanted.uninitialised(Misplaced::Well))
            }
            DynptrKind::ReadWrite | DynptrKind::Uninit(_) | DynptrKind::CloneOf(_) => {
                Err(Reason::ConstDynptrChanged)
            }
        };
    }
    Err(if call.kfunc() {
        Reason::NotOnStack { arg, what: OnStack::Dynptr }
    } else {
        Reason::WrongArgument { reg, kind: value.kernel_name(), expected: "fp, dynptr_ptr" }
    })
}

/// A dynptr that the host holds and lends.
fn lent(pointer: &Pointer) -> Option<Dynptr> {
    match (pointer.to, pointer.trust) {
        (Region::Dynptr(memory), Trust::Borrowed(id)) if pointer.fixed_offset() == Some(0) => {
            Some(Dynptr { id, memory, owner: None })
        }
        _ => None,
    }
}

fn on_stack(
    call: &Call<'_>,
    wanted: &Wanted,
    pointer: &Pointer,
    frame: u8,
    kind: DynptrKind,
) -> Result<Held, Reason> {
    let made = |deed| {
        let spot = vacant(call, wanted, pointer, frame)?;
        Ok(Held { spot: Some(spot), deed })
    };
    match kind {
        DynptrKind::Uninit(memory) => return made(Deed::Construct(memory)),
        DynptrKind::CloneOf(of) => return made(Deed::Copy(source(call, of)?)),
        DynptrKind::Read | DynptrKind::ReadWrite | DynptrKind::Owned => {}
    }
    let object = found(call, wanted, pointer, frame);
    let dynptr = object.clone().and_then(|object| {
        object.kind.as_dynptr().copied().ok_or_else(|| wanted.initialised(Misplaced::Well))
    });
    if kind == DynptrKind::Owned {
        let owner = dynptr.ok().and_then(|dynptr| dynptr.owner);
        let owned =
            |id: &RefId| call.state.refs().get(*id).is_some_and(|reference| reference.kind == RefKind::Owned);
        let number = wanted.arg + 1;
        let owner = owner.filter(owned).ok_or(Reason::DynptrNotOwned { number })?;
        return Ok(Held {
            spot: object.ok().and_then(|it| spot_of(frame, it)),
            deed: Deed::Release { owner },
        });
    }
    let (object, dynptr) = (object?, dynptr?);
    let deed = if kind == DynptrKind::ReadWrite { Deed::Change(dynptr) } else { Deed::Read(dynptr) };
    Ok(Held { spot: spot_of(frame, object), deed })
}

/// The dynptr in another argument of the call.
fn source(call: &Call<'_>, of: ArgIdx) -> Result<Dynptr, Reason> {
    let wrong = Reason::Internal { what: "a contract clones an argument that is no dynptr" };
    let index = usize::from(of.0);
    let is_dynptr = |arg: &opswap_bpf::proto::ArgProto| arg.kind == ArgKind::Dynptr(DynptrKind::Read);
    if !call.contract.args.get(index).is_some_and(is_dynptr) {
        return Err(wrong);
    }
    let reg = call.registers.get(index).copied().flatten().ok_or(wrong.clone())?;
    let found = check_dynptr(call, index, reg, DynptrKind::Read)?;
    if let Argument::OnStack(Held { deed: Deed::Read(dynptr), .. }) = found { Ok(dynptr) } else { Err(wrong) }
}

/// A saved interrupt state.
pub(super) fn check_irq(
    call: &Call<'_>,
    arg: usize,
    reg: Reg,
    role: IrqRole,
    class: IrqClass,
) -> Result<Argument, Reason> {
    let wanted = Wanted { arg, reg, what: OnStack::Irq, size: IRQ_BYTES };
    let Some((frame, pointer)) = frame_of(call, reg)? else {
        return Err(Reason::NotOnStack { arg, what: OnStack::Irq });
    };
    if role == IrqRole::Save {
        let spot = vacant(call, &wanted, &pointer, frame)?;
        return Ok(Argument::OnStack(Held { spot: Some(spot), deed: Deed::Save(class) }));
    }
    let object = found(call, &wanted, &pointer, frame)?;
    let ObjectKind::Irq { id, class: saved } = object.kind else {
        return Err(wanted.initialised(Misplaced::Well));
    };
    if saved != class {
        return Err(Reason::IrqOfOtherFunctions { saved, used: class });
    }
    match call.state.refs().saved_irq() {
        Some(last) if last.id == id => {}
        Some(last) => return Err(Reason::IrqOutOfOrder { id: last.id, at: last.at }),
        None => return Err(wanted.initialised(Misplaced::Well)),
    }
    Ok(Argument::OnStack(Held { spot: spot_of(frame, object), deed: Deed::Restore(id) }))
}

/// The state of an iterator that was just made.
pub(super) fn fresh(ty: TypeRef, guard: Guard, id: RefId) -> ObjectKind {
    ObjectKind::Iter(Iter { ty, id, progress: Progress::Active { depth: 0 }, guard })
}
