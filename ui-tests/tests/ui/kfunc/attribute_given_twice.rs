use opswap::kfunc;

#[kfunc]
#[kfunc(sleepable)]
fn sum(first: u32) -> u32 {
    first
}

fn main() {}
