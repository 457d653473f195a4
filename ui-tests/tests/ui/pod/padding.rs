use opswap::{Btf, Pod};

#[derive(Btf, Pod, Clone, Copy)]
#[repr(C)]
struct Gap {
    byte: u8,
    word: u32,
}

fn main() {}
