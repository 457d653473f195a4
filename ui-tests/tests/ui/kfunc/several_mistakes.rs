use opswap::kfunc;

#[kfunc(acquir, sleepable, spinlock_safe, name = "1st")]
async fn one<T>(_: &'static u64, (a, b): (u32, u32)) -> u32 {
    a + b
}

fn main() {}
