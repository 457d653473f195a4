use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc(dtor)]
fn destroy(flow: &Flow) {
    let _ = flow.cwnd;
}

fn main() {}
