//! Each form of a member of a table.

use opswap::{Btf, KRef, Slot, StructOps, struct_ops};

#[derive(Btf)]
#[repr(C)]
pub struct Flow {
    cwnd: u32,
}

#[struct_ops(name = "flow_ops")]
#[derive(Clone)]
pub struct FlowOps {
    #[op(required)]
    pub grow: fn(flow: &mut Flow, by: u32) -> u32,
    #[op(sleepable)]
    pub start: Option<fn(flow: &mut Flow, peer: Option<&Flow>)>,
    #[op(unsupported)]
    pub undo: fn(flow: &mut Flow) -> u32,
    pub exchange: Option<fn(flow: KRef<Flow>) -> Option<KRef<Flow>>>,
    pub flag: fn(on: bool, _: i8) -> bool,
    pub many: fn(a: u8, b: u16, c: u32, d: u64, e: i8, f: i16, g: i32, h: i64) -> i64,
    pub name: [u8; 16],
    pub flags: u32,
}

impl StructOps for FlowOps {}

fn main() {
    let slot = Slot::new(FlowOps {
        grow: |flow, by| {
            flow.cwnd += by;
            flow.cwnd
        },
        start: None,
        undo: |flow| flow.cwnd,
        exchange: Some(Some),
        flag: |on, _| !on,
        many: |a, b, c, d, e, f, g, h| {
            i64::from(a) + i64::from(b) + i64::from(c) + d as i64 + i64::from(e) + i64::from(f) + i64::from(g) + h
        },
        name: *b"native\0\0\0\0\0\0\0\0\0\0",
        flags: 1,
    });
    let mut flow = Flow { cwnd: 1 };
    let ops = slot.pin();
    assert_eq!(ops.grow(&mut flow, 2), 3);
    assert_eq!(ops.start(&mut flow, None), None);
    assert_eq!(ops.undo(&mut flow), 3);
    assert!(ops.exchange(KRef::new(flow)).flatten().is_some());
    assert!(ops.flag(false, -1));
    assert_eq!(ops.many(1, 2, 3, 4, 5, 6, 7, 8), 36);
}
