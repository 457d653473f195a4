use opswap::kfunc_iter;

#[derive(Clone)]
struct Numbers;

#[kfunc_iter]
impl Numbers {
    fn next(&mut self) -> Option<u32> {
        None
    }
}

fn main() {}
