use opswap::kfunc;

#[kfunc]
unsafe fn fill(to: *mut std::ffi::c_void) {
    let _ = to;
}

fn main() {}
