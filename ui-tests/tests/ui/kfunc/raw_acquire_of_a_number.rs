use opswap::kfunc;

#[kfunc(acquire)]
unsafe fn take() -> u32 {
    0
}

fn main() {}
