use opswap::kfunc;

#[kfunc(sleepable, spinlock_safe)]
fn one() -> u32 {
    1
}

fn main() {}
