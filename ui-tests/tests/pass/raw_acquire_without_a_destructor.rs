//! What only the whole program can tell: references handed out by raw pointer that nobody takes back from a run that ends early. It
//! compiles, and the registry refuses. A safe destructor takes a `KRef`, which a raw pointer is not.

use opswap::{Btf, KRef, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc(acquire)]
unsafe fn flow_new() -> *mut Flow {
    Box::into_raw(Box::new(Flow { cwnd: 1 }))
}

#[kfunc(release)]
unsafe fn flow_put(flow: *mut Flow) {
    // SAFETY: it came from `flow_new`.
    drop(unsafe { Box::from_raw(flow) });
}

#[kfunc(dtor)]
fn flow_destroy(flow: KRef<Flow>) {
    assert_ne!(flow.cwnd, 0);
}

fn main() {
    let text = opswap::registry::Registry::collect().expect_err("nobody takes it back").to_string();
    assert!(text.contains("flow_new") && text.contains("raw destructor"), "{text}");
}
