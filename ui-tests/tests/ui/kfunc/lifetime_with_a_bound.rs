use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc]
fn pick<'a, 'b: 'a>(first: &'a Flow, second: &'b Flow) -> &'a Flow {
    let _ = second;
    first
}

fn main() {}
