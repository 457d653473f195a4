use opswap::{Errno, kfunc};

#[kfunc]
fn big() -> Result<u64, Errno> {
    Err(Errno::EINVAL)
}

fn main() {}
