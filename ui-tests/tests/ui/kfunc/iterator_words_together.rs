use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc(iter_new, iter_next)]
fn both(flow: &Flow) -> u32 {
    flow.cwnd
}

fn main() {}
