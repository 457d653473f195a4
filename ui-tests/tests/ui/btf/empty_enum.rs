use opswap::Btf;

#[derive(Btf, Clone, Copy)]
#[repr(u32)]
enum Mode {}

fn main() {}
