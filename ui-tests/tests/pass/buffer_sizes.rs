//! Memory that is returned: as long as `rdonly_buf_size` or `rdwr_buf_size` says, in both modes.

use opswap::bpf::proto::{ArgKind, MemAccess, RetKind};
use opswap::registry::Registry;
use opswap::{Btf, Const, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Buffer {
    bytes: [u8; 16],
}

#[kfunc]
fn safe_read(buffer: &Buffer, rdonly_buf_size: Const<u32>) -> &[u8] {
    &buffer.bytes[..rdonly_buf_size.0 as usize]
}

#[kfunc(ret_null)]
fn safe_write(buffer: &mut Buffer, rdwr_buf_size: Const<u32>) -> Option<&mut [u8]> {
    buffer.bytes.get_mut(..rdwr_buf_size.0 as usize)
}

#[kfunc]
unsafe fn raw_read(buffer: *mut Buffer, rdonly_buf_size: u32) -> *const u8 {
    let _ = rdonly_buf_size;
    buffer.cast()
}

#[kfunc(ret_null)]
unsafe fn raw_write(buffer: *mut Buffer, rdwr_buf_size: u32) -> *mut u8 {
    let _ = rdwr_buf_size;
    buffer.cast()
}

fn main() {
    let registry = Registry::collect().expect("sound declarations");
    for (name, expected) in [
        ("safe_read", MemAccess::Read),
        ("safe_write", MemAccess::ReadWrite),
        ("raw_read", MemAccess::Read),
        ("raw_write", MemAccess::ReadWrite),
    ] {
        let id = registry.kfunc_named(name).expect("declared");
        let proto = &registry.kfuncs()[id.index()].proto;
        assert!(matches!(proto.args[1].kind, ArgKind::Const { .. }), "{name}");
        let RetKind::Memory { access, .. } = proto.ret.kind else { panic!("{name}") };
        assert_eq!(access, expected, "{name}");
        // The kernel goes by the exact name.
        let text = registry.btf().c_declaration(proto.func.id, "");
        assert!(text.ends_with("_buf_size)"), "{text}");
    }
}
