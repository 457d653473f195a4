//! The kernel's structs, as far as the functions need them: the names and fields that programs of the selftests use.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI32, Ordering};

use opswap::{Btf, KRef};

/// A task.
#[derive(Btf, Debug, Default)]
#[repr(C)]
#[btf(name = "task_struct")]
pub struct TaskStruct {
    /// Thread.
    pub pid: i32,
    /// Process.
    pub tgid: i32,
}

/// A region of a task's memory.
#[derive(Btf, Debug, Default)]
#[repr(C)]
#[btf(name = "vm_area_struct")]
pub struct VmAreaStruct {
    /// First address.
    pub vm_start: u64,
    /// Address behind the last.
    pub vm_end: u64,
}

/// A packet.
#[derive(Btf, Debug, Default)]
#[repr(C)]
#[btf(name = "sk_buff")]
pub struct SkBuff {
    /// Bytes.
    pub len: u32,
    /// Bytes outside the linear part.
    pub data_len: u32,
}

/// A queue of packets.
#[derive(Btf, Debug, Default)]
#[repr(C)]
#[btf(name = "sk_buff_head")]
pub struct SkBuffHead {
    /// Packets in it.
    pub qlen: u32,
}

/// What all sockets have in common.
#[derive(Btf, Debug, Default)]
#[repr(C)]
#[btf(name = "sock_common")]
pub struct SockCommon {
    /// Address family.
    pub skc_family: u16,
    /// State.
    pub skc_state: u8,
}

/// A socket.
#[derive(Btf, Debug, Default)]
#[repr(C)]
#[btf(name = "sock")]
pub struct Sock {
    /// At offset 0: a pointer to the socket is a pointer to this.
    pub __sk_common: SockCommon,
    /// At another offset.
    pub sk_write_queue: SkBuffHead,
}

/// A packet as programs of traffic control see it.
#[derive(Btf, Debug, Default)]
#[repr(C)]
#[btf(name = "__sk_buff")]
pub struct SkBuffContext {
    /// Bytes.
    pub len: u32,
    /// Kind of packet.
    pub pkt_type: u32,
    /// Mark.
    pub mark: u32,
}

/// One number, as an object of its own.
#[derive(Btf, Debug, Default)]
#[repr(C)]
#[btf(name = "prog_test_member1")]
pub struct ProgTestMember1 {
    /// A number.
    pub a: i32,
}

/// A member that is an object of its own.
#[derive(Btf, Debug, Default)]
#[repr(C)]
#[btf(name = "prog_test_member")]
pub struct ProgTestMember {
    /// At offset 0.
    pub m: ProgTestMember1,
    /// Behind it.
    pub c: i32,
}

/// The counted object of the selftests.
#[derive(Btf, Debug)]
#[repr(C)]
#[btf(name = "prog_test_ref_kfunc")]
pub struct ProgTestRefKfunc {
    /// 42.
    pub a: i32,
    /// 108.
    pub b: i32,
    /// An object inside the object.
    pub memb: ProgTestMember,
    /// The object itself.
    pub next: *const ProgTestRefKfunc,
    /// References that programs hold, and one.
    #[btf(ro)]
    pub cnt: AtomicI32,
}

// SAFETY: nobody follows `next` in Rust; programs may read through it, and what it points to lives for good.
unsafe impl Send for ProgTestRefKfunc {}
// SAFETY: as above; the other fields are never written through a shared reference, but for the atomic.
unsafe impl Sync for ProgTestRefKfunc {}

/// The one object of its type.
pub static PROG_TEST_STRUCT: LazyLock<KRef<ProgTestRefKfunc>> = LazyLock::new(|| {
    let object = std::sync::Arc::new_cyclic(|itself: &std::sync::Weak<ProgTestRefKfunc>| ProgTestRefKfunc {
        a: 42,
        b: 108,
        memb: ProgTestMember::default(),
        next: itself.as_ptr(),
        cnt: AtomicI32::new(1),
    });
    KRef::from(object)
});

impl ProgTestRefKfunc {
    /// Counts a reference that a program gets.
    pub(crate) fn get(&self) {
        self.cnt.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a reference that comes back.
    pub(crate) fn put(&self) {
        self.cnt.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An object that programs create.
#[derive(Btf, Debug)]
#[repr(C)]
#[btf(name = "bpf_testmod_ctx")]
pub struct BpfTestmodCtx {
    /// References. In Linux an RCU head stands in front of it.
    #[btf(ro)]
    pub usage: AtomicI32,
}

/// What the tables' operations get.
#[derive(Btf, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
#[btf(name = "st_ops_args")]
pub struct StOpsArgs {
    /// A number.
    pub a: u64,
}

macro_rules! nested {
    ($($(#[$doc:meta])* $ty:ident $name:literal { $($(#[$field_doc:meta])* $field:ident: $field_ty:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Btf, Clone, Copy, Debug)]
        #[repr(C)]
        #[btf(name = $name)]
        pub struct $ty {
            $($(#[$field_doc])* pub $field: $field_ty),*
        }
    )*};
}

nested! {
    /// Second level of [`ProgTestPass1`].
    ProgTestPass1Inner "prog_test_pass1_inner" {
        /// A number.
        x1: i8,
        /// A number.
        x2: i16,
        /// A number.
        x3: i32,
        /// A number.
        x4: i64,
    }
    /// Numbers in a struct in a struct: within what the kernel follows.
    ProgTestPass1 "prog_test_pass1" {
        /// A number.
        x0: i32,
        /// Deeper.
        inner: ProgTestPass1Inner,
    }
    /// Numbers and arrays of numbers.
    ProgTestPass2 "prog_test_pass2" {
        /// A number.
        len: i32,
        /// Numbers.
        arr1: [i16; 4],
        /// Numbers.
        arr2: [i32; 4],
        /// Numbers.
        arr3: [i64; 8],
    }
    /// A struct with a pointer: no plain memory.
    ProgTestFail1 "prog_test_fail1" {
        /// The pointer.
        p: *mut std::ffi::c_void,
        /// A number.
        x: i32,
    }
    /// Fourth level of [`ProgTestFail2`].
    ProgTestFail2Inner4 "prog_test_fail2_inner4" {
        /// A number.
        x4: i32,
    }
    /// Third level.
    ProgTestFail2Inner3 "prog_test_fail2_inner3" {
        /// A number.
        x3: i32,
        /// Deeper.
        inner: ProgTestFail2Inner4,
    }
    /// Second level.
    ProgTestFail2Inner2 "prog_test_fail2_inner2" {
        /// A number.
        x2: i32,
        /// Deeper.
        inner: ProgTestFail2Inner3,
    }
    /// First level.
    ProgTestFail2Inner1 "prog_test_fail2_inner1" {
        /// A number.
        x1: i32,
        /// Deeper.
        inner: ProgTestFail2Inner2,
    }
    /// Structs five deep: more than the kernel follows.
    ProgTestFail2 "prog_test_fail2" {
        /// A number.
        x0: i32,
        /// Deeper.
        inner: ProgTestFail2Inner1,
    }
    /// A struct with an array of no certain length at its end.
    ProgTestFail3 "prog_test_fail3" {
        /// Elements.
        len: i32,
        /// Numbers.
        arr1: [i8; 2],
        /// Any number of elements.
        arr2: [i8; 0],
    }
}

/// How to open the test socket.
#[derive(Btf, Clone, Copy, Debug)]
#[repr(C)]
#[btf(name = "init_sock_args")]
pub struct InitSockArgs {
    /// Address family.
    pub af: i32,
    /// Kind of socket.
    pub kind: i32,
}

/// An address.
#[derive(Btf, Clone, Copy, Debug)]
#[repr(C)]
#[btf(name = "addr_args")]
pub struct AddrArgs {
    /// Room for any address.
    pub addr: [u8; 128],
    /// Bytes used of it.
    pub addrlen: i32,
}

/// A message and where it goes.
#[derive(Btf, Clone, Copy, Debug)]
#[repr(C)]
#[btf(name = "sendmsg_args")]
pub struct SendmsgArgs {
    /// To whom.
    pub addr: AddrArgs,
    /// What.
    pub msg: [u8; 10],
    /// Bytes used of it.
    pub msglen: i32,
}

/// What the dummy table's operations work on.
#[derive(Btf, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
#[btf(name = "bpf_dummy_ops_state")]
pub struct BpfDummyOpsState {
    /// A number.
    pub val: i32,
}

/// A module. Its content is nobody's business.
#[derive(Btf, Debug)]
#[repr(C)]
#[btf(name = "module")]
pub struct KernelModule {
    /// State.
    pub state: u32,
}

/// A member that programs' tables may not set.
#[derive(Btf, Clone, Copy, Debug, Default)]
#[repr(C)]
#[btf(name = "bpf_testmod_ops_unsupported")]
pub struct UnsupportedMember {
    /// A number.
    pub a: i32,
    /// A number.
    pub b: i32,
}
