use opswap::Btf;

#[derive(Btf)]
#[repr(C)]
struct Flow {
    #[btf(rcu)]
    cwnd: u32,
}

fn main() {}
