use opswap::kfunc;

#[kfunc]
#[target_feature(enable = "avx2")]
fn sum(first: u32) -> u32 {
    first
}

fn main() {}
