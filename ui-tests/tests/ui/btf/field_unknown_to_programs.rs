use opswap::Btf;

#[derive(Btf)]
#[repr(C)]
struct Flow {
    name: String,
}

fn main() {}
