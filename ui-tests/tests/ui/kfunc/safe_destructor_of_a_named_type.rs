use opswap::{Btf, KRef, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc(dtor = Flow)]
fn destroy(flow: KRef<Flow>) {
    drop(flow);
}

fn main() {}
