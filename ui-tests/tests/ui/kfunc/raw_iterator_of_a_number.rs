use opswap::kfunc;

#[kfunc]
unsafe fn value(state__iter: *mut u64) -> u64 {
    let _ = state__iter;
    0
}

fn main() {}
