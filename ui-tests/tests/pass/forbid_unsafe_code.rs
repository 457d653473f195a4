//! Expansions contain no unsafe code.

#![forbid(unsafe_code)]
#![deny(warnings)]

use opswap::{Btf, KRef, StructOps, kfunc, struct_ops};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc(release)]
fn flow_put(flow: KRef<Flow>) {
    drop(flow);
}

#[struct_ops]
struct FlowOps {
    window: fn(flow: &mut Flow) -> u32,
}

impl StructOps for FlowOps {}

fn main() {
    flow_put(KRef::new(Flow { cwnd: 1 }));
    let ops = FlowOps { window: |flow| flow.cwnd };
    assert_eq!((ops.window)(&mut Flow { cwnd: 2 }), 2);
}
