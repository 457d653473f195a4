use opswap::{Btf, struct_ops};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[struct_ops]
struct Ops {
    keep: fn(flow: &'static Flow),
}

fn main() {}
