//! Host functions: kfuncs by name, helpers by number.

use crate::ids::{HelperId, TypeRef};
use crate::map::MapKind;
use crate::text::Text;

use super::args::ArgProto;
use super::returns::RetProto;

bitflags::bitflags! {
    /// kfunc flags with the kernel's bits (`include/linux/btf.h`, `KF_*`).
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
    pub struct KfuncFlags: u32 {
        /// Returns an owned reference.
        const ACQUIRE = 1 << 0;
        /// Consumes a reference.
        const RELEASE = 1 << 1;
        /// May return NULL.
        const RET_NULL = 1 << 2;
        /// First argument points to a kptr inside a map value.
        const KPTR_GET = 1 << 3;
        /// Pointer arguments must be trusted; always so here, accepted for parity.
        const TRUSTED_ARGS = 1 << 4;
        /// May sleep.
        const SLEEPABLE = 1 << 5;
        /// Needs the capability for destructive calls.
        const DESTRUCTIVE = 1 << 6;
        /// RCU-protected pointer arguments are enough.
        const RCU = 1 << 7;
        /// Constructs an iterator.
        const ITER_NEW = 1 << 8;
        /// Advances an iterator.
        const ITER_NEXT = 1 << 9;
        /// Ends an iterator.
        const ITER_DESTROY = 1 << 10;
        /// Result is valid inside the RCU section only.
        const RCU_PROTECTED = 1 << 11;
        /// Preserves the argument registers that it does not use.
        const FASTCALL = 1 << 12;
        /// Has arguments that the runtime fills in.
        const IMPLICIT_ARGS = 1 << 16;
        /// May be called while a spin lock is held.
        const SPINLOCK_SAFE = 1 << 17;
        /// Needs the capability for performance monitoring.
        const PERFMON = 1 << 18;
        /// Destroys what is left in a map: references to its only argument's type. The kernel has no bit for it, but a list.
        const DTOR = 1 << 31;
    }
}

/// Where in the host's Rust source something was declared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeclaredAt {
    /// File, as `file!()` gives it.
    pub file: Text,
    /// Line, from 1.
    pub line: u32,
}

/// Meanings beyond a contract: functions that change the verifier's own state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Intrinsic {
    /// Enters an RCU read-side section.
    RcuReadLock,
    /// Leaves it.
    RcuReadUnlock,
    /// Enters a non-preemptible region.
    PreemptDisable,
    /// Leaves it.
    PreemptEnable,
    /// Looks up a map value (`bpf_map_lookup_elem`).
    MapLookup,
    /// Changes a map's values (`bpf_map_update_elem`, `bpf_map_delete_elem`).
    MapUpdate,
    /// Leaves for another program and comes back only on failure (`bpf_tail_call`).
    TailCall,
    /// Runs a callback up to the first argument's number of times (`bpf_loop`).
    Loop,
    /// Runs a callback for each element (`bpf_for_each_map_elem`, `bpf_user_ringbuf_drain`).
    ForEach,
    /// Runs a callback at most once, before it returns (`bpf_find_vma`).
    CallOnce,
    /// Registers a callback that runs later, on its own (`bpf_timer_set_callback`).
    CallLater,
    /// Takes a spin lock.
    SpinLock,
    /// Gives it back.
    SpinUnlock,
    /// Exchanges a kptr in a map value (`bpf_kptr_xchg`).
    KptrXchg,
    /// Reserves memory that must be submitted or discarded (`bpf_ringbuf_reserve`).
    Reserve,
    /// Constructs a dynptr over program memory (`bpf_dynptr_from_mem`).
    DynptrFromMem,
    /// Constructs a dynptr over reserved memory (`bpf_ringbuf_reserve_dynptr`).
    DynptrReserve,
    /// Submits or discards what a dynptr owns.
    DynptrRelease,
    /// A slice of a dynptr's memory (`bpf_dynptr_data`).
    DynptrData,
    /// A slice of a dynptr's memory, or of a copy of it (`bpf_dynptr_slice`, `bpf_dynptr_slice_rdwr`).
    DynptrSlice,
    /// Writes through a dynptr (`bpf_dynptr_write`); a packet may move.
    DynptrWrite,
    /// Ends the program from any depth, with its argument as the result or through the program's exception callback (`bpf_throw`).
    Throw,
    /// May move the packet (`bpf_xdp_pull_data`): pointers into it end.
    MovesPacket,
}

bitflags::bitflags! {
    /// What a helper does beyond its arguments and result.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
    pub struct HelperEffects: u32 {
        /// May move the packet: pointers into it end.
        const CHANGES_PACKET = 1 << 0;
        /// Memory arguments may lie in the packet.
        const PACKET_MEMORY = 1 << 1;
        /// Only for programs with a GPL-compatible licence.
        const GPL_ONLY = 1 << 2;
        /// The result is a reference that belongs to the socket in the first argument, and dies with it.
        const CASTS_REFERENCE = 1 << 3;
        /// Allowed while a spin lock is held.
        const WITH_SPIN_LOCK = 1 << 4;
    }
}

/// Contract of a kfunc.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KfuncProto {
    /// Name that programs link against.
    pub name: Text,
    /// Parameters, at most 12.
    pub args: Vec<ArgProto>,
    /// Result.
    pub ret: RetProto,
    /// The kernel's flags; never in contradiction to `args` and `ret`.
    pub flags: KfuncFlags,
    /// Its FUNC in the host's BTF.
    pub func: TypeRef,
    /// Meaning beyond the contract.
    pub intrinsic: Option<Intrinsic>,
    /// Where it was declared.
    pub declared_at: Option<DeclaredAt>,
}

/// Contract of a helper.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HelperProto {
    /// Number.
    pub id: HelperId,
    /// The kernel's name (`bpf_map_lookup_elem`).
    pub name: String,
    /// Parameters, at most 5.
    pub args: Vec<ArgProto>,
    /// Result.
    pub ret: RetProto,
    /// Flags, in the kfuncs' words.
    pub flags: KfuncFlags,
    /// What it does beyond arguments and result.
    pub effects: HelperEffects,
    /// The kinds of map that it works on; `None` for any.
    pub maps: Option<Vec<MapKind>>,
    /// Meaning beyond the contract.
    pub intrinsic: Option<Intrinsic>,
}
