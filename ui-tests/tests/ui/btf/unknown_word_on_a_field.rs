use opswap::Btf;

#[derive(Btf)]
#[repr(C)]
struct Flow {
    #[btf(skp)]
    cwnd: u32,
}

fn main() {}
