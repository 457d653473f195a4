use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc]
fn window(Flow { cwnd }: &Flow) -> u32 {
    *cwnd
}

fn main() {}
