use opswap::kfunc;

#[kfunc]
struct Flow {
    cwnd: u32,
}

fn main() {}
