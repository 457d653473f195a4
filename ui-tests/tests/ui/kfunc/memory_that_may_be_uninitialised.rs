use opswap::kfunc;

#[kfunc]
fn fill(bytes: &mut [std::mem::MaybeUninit<u8>]) {
    bytes[0] = std::mem::MaybeUninit::uninit();
}

fn main() {}
