use opswap::Btf;

#[derive(Btf)]
#[repr(C)]
struct Flow {
    #[btf(ro, rw)]
    cwnd: u32,
}

fn main() {}
