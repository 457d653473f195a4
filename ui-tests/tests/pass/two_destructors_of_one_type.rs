//! What only the whole program can tell: two destructors of one type. It compiles, and the registry refuses.

use opswap::{Btf, KRef, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc(dtor)]
fn first(flow: KRef<Flow>) {
    drop(flow);
}

#[kfunc(dtor)]
fn second(flow: KRef<Flow>) {
    assert_ne!(flow.cwnd, 0);
}

fn main() {
    let error = opswap::registry::Registry::collect().expect_err("one too many");
    let text = error.to_string();
    assert!(text.contains("destroys a `Flow`, and so does `first`") && text.contains("a type has one destructor"), "{text}");
}
