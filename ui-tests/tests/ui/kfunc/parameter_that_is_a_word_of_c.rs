use opswap::kfunc;

#[kfunc]
fn limit(long: u32) -> u32 {
    long
}

fn main() {}
