//! Expansions rely on no prelude.

#![no_implicit_prelude]

#[derive(::opswap::Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[::opswap::kfunc(acquire, ret_null)]
fn flow_find(number: u32) -> ::core::option::Option<::opswap::KRef<Flow>> {
    ::core::option::Option::Some(::opswap::KRef::new(Flow { cwnd: number }))
}

#[::opswap::struct_ops]
struct FlowOps {
    window: ::core::option::Option<fn(flow: &mut Flow) -> u32>,
}

impl ::opswap::StructOps for FlowOps {}

fn main() {
    ::core::assert!(flow_find(2).is_some_and(|flow| flow.cwnd == 2));
    let _ = FlowOps { window: ::core::option::Option::None };
}
