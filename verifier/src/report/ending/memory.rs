//! Loads and stores that are refused, in words.

use opswap_bpf::insn::Reg;
use opswap_bpf::proto::FieldAccess;

use super::words;
use crate::reject::{ContextFault, Direction, ObjectFault, Reason, Side, StackUse};

/// `size` bytes from `offset` on, as a range.
fn bytes(offset: i64, size: u32) -> String {
    format!("bytes {offset}..{}", offset.saturating_add(i64::from(size)))
}

fn verb(usage: StackUse) -> &'static str {
    match usage {
        StackUse::Direct(Direction::Read) => "read",
        StackUse::Direct(Direction::Write) => "written",
        StackUse::Argument => "used by the callee",
    }
}

/// The words, if this cause is about a load or store.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other causes stand elsewhere")]
pub(super) fn ending(reason: &Reason) -> Option<String> {
    Some(match reason {
        Reason::OutOfBounds { offset, size, side: Side::Min, .. } => {
            format!("{} may be accessed, which begin in front of the memory", bytes(*offset, *size))
        }
        Reason::OutOfBounds { offset, size, limit, side: Side::Max, .. } => {
            format!("{} may be accessed, but there are only {limit}", bytes(*offset, *size))
        }
        Reason::MinNegative { reg } => {
            format!("the offset in {reg} may be negative: the access may lie in front of the memory")
        }
        Reason::UnboundedAccess { reg } => format!("the offset in {reg} may be as large as 2^29 and more"),
        Reason::InvalidMemAccess { reg, kind } if kind == "scalar" => {
            format!("{reg} is a number here, not a pointer")
        }
        Reason::InvalidMemAccess { reg, kind } => {
            format!("{reg} is {}, which is no memory that programs may access", words::kind(kind))
        }
        Reason::NullAccess { reg, .. } => format!("{reg} may be NULL here"),
        Reason::WriteToReadOnly { reg, kind } => {
            let what = if kind.contains("mem") { "memory".to_owned() } else { format!("`{kind}`") };
            format!("{reg} points to {what} that is only to be read")
        }
        Reason::ReadOfWriteOnly { reg, .. } => format!("{reg} points to memory that is only to be written"),
        Reason::StackOutOfBounds { reg, usage, offset, size } => format!(
            "{} from r10 would be {} through {reg}, but the frame is -512..0",
            bytes(*offset, *size),
            verb(*usage)
        ),
        Reason::VariableStackOutOfBounds { reg, usage, .. } => {
            format!("what is {} through {reg} may lie outside the frame", verb(*usage))
        }
        Reason::UninitialisedStack { offset, at, .. } => {
            format!("the byte at r10 - {} has no value here", offset.saturating_add(*at).saturating_neg())
        }
        Reason::UninitialisedArgument { offset, at, size, .. } => format!(
            "the callee reads {size} bytes, and that at r10 - {} has no value here",
            offset.saturating_add(*at).saturating_neg()
        ),
        Reason::UninitialisedVariableStack { at, size, .. } => {
            format!("byte {at} of the {size} that may be read has no value here")
        }
        Reason::PartialFill => "a pointer is stored there, and only part of it would be read".to_owned(),
        Reason::PartialSpill => "only part of a pointer would be stored".to_owned(),
        Reason::CorruptsSpill => {
            "a pointer is stored there, and only part of it would be overwritten".to_owned()
        }
        Reason::MapAccessForbidden { direction: Direction::Read, .. } => {
            "the map is write-only to programs".to_owned()
        }
        Reason::MapAccessForbidden { direction: Direction::Write, .. } => {
            "the map is read-only to programs".to_owned()
        }
        Reason::SpecialFieldAccess { field } => {
            format!("the access touches the `struct {field}` in the value")
        }
        Reason::InvalidContextAccess { offset, size, fault } => context(*offset, *size, fault),
        Reason::ObjectAccess { owner, offset, size, fault } => object(owner, *offset, *size, fault),
        Reason::ObjectReadOnly { reg, ty, member_rule: FieldAccess::ReadWrite } => {
            format!("this field of `{ty}` is written only through an exclusive pointer, and {reg} is none")
        }
        Reason::ObjectReadOnly { ty, .. } => format!("this field of `{ty}` is only to be read"),
        Reason::DirectValueOutOfBounds { value_size, offset } => {
            format!("the value has {value_size} bytes, and this would be byte {offset}")
        }
        Reason::OutsidePacket { at, size, range, .. } => match range {
            0 => format!("{} would be accessed, and the packet may have none", bytes(*at, *size)),
            range => {
                format!("{} would be accessed, and the packet is known to have {range}", bytes(*at, *size))
            }
        },
        Reason::InvalidRecordAccess { name, offset, size, .. } => {
            format!("`{name}` has no field of {size} bytes at offset {offset}")
        }
        Reason::Misaligned { fixed, offset, size, .. } => format!(
            "the offset {} is no multiple of {size}",
            i64::from(*fixed).saturating_add(i64::from(*offset))
        ),
        Reason::AtomicTarget { reg, kind } => {
            format!("{reg} is {}, where nothing is changed atomically", words::kind(kind))
        }
        Reason::AddressStored { what, into, .. } => {
            format!("{} would be stored {}", words::kind(what), target(into))
        }
        Reason::PointerArithmetic { reg, kind } => {
            format!("{} stays as it is: {reg} would be moved", words::kind(kind))
        }
        Reason::NullablePointerArithmetic { reg, .. } => null(*reg),
        _ => return None,
    })
}

fn null(reg: Reg) -> String {
    format!("{reg} may be NULL here, and would be moved")
}

/// Where an address would be stored.
fn target(into: &str) -> &'static str {
    match into {
        "ctx" => "in the context",
        "map" => "in a map, where others read it",
        "object" => "in an object of the host",
        "pkt" => "in the packet",
        _ => "in memory that others read",
    }
}

fn context(offset: i64, size: u32, fault: &ContextFault) -> String {
    match fault {
        ContextFault::Forbidden => format!("the context has no {size} bytes at offset {offset} for this"),
        ContextFault::NotASlot { func, offset } => {
            format!("arguments of `{func}` lie at multiples of 8, and none begins at {offset}")
        }
        ContextFault::NoArgument { func, number } => format!("`{func}` has no argument {number}"),
        ContextFault::PartOfPointer { func, size } => {
            format!("this argument of `{func}` is a pointer of 8 bytes, and {size} would be read")
        }
        ContextFault::Released => "what the argument owned has been released".to_owned(),
    }
}

fn object(owner: &str, offset: u32, size: u32, fault: &ObjectFault) -> String {
    match fault {
        ObjectFault::BeyondStruct => {
            format!("`{owner}` ends before {}", bytes(i64::from(offset), size))
        }
        ObjectFault::NoField => format!("`{owner}` has no field at offset {offset}"),
        ObjectFault::BeyondMember { member, end } => {
            format!("`{member}` of `{owner}` ends at {end}, within {}", bytes(i64::from(offset), size))
        }
        ObjectFault::PartOfPointer { member } => {
            format!("`{member}` of `{owner}` is a pointer of 8 bytes, and {size} would be read")
        }
        ObjectFault::Hidden { member } => format!("the host keeps `{member}` of `{owner}` to itself"),
    }
}
