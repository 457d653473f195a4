use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc(ret_null)]
fn same(flow: &Flow) -> &Flow {
    flow
}

fn main() {}
