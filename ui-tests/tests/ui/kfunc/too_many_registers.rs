use opswap::kfunc;

#[kfunc]
fn sum(a: &[u8], b: &[u8], c: &[u8], d: &[u8], e: &[u8], f: &[u8], g: &[u8]) -> u32 {
    (a.len() + b.len() + c.len() + d.len() + e.len() + f.len() + g.len()) as u32
}

fn main() {}
