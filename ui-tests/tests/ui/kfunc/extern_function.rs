use opswap::kfunc;

#[kfunc]
extern "C" fn one() -> u32 {
    1
}

fn main() {}
