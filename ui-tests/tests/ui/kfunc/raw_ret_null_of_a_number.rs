use opswap::kfunc;

#[kfunc(ret_null)]
unsafe fn find(number: u64) -> u64 {
    number
}

fn main() {}
