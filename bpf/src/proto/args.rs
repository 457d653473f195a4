//! One parameter of a host function.

use crate::btf::Signedness;
use crate::ids::{RecordId, TypeRef};
use crate::insn::Size;
use crate::text::Text;

/// Index of an argument, from 0 (the first is in `R1`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ArgIdx(pub u8);

/// Whether NULL is a legal value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Nullness {
    /// Never NULL.
    NonNull,
    /// NULL or a valid pointer.
    Nullable,
}

/// What a pointer to a host object must be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Demand {
    /// Trusted: valid for the whole call (`&T`; KF_TRUSTED_ARGS).
    Trusted,
    /// Trusted, or protected by an RCU read-side section (`Rcu<'_, T>`; KF_RCU).
    Rcu,
    /// Exclusive: no other live pointer of the program reaches the object (`&mut T`).
    Exclusive,
    /// An owned reference, which the call consumes (`KRef<T>`; KF_RELEASE).
    Owned,
    /// Anything that the kernel's untrusted-argument kfuncs before 7.0 accept.
    Untrusted,
}

/// How a memory argument is used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MemAccess {
    /// The callee reads.
    Read,
    /// The callee reads and writes.
    ReadWrite,
    /// The callee only writes.
    Write,
}

/// Whether memory must be initialised before the call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MemInit {
    /// It must be.
    Required,
    /// It need not be; afterwards it is (`__uninit`).
    Provided,
}

/// Where the size of a memory argument comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MemSize {
    /// Known from the type.
    Fixed(u32),
    /// Given by another argument, whose kind is [`ArgKind::Size`].
    Arg(ArgIdx),
}

/// What a size argument may be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SizeRule {
    /// Any bounded value, 0 included (`__sz`).
    AnyOrZero,
    /// Any bounded value above 0.
    NonZero,
    /// A known constant (`__szk`).
    Constant,
}

/// What a dynptr reaches.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DynptrMemory {
    /// Memory that the constructing call is given (`bpf_dynptr_from_mem`).
    Local,
    /// Reserved memory of a ring buffer, which the program must submit or discard.
    Ringbuf,
    /// The packet behind a socket buffer; slices end when it may have changed.
    Skb,
    /// The metadata in front of the packet behind a socket buffer.
    SkbMeta,
    /// The packet of an XDP program.
    Xdp,
    /// Memory of the host, valid while every object argument of the constructing call lives.
    Host,
}

/// State of a dynptr argument: 16 bytes of the program's stack, 8-byte aligned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DynptrKind {
    /// Must be initialised; the callee leaves it as it is.
    Read,
    /// Must be initialised; the callee may change it, which ends its slices.
    ReadWrite,
    /// Must not be initialised; the callee constructs it, whatever it returns.
    Uninit(DynptrMemory),
    /// Must not be initialised; the callee makes it a copy of the dynptr in this argument.
    CloneOf(ArgIdx),
    /// Must be initialised and own its memory; the call consumes it and its clones.
    Owned,
}

/// Role of an iterator function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IterRole {
    /// Constructs the state, whatever it returns (KF_ITER_NEW).
    New,
    /// Advances (KF_ITER_NEXT).
    Next,
    /// Ends (KF_ITER_DESTROY).
    Destroy,
    /// Any other function that is given an initialised state (`__iter`).
    Use,
}

/// What a function does with a saved interrupt state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IrqRole {
    /// Disables interrupts and saves what was.
    Save,
    /// Restores what was saved last.
    Restore,
}

/// Which functions belong together: what one saves, only its partner restores.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IrqClass {
    /// `bpf_local_irq_save`, `bpf_local_irq_restore`.
    Native,
    /// Locks that save the interrupt state along.
    Lock,
}

/// A special field of a map value, as an argument names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FieldKind {
    /// `struct bpf_spin_lock`.
    SpinLock,
    /// `struct bpf_timer`.
    Timer,
    /// `struct bpf_wq`.
    Workqueue,
    /// A kptr that the map owns.
    Kptr,
    /// `struct bpf_res_spin_lock`.
    ResSpinLock,
    /// `struct bpf_list_head`.
    ListHead,
    /// `struct bpf_list_node`.
    ListNode,
    /// `struct bpf_rb_root`.
    RbRoot,
    /// `struct bpf_rb_node`.
    RbNode,
    /// `struct bpf_refcount`.
    Refcount,
    /// `struct bpf_task_work`.
    TaskWork,
}

/// Who holds the object of a list or tree node that a call is given.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NodeUse {
    /// The program: the call takes it. Until the lock is given back, the program's pointers stay valid.
    Given,
    /// The list or tree: the program only borrows it, under the lock.
    Linked,
}

/// How an object of the program's own type was allocated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Allocation {
    /// Once (`bpf_obj_new`).
    Object,
    /// For each CPU (`bpf_percpu_obj_new`).
    Percpu,
}

/// What an argument is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ArgKind {
    /// Anything that was written before, a number or a pointer.
    Any,
    /// A number; the callee sees exactly its declared width.
    Scalar {
        /// Declared width.
        size: Size,
        /// Declared signedness.
        signed: Signedness,
    },
    /// A number with values that the callee must never see: the shim checks it unless the verifier proved the range.
    Checked {
        /// Declared width.
        size: Size,
        /// The legal values, sorted (`[0, 1]` for a `bool`).
        legal: Vec<u64>,
    },
    /// A known constant, kept apart when states are compared (`__k`).
    Const {
        /// Declared width.
        size: Size,
    },
    /// A pointer to a host object, or to a part of one that has this type.
    Object {
        /// The type.
        ty: TypeRef,
        /// What the pointer must be.
        demand: Demand,
    },
    /// A raw `struct T *` whose `T` holds plain numbers only: a pointer to a host object of this type, or to memory of its size,
    /// which the callee reads and writes.
    ObjectOrMemory {
        /// The type.
        ty: TypeRef,
        /// What a pointer to an object must be.
        demand: Demand,
        /// Bytes of the type.
        size: u32,
    },
    /// A pointer to one of these records, or to a host object that stands for one ([`super::RecordProto::ty`]).
    Record {
        /// The records that are accepted.
        any_of: Vec<RecordId>,
        /// What the pointer must be.
        demand: Demand,
    },
    /// Memory that the program reserved and still owns (`bpf_ringbuf_reserve`); the call consumes it.
    Reserved,
    /// A pointer to a per-CPU variable of the host.
    Percpu,
    /// A pointer to the program's own stack, readable and written.
    Stack,
    /// A reference to any host or allocated object, which the call takes; NULL where the argument is nullable.
    OwnedObject,
    /// A pointer to a special field inside a map value or an allocated object.
    Field(FieldKind),
    /// A pointer to a list or tree node inside an object that the program allocated.
    Node {
        /// [`FieldKind::ListNode`] or [`FieldKind::RbNode`].
        kind: FieldKind,
        /// Who holds the object.
        taken: NodeUse,
    },
    /// A pointer to an object that the program allocated. [`Demand::Owned`]: the call takes it (`bpf_obj_drop`);
    /// [`Demand::Trusted`]: it has a reference count and is owned or borrowed (`bpf_refcount_acquire`).
    Allocated {
        /// How it was allocated.
        by: Allocation,
        /// How the program holds it.
        demand: Demand,
    },
    /// In a callback: the register that the call passed as this argument.
    Passed(ArgIdx),
    /// A pointer to a referenced kptr inside a map value (KF_KPTR_GET).
    KptrSlot {
        /// Pointee of the kptr.
        ty: TypeRef,
    },
    /// Plain memory.
    Memory {
        /// Its size.
        size: MemSize,
        /// What the callee does.
        access: MemAccess,
        /// Must it be initialised?
        init: MemInit,
    },
    /// A pointer to memory of which nothing tells the size (a raw `void *`): no call can pass one.
    Unsized,
    /// Byte count of the memory argument in front of it.
    Size {
        /// What it may be.
        rule: SizeRule,
    },
    /// A constant, NUL-terminated string (`__str`).
    Str,
    /// A map (`__map`, `__const_map`); `None` accepts any.
    Map {
        /// Demanded key and value sizes.
        shape: Option<(u32, u32)>,
    },
    /// A key of the map argument in front of it.
    MapKey,
    /// A value of the map argument in front of it.
    MapValue {
        /// What the callee does.
        access: MemAccess,
    },
    /// The program's context.
    Context,
    /// A pointer into the program's arena, or a number.
    Arena,
    /// A dynptr on the stack.
    Dynptr(DynptrKind),
    /// Iterator state on the stack, 8-byte aligned.
    Iter {
        /// State type (`struct bpf_iter_NAME`); its size is a multiple of 8.
        ty: TypeRef,
        /// What the function does with it.
        role: IterRole,
    },
    /// A saved interrupt state on the stack: 8 bytes, 8-byte aligned (`__irq_flag`).
    IrqFlag {
        /// What the function does with it.
        role: IrqRole,
        /// Which functions belong together.
        class: IrqClass,
    },
    /// A static subprogram that verifies with these arguments and returns a number.
    Callback {
        /// Its arguments.
        args: Vec<ArgKind>,
    },
    /// Filled in by the runtime; programs do not see it (KF_IMPLICIT_ARGS, `__prog`).
    Implicit,
    /// Not looked at (`__ign`).
    Ignored,
}

/// A parameter.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ArgProto {
    /// Name without the kernel's suffix.
    pub name: Text,
    /// What it is.
    pub kind: ArgKind,
    /// May it be NULL? Meaningful for pointers only.
    pub null: Nullness,
}
