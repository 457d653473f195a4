use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc(acquire)]
fn window(flow: &Flow) -> u32 {
    flow.cwnd
}

fn main() {}
