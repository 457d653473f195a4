//! `___init`: a type before it is complete, which nobody may take for the complete one.

use opswap::registry::Registry;
use opswap::{Btf, KRef, kfunc};

#[derive(Btf)]
#[repr(C)]
#[btf(name = "conn___init")]
struct Unborn {
    port: u16,
    next: *mut Unborn,
}

#[derive(Btf)]
#[repr(C)]
#[btf(name = "conn")]
struct Conn {
    port: u16,
    next: *mut Conn,
}

#[kfunc(acquire, ret_null)]
unsafe fn conn_alloc() -> *mut Unborn {
    std::ptr::null_mut()
}

#[kfunc(acquire, release)]
unsafe fn conn_insert(unborn: *mut Unborn) -> *mut Conn {
    unborn.cast()
}

#[kfunc(release)]
unsafe fn conn_put(conn: *mut Conn) {
    let _ = conn;
}

#[kfunc(dtor)]
unsafe fn conn_destroy(conn: *mut Conn) {
    let _ = conn;
}

#[kfunc(dtor)]
unsafe fn conn_abandon(unborn: *mut Unborn) {
    let _ = unborn;
}

#[derive(Btf)]
#[repr(C)]
#[btf(name = "flow___init")]
struct NewFlow {
    number: u32,
}

#[kfunc(acquire)]
fn flow_new() -> KRef<NewFlow> {
    KRef::new(NewFlow { number: 1 })
}

#[kfunc(release)]
fn flow_start(flow: KRef<NewFlow>) -> u32 {
    flow.number
}

fn main() {
    let registry = Registry::collect().expect("sound declarations");
    let c = |name: &str| {
        let id = registry.kfunc_named(name).expect("declared");
        registry.btf().c_declaration(registry.kfuncs()[id.index()].proto.func.id, "")
    };
    assert_eq!(c("conn_alloc"), "struct conn___init *conn_alloc(void)");
    assert_eq!(c("conn_insert"), "struct conn *conn_insert(struct conn___init *unborn)");
    assert_eq!(c("flow_start"), "unsigned int flow_start(struct flow___init *flow)");
}
