use opswap::kfunc;

#[kfunc]
async fn one() -> u32 {
    1
}

fn main() {}
