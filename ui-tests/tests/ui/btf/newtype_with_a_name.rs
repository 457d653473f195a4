use opswap::Btf;

#[derive(Btf)]
#[repr(transparent)]
#[btf(name = "metres")]
struct Metres(u32);

fn main() {}
