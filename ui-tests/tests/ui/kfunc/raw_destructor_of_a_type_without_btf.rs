use opswap::kfunc;

struct Flow;

#[kfunc(dtor = Flow)]
unsafe fn destroy(flow: *mut std::ffi::c_void) {
    let _ = flow;
}

fn main() {}
