use opswap::kfunc_iter;

#[kfunc_iter(nam = "numbers")]
fn numbers() -> std::ops::Range<u32> {
    0..3
}

fn main() {}
