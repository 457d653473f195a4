use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc]
fn window(flow: &Flow) -> u32
where
    u32: Copy,
{
    flow.cwnd
}

fn main() {}
