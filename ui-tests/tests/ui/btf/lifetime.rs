use opswap::Btf;

#[derive(Btf)]
#[repr(C)]
struct Flow<'a> {
    next: &'a u32,
}

fn main() {}
