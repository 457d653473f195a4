use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc]
fn first<const N: usize>(flow: &Flow) -> u32 {
    flow.cwnd
}

fn main() {}
