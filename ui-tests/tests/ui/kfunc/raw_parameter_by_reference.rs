use opswap::kfunc;

#[kfunc]
unsafe fn read(number: &u64) -> u64 {
    *number
}

fn main() {}
