use opswap::kfunc;

#[kfunc]
fn limit(first: u32, #[cfg(any())] second: u32) -> u32 {
    first
}

fn main() {}
