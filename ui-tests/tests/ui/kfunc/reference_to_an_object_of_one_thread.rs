use opswap::{Btf, KRef, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Local {
    count: u32,
    #[btf(skip)]
    cell: std::cell::Cell<u32>,
}

#[kfunc]
fn put(local: KRef<Local>) {
    drop(local);
}

fn main() {}
