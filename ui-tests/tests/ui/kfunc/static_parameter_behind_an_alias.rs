use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

type Kept = &'static Flow;

#[kfunc]
fn keep(flow: Kept) -> u32 {
    flow.cwnd
}

fn main() {}
