use opswap::kfunc;

#[kfunc]
fn read(number: *const u64) -> u64 {
    number.addr() as u64
}

fn main() {}
