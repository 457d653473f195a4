use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc(rcu_protected)]
fn same(flow: &Flow) -> &Flow {
    flow
}

fn main() {}
