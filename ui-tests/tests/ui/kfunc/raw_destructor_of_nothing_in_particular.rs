use opswap::kfunc;

#[kfunc(dtor)]
unsafe fn destroy(object: *mut std::ffi::c_void) {
    let _ = object;
}

fn main() {}
