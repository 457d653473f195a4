//! Destructors, in both modes: one for each type, known to the registry, to tools and to programs' headers.

use opswap::bpf::KfuncFlags;
use opswap::registry::{OPSWAP_KFUNCS, Registry};
use opswap::{Btf, KRef, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
    next: Option<KRef<Flow>>,
}

#[derive(Btf)]
#[repr(C)]
struct Task {
    pid: *mut u32,
}

#[kfunc(dtor)]
fn flow_destroy(flow: KRef<Flow>) {
    drop(flow);
}

#[kfunc(release, dtor)]
unsafe fn task_destroy(task: *mut Task) {
    let _ = task;
}

#[derive(Btf)]
#[repr(C)]
struct Ticket {
    number: *mut u32,
}

/// The kernel's form: C sees a `void *`.
#[kfunc(dtor = Ticket)]
unsafe fn ticket_destroy(ticket: *mut std::ffi::c_void) {
    let _ = ticket;
}

#[kfunc(release)]
fn flow_put(flow: KRef<Flow>) {
    drop(flow);
}

fn main() {
    let kfunc = OPSWAP_KFUNCS.iter().find(|kfunc| kfunc.name == "flow_destroy").expect("declared");
    assert_eq!(kfunc.flags, 1 << 31);
    let check = |registry: &Registry| {
        for (name, ty) in [("flow_destroy", "Flow"), ("task_destroy", "Task"), ("ticket_destroy", "Ticket")] {
            let id = registry.kfunc_named(name).expect("declared");
            let proto = &registry.kfuncs()[id.index()].proto;
            assert!(proto.flags.contains(KfuncFlags::DTOR | KfuncFlags::RELEASE), "{name}");
            let opswap::bpf::proto::ArgKind::Object { ty: found, .. } = proto.args[0].kind else { panic!("{name}") };
            assert_eq!(registry.btf().get(found.id).and_then(|ty| ty.name()), Some(ty));
            assert_eq!(registry.destructor(found), Some(id));
        }
    };
    let registry = Registry::collect().expect("sound declarations");
    check(&registry);
    let ticket = registry.kfunc_named("ticket_destroy").expect("declared");
    let func = registry.kfuncs()[ticket.index()].proto.func.id;
    assert_eq!(registry.btf().c_declaration(func, ""), "void ticket_destroy(void *ticket)");
    check(&Registry::from_interface((**registry.btf()).clone()).expect("it reads back"));
    let put = registry.kfunc_named("flow_put").expect("declared");
    assert!(!registry.kfuncs()[put.index()].proto.flags.contains(KfuncFlags::DTOR));
}
