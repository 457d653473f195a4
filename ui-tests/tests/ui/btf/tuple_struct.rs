use opswap::Btf;

#[derive(Btf)]
#[repr(C)]
struct Flow(u32, u32);

fn main() {}
