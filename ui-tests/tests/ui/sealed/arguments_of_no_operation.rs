use opswap::__private::{PinGuard, call};
use opswap::{Btf, StructOps, struct_ops};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[struct_ops]
struct FlowOps {
    grow: fn(flow: &mut Flow) -> u32,
}

impl StructOps for FlowOps {}

struct Address(*mut Flow);

fn forged(guard: &PinGuard<'_, FlowOps>) {
    call::<_, _, u32>(guard, 0, &mut (Address(std::ptr::dangling_mut()),));
}

fn main() {}
