use opswap::kfunc;

#[kfunc]
fn look(text: &mut std::ffi::CStr) -> u32 {
    text.count_bytes() as u32
}

fn main() {}
