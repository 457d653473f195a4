use opswap::Btf;

#[derive(Btf)]
#[repr(C)]
struct Flow {
    #[btf(rcu)]
    peer: *const Flow,
}

fn main() {}
