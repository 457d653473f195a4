use opswap::kfunc;

#[kfunc]
fn length(text: String) -> u32 {
    text.len() as u32
}

fn main() {}
