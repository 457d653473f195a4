//! Required, optional and unsupported operations, atomic and sleepable: all that `#[op(…)]` says.

#![forbid(unsafe_code)]
#![deny(warnings)]

use opswap::bpf::proto::{OpPresence, Sleepable, StructOpsMemberKind};
use opswap::registry::Registry;
use opswap::{Slot, StructOps, struct_ops};

/// Operations of a timer.
#[struct_ops(name = "timer_ops")]
struct TimerOps {
    /// Must be there.
    #[op(required)]
    required: fn(now: u64) -> u64,
    #[op(required, sleepable)]
    required_sleepable: fn(now: u64) -> u64,
    #[op(required)]
    required_without_native: Option<fn(now: u64) -> u64>,
    optional: fn(now: u64) -> u64,
    optional_without_native: Option<fn(now: u64) -> u64>,
    #[op(sleepable)]
    optional_sleepable: Option<fn(now: u64)>,
    #[op(unsupported)]
    unsupported: fn(now: u64) -> u64,
    #[op(unsupported)]
    unsupported_without_native: Option<fn(now: u64) -> u64>,
}

impl StructOps for TimerOps {}

fn same(now: u64) -> u64 {
    now
}

fn main() {
    let slot = Slot::new(TimerOps {
        required: same,
        required_sleepable: same,
        required_without_native: None,
        optional: same,
        optional_without_native: Some(same),
        optional_sleepable: None,
        unsupported: same,
        unsupported_without_native: None,
    });
    let ops = slot.pin();
    assert_eq!((ops.required(1), ops.required_sleepable(2), ops.optional(3), ops.unsupported(4)), (1, 2, 3, 4));
    assert_eq!(ops.required_without_native(1), None);
    assert_eq!(ops.optional_without_native(1), Some(1));
    assert_eq!(ops.optional_sleepable(1), None);
    assert_eq!(ops.unsupported_without_native(1), None);
    let registry = Registry::collect().expect("sound declarations");
    let table = registry.struct_ops_named("timer_ops").expect("declared");
    let is = |name: &str| {
        let member = table.members.iter().find(|member| member.name == name).expect("a member");
        let StructOpsMemberKind::Op(op) = &member.kind else { panic!("{name} is data") };
        (op.presence, op.entry.sleepable)
    };
    assert_eq!(is("required"), (OpPresence::Required, Sleepable::No));
    assert_eq!(is("required_sleepable"), (OpPresence::Required, Sleepable::Yes));
    assert_eq!(is("required_without_native").0, OpPresence::Required);
    assert_eq!(is("optional").0, OpPresence::Optional);
    assert_eq!(is("optional_sleepable"), (OpPresence::Optional, Sleepable::Yes));
    assert_eq!(is("unsupported").0, OpPresence::Unsupported);
}
