use opswap::Btf;

#[derive(Btf)]
#[repr(transparent)]
struct Metres(u32, ());

fn main() {}
