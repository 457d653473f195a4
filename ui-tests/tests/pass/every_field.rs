//! Each kind of field and each word of `#[btf]`.

use std::sync::atomic::AtomicU32;

use opswap::{BpfCell, Btf, KRef};

#[derive(Btf)]
#[btf(name = "flow")]
#[repr(C)]
struct Flow {
    plain: u32,
    #[btf(ro)]
    fixed: u64,
    #[btf(rw)]
    free: [u16; 4],
    #[btf(name = "type", tag = "a_tag")]
    kind: u8,
    truth: bool,
    cell: BpfCell<u32>,
    atomic: AtomicU32,
    itself: *mut Flow,
    owned: Option<Box<Peer>>,
    counted: KRef<Peer>,
    #[btf(rcu)]
    protected: Option<KRef<Peer>>,
    inner: Inner,
    both: Both,
    mode: Mode,
    #[btf(skip)]
    hidden: std::sync::Mutex<String>,
}

#[derive(Btf)]
#[repr(C)]
struct Peer {
    back: *mut Flow,
}

#[derive(Btf, Clone, Copy)]
#[repr(C)]
struct Inner {
    x: i32,
}

#[derive(Btf, Clone, Copy)]
#[repr(C)]
union Both {
    whole: u64,
    halves: [u32; 2],
}

#[derive(Btf, Clone, Copy)]
#[repr(u64)]
enum Mode {
    One = 1,
    Big = 1 << 40,
}

fn main() {
    let flow = opswap::registry::OPSWAP_TYPES.iter().find(|ty| ty.name == "flow").unwrap();
    assert_eq!(flow.members.len(), 14);
    assert_eq!(flow.size as usize, size_of::<Flow>());
    for member in flow.members {
        assert!((member.offset + member.size) as usize <= size_of::<Flow>());
    }
}
