use opswap::kfunc;

#[kfunc(sleepable, sleepable)]
fn one() -> u32 {
    1
}

fn main() {}
