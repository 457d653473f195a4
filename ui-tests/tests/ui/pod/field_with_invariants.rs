use opswap::{Btf, Pod};

#[derive(Btf, Pod, Clone, Copy)]
#[repr(C)]
struct Flags {
    on: bool,
}

fn main() {}
