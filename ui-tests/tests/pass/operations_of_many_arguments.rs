//! Operations of no, seven and twelve arguments, which the C ABI passes on the stack beyond six; and of every width.

#![forbid(unsafe_code)]
#![deny(warnings)]

use opswap::{Btf, Slot, StructOps, struct_ops};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[derive(Btf, Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Mode {
    Slow,
    Fast,
}

#[struct_ops(name = "wide_ops")]
struct WideOps {
    none: fn(),
    seven: fn(a: u8, b: i8, c: u16, d: i16, e: u32, f: i32, g: &mut Flow) -> i64,
    twelve: fn(a: u64, b: i64, c: bool, d: Mode, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: &Flow, l: Option<&Flow>) -> Mode,
    unnamed: fn(u32, u32) -> u32,
}

impl StructOps for WideOps {}

fn main() {
    let slot = Slot::new(WideOps {
        none: || (),
        seven: |a, b, c, d, e, f, g| {
            g.cwnd += u32::from(a);
            i64::from(b) + i64::from(c) + i64::from(d) + i64::from(e) + i64::from(f) + i64::from(g.cwnd)
        },
        twelve: |_, _, c, d, _, _, _, _, _, _, k, l| if c && l.is_none() && k.cwnd > 0 { d } else { Mode::Slow },
        unnamed: |a, b| a + b,
    });
    let ops = slot.pin();
    ops.none();
    let mut flow = Flow { cwnd: 1 };
    assert_eq!(ops.seven(1, 2, 3, 4, 5, 6, &mut flow), 22);
    assert_eq!(ops.twelve(0, 0, true, Mode::Fast, 0, 0, 0, 0, 0, 0, &flow, None), Mode::Fast);
    assert_eq!(ops.unnamed(1, 2), 3);
    let registry = opswap::registry::Registry::collect().expect("sound declarations");
    assert!(opswap::header::c_header(&registry).contains("(*unnamed)(unsigned int arg0, unsigned int arg1)"));
}
