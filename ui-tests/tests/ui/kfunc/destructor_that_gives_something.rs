use opswap::{Btf, KRef, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc(dtor)]
fn destroy(flow: KRef<Flow>) -> u32 {
    flow.cwnd
}

fn main() {}
