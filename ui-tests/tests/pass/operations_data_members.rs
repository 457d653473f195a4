//! Data members of a table: numbers, arrays, enums, described structs, in any order between the operations.

#![forbid(unsafe_code)]
#![deny(warnings)]

use opswap::bpf::proto::StructOpsMemberKind;
use opswap::registry::Registry;
use opswap::{Btf, Slot, StructOps, struct_ops};

#[derive(Btf, Clone, Copy)]
#[repr(u32)]
enum Mode {
    Slow,
    Fast,
}

#[derive(Btf, Clone, Copy)]
#[repr(C)]
struct Limits {
    low: u32,
    high: u64,
}

/// Data and operations.
#[struct_ops]
struct MixedDataOps {
    /// Sixteen bytes of name.
    name: [u8; 16],
    grow: fn(by: u32) -> u32,
    flags: u64,
    mode: Mode,
    limits: Limits,
    table: [[u16; 2]; 3],
    shrink: Option<fn(by: u32) -> u32>,
    r#priority: i8,
    last: bool,
}

impl StructOps for MixedDataOps {}

fn main() {
    let slot = Slot::new(MixedDataOps {
        name: *b"native\0\0\0\0\0\0\0\0\0\0",
        grow: |by| by + 1,
        flags: 1,
        mode: Mode::Fast,
        limits: Limits { low: 1, high: 2 },
        table: [[1, 2]; 3],
        shrink: None,
        r#priority: -1,
        last: true,
    });
    assert_eq!(slot.pin().grow(1), 2);
    let _ = Mode::Slow;
    let registry = Registry::collect().expect("sound declarations");
    let table = registry.struct_ops_named("mixed_data_ops").expect("named after the type");
    let data: Vec<&str> = table
        .members
        .iter()
        .filter(|member| matches!(member.kind, StructOpsMemberKind::Data))
        .map(|member| member.name.as_str())
        .collect();
    assert_eq!(data, ["name", "flags", "mode", "limits", "table", "priority", "last"]);
    let c = opswap::header::c_header(&registry);
    assert!(c.contains("unsigned short table[3][2];") && c.contains("struct Limits limits;"), "{c}");
}
