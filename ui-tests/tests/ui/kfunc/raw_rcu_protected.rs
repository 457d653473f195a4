use opswap::kfunc;

#[kfunc(rcu_protected)]
unsafe fn find(number: u64) -> *mut u64 {
    let _ = number;
    std::ptr::null_mut()
}

fn main() {}
