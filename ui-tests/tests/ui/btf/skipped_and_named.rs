use opswap::Btf;

#[derive(Btf)]
#[repr(C)]
struct Flow {
    #[btf(skip, name = "window")]
    cwnd: u32,
}

fn main() {}
