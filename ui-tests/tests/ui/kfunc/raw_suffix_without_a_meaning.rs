use opswap::kfunc;

#[kfunc]
unsafe fn drop_it(object__alloc: *mut u64) {
    let _ = object__alloc;
}

fn main() {}
