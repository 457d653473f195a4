use opswap::kfunc;

#[kfunc]
fn größe() -> u32 {
    1
}

fn main() {}
