//! The table: by value, memory, a slice, twelve arguments.

use opswap::{Btf, Pod, Slot, StructOps, struct_ops};

#[derive(Btf, Pod, Clone, Copy)]
#[repr(C)]
pub(crate) struct Port {
    pub(crate) number: u16,
    pub(crate) protocol: [u8; 2],
}

#[derive(Btf, Pod, Clone, Copy)]
#[repr(C)]
pub(crate) struct Key {
    pub(crate) address: u64,
    pub(crate) port: Port,
    pub(crate) zone: u32,
}

/// The table.
#[struct_ops(name = "forms_ops")]
pub(crate) struct FormsOps {
    pub(crate) by_value: fn(key: Key, port: Port) -> u64,
    pub(crate) sum: fn(data: &[u8], limit: u32) -> u32,
    pub(crate) fill: fn(counter: &mut u64, data: &mut [u8]),
    pub(crate) table: fn(table: &[u32; 4], scratch: Option<&mut u64>) -> u32,
    pub(crate) twelve:
        fn(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8) -> u8,
}

impl StructOps for FormsOps {}

/// Answers that no program gives.
pub(crate) fn slot() -> Slot<FormsOps> {
    Slot::new(FormsOps {
        by_value: |_, _| u64::MAX,
        sum: |_, _| u32::MAX,
        fill: |_, _| {},
        table: |_, _| u32::MAX,
        twelve: |_, _, _, _, _, _, _, _, _, _, _, _| u8::MAX,
    })
}
