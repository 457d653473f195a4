//! Kfuncs of two libraries and of the application itself meet in one table.

use ui_library as _;
use ui_renamed as _;

#[opswap::kfunc]
fn own(number: u32) -> u32 {
    number
}

fn main() {
    let mut names: Vec<&str> = opswap::registry::OPSWAP_KFUNCS.iter().map(|kfunc| kfunc.name).collect();
    names.sort_unstable();
    assert_eq!(names, ["counter_add", "counter_new", "counter_put", "gauge_move", "gauge_next", "own"]);
    assert_eq!(own(3), 3);
}
