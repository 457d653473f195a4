use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc(iter_next)]
fn next(flow: &Flow) -> u32 {
    flow.cwnd
}

fn main() {}
