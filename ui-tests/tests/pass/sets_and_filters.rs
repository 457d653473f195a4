//! Sets of kfuncs, and a filter of a kfunc's own.

use opswap::{FilterVerdict, ProgramKind, kfunc, kfunc_set};

kfunc_set! {
    /// For tables of operations and tracing.
    pub BOTH = programs(struct_ops, tracing);
    NAMED = programs(xdp), filter = only_named;
}

fn only_named(program: &ProgramKind, _kfunc: &str) -> FilterVerdict {
    match program {
        ProgramKind::Named(_) => FilterVerdict::Allow,
        ProgramKind::StructOps { .. } => FilterVerdict::Deny,
    }
}

#[kfunc(set = BOTH, set = NAMED, filter = only_named)]
fn one() -> u32 {
    1
}

fn main() {
    let kfunc = opswap::registry::OPSWAP_KFUNCS.iter().find(|kfunc| kfunc.name == "one").unwrap();
    let names: Vec<&str> = kfunc.sets.iter().map(|set| set.name).collect();
    assert_eq!(names, ["BOTH", "NAMED"]);
    assert_eq!(kfunc.sets[0].programs, ["struct_ops", "tracing"]);
    assert!(kfunc.sets[1].filter.is_some() && kfunc.filter.is_some());
    assert_eq!(one(), 1);
}
