use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc(release)]
fn put(flow: &Flow) {
    let _ = flow;
}

fn main() {}
