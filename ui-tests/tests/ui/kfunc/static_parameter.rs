use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc]
fn keep(flow: &'static Flow) -> u32 {
    flow.cwnd
}

fn main() {}
