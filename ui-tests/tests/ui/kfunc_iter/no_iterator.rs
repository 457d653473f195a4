use opswap::kfunc_iter;

#[kfunc_iter]
fn numbers() -> u32 {
    3
}

fn main() {}
