use opswap::Btf;

#[derive(Btf)]
#[repr(C)]
struct Flow {
    #[btf(tag)]
    cwnd: u32,
}

fn main() {}
