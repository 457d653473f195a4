use opswap::Btf;

#[derive(Btf)]
#[repr(C)]
struct Flow {
    #[btf(rw)]
    open: bool,
}

fn main() {}
