use opswap::kfunc_iter;

struct Table(Vec<u32>);

#[kfunc_iter]
fn numbers<'a>(table: &'a Table) -> impl Iterator<Item = u32> + 'a {
    table.0.iter().copied()
}

fn main() {}
