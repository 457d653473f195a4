use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

type Lent<'a> = &'a Flow;

#[kfunc]
fn same(flow: &Flow) -> Lent {
    flow
}

fn main() {}
