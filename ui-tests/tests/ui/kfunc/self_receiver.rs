use opswap::kfunc;

#[kfunc]
fn window(&self) -> u32 {
    self.cwnd
}

fn main() {}
