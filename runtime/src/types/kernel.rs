//! The kernel's own types in signatures and fields: locks, timers, workqueues, lists and trees.
//!
//! They carry a contract: which special field of a map value or of an allocated object a program must pass. The runtime gives them no
//! life of their own, so they have no methods: what a field means is the business of the functions that take it. Programs never read
//! or write their bytes.

use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::declare::{AccessDecl, ArgForm, ArgShape, KernelType, MemRule, TypeExpr};

use super::arg::Raw;
use super::btf::BtfType;
use super::pointee::Pointee;

const fn field(ty: TypeExpr, mem: MemRule) -> ArgShape {
    let mut shape = ArgShape::new(ArgForm::Field, ty);
    shape.mem = mem;
    shape
}

macro_rules! kernel_types {
    ($($(#[$doc:meta])* $name:ident($cells:ty) $rule:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Default)]
        #[repr(C)]
        pub struct $name {
            /// Other threads may change it at any time.
            _opaque: $cells,
        }

        // SAFETY: the size and alignment of the kernel's type; programs reach nothing in it.
        unsafe impl BtfType for $name {
            const EXPR: TypeExpr = TypeExpr::kernel(KernelType::$name);
            const ACCESS: AccessDecl = AccessDecl::Hidden;
        }

        // SAFETY: the shape asks for such a field of a map value or of an allocated object, aligned and alive for the call; its
        // bytes are atomics, for which any bytes are a value.
        unsafe impl Pointee for $name {
            const SHARED: ArgShape = field(Self::EXPR, MemRule::$rule);

            unsafe fn shared<'a>(raw: Raw<'_>) -> Result<&'a Self, u64> {
                let field = ptr::with_exposed_provenance::<Self>(raw.first as usize);
                // SAFETY: as above; alignment is checked.
                if field.is_aligned() { Ok(unsafe { &*field }) } else { Err(raw.first) }
            }
        }
    )*};
}

kernel_types! {
    /// `struct bpf_spin_lock`.
    SpinLock([AtomicU32; 1]) ReadWrite;
    /// `struct bpf_res_spin_lock`.
    ResSpinLock([AtomicU32; 1]) ReadWrite;
    /// `struct bpf_timer`.
    Timer([AtomicU64; 2]) ReadWrite;
    /// `struct bpf_wq`.
    Workqueue([AtomicU64; 2]) ReadWrite;
    /// `struct bpf_task_work`.
    TaskWork([AtomicU64; 1]) ReadWrite;
    /// `struct bpf_list_head`.
    ListHead([AtomicU64; 2]) ReadWrite;
    /// `struct bpf_list_node`.
    ListNode([AtomicU64; 3]) Read;
    /// `struct bpf_rb_root`.
    RbRoot([AtomicU64; 2]) ReadWrite;
    /// `struct bpf_rb_node`.
    RbNode([AtomicU64; 4]) Read;
    /// `struct bpf_refcount`.
    Refcount([AtomicU32; 1]) ReadWrite;
}
