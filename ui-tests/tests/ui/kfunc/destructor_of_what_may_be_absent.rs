use opswap::{Btf, KRef, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc(dtor)]
fn destroy(flow: Option<KRef<Flow>>) {
    drop(flow);
}

fn main() {}
