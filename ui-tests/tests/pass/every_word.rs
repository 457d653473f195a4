//! Each word of `#[kfunc]` that needs no special parameter.

use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

/// Two lines
/// of comment.
#[kfunc(trusted_args, sleepable, destructive, fastcall, perfmon, name = "flow_window", programs(struct_ops, tracing),
    deprecated = "read the field", crate = ::opswap)]
fn window(flow: &Flow) -> u32 {
    flow.cwnd
}

#[kfunc(spinlock_safe)]
fn add(a: u32, b: u32) -> u32 {
    a.wrapping_add(b)
}

fn main() {
    let kfunc = opswap::registry::OPSWAP_KFUNCS.iter().find(|kfunc| kfunc.name == "flow_window").unwrap();
    assert_eq!(kfunc.doc(), "Two lines\nof comment.");
    assert_eq!(kfunc.flags, 1 << 4 | 1 << 5 | 1 << 6 | 1 << 12 | 1 << 18);
    assert_eq!(kfunc.programs, ["struct_ops", "tracing"]);
    assert_eq!(kfunc.deprecated, "read the field");
}
