use opswap::Btf;

struct Hidden;

#[derive(Btf)]
#[repr(C)]
struct Flow {
    hidden: Box<Hidden>,
}

fn main() {}
