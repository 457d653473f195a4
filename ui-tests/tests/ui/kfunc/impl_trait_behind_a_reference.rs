use opswap::kfunc;

#[kfunc]
fn sum(first: &impl Sized) -> u32 {
    let _ = first;
    1
}

fn main() {}
