//! Calls that are refused, in words.

use opswap_bpf::InsnIdx;
use opswap_bpf::map::MapKind;

use super::{place, words};
use crate::host::Unavailable;
use crate::reject::{Misplaced, OnStack, Reason, ReturnFault};
use crate::subject::Subject;

/// The words, if this cause is about a call.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other causes stand elsewhere")]
pub(super) fn ending(subject: &Subject<'_>, at: InsnIdx, reason: &Reason) -> Option<String> {
    let argument = |index: usize| words::argument(subject, at, index);
    let register = |reg| words::argument_in(subject, at, reg);
    Some(match reason {
        Reason::InvalidMemoryPair { cause, .. } | Reason::GlobalCall { cause, .. } => {
            super::of(subject, at, cause)
        }
        Reason::PossiblyNull { arg, reg } => format!("{} must not be NULL, and {reg} may be", argument(*arg)),
        Reason::NotTrusted { reg } => format!("{} must be trusted, and {reg} is not", register(*reg)),
        Reason::NotRcu { reg } => {
            format!("{} must be trusted or read in this RCU section, and {reg} is not", register(*reg))
        }
        Reason::WrongObject { arg, reg, expected, found, .. } => {
            format!(
                "{} must be a `{}`, and {reg} points to a `{}`",
                argument(*arg),
                bare(expected),
                bare(found)
            )
        }
        Reason::NotAnObject { arg, expected, .. } if bare(expected).is_empty() => {
            format!("{} is memory of no known size, which no call can pass", argument(*arg))
        }
        Reason::NotAnObject { arg, reg, expected, kind } => {
            format!("{} must be a `{}`, and {reg} is {}", argument(*arg), bare(expected), words::kind(kind))
        }
        Reason::FieldNotShared { ty, offset, .. } => {
            format!("the host keeps what lies at offset {offset} of `{ty}` to itself")
        }
        Reason::NotContext { arg, kind } => {
            format!("{} must be the context, and {} was passed", argument(*arg), words::kind(kind))
        }
        Reason::NotANumber { reg } => format!("{} must be a number, and {reg} is not", register(*reg)),
        Reason::NotConstant { reg } => {
            format!("{} must be a constant, and {reg} may hold several values", register(*reg))
        }
        Reason::NegativeSize { reg } => format!("the size in {reg} may be negative"),
        Reason::ZeroSize { reg, .. } => format!("the size in {reg} may be 0"),
        Reason::UnboundedSize { reg } => format!("the size in {reg} may be as large as 2^29 and more"),
        Reason::WrongArgument { reg, kind, expected } => {
            let expected: Vec<String> = expected.split(", ").map(words::kind).collect();
            format!(
                "{} must be {}, and {reg} is {}",
                register(*reg),
                words::one_of(&expected),
                words::kind(kind)
            )
        }
        Reason::MapShape { map, wanted, found, .. } => format!(
            "`{map}` has keys of {} and values of {} bytes, and the callee works on keys of {} and values of {}",
            found.0, found.1, wanted.0, wanted.1
        ),
        Reason::NotAMap { reg } => format!("{} must be a map, and {reg} is not", register(*reg)),
        Reason::WrongMapKind { kind, name } => {
            format!("`{}` does not work on {}", name.split('#').next().unwrap_or(name), map_kind(*kind))
        }
        Reason::NotAString { arg } => {
            format!("{} must be a string literal, and this is none", argument(*arg))
        }
        Reason::StringInWritableMap { .. } => "the string lies in a map whose values may change".to_owned(),
        Reason::StringAtVariableOffset { .. } => "where the string begins is not known".to_owned(),
        Reason::StringWithoutEnd { .. } => "no 0 follows up to the end of the map's value".to_owned(),
        Reason::TooManyArguments { args, limit, .. } => {
            format!("the host declares {args} arguments, and there are {limit} registers for them")
        }
        other => return objects(subject, at, other).or_else(|| callee(other)),
    })
}

/// The words, if this cause is about who owns an argument, or about objects on the stack.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other causes stand elsewhere")]
fn objects(subject: &Subject<'_>, at: InsnIdx, reason: &Reason) -> Option<String> {
    let argument = |index: usize| words::argument(subject, at, index);
    let register = |reg| words::argument_in(subject, at, reg);
    Some(match reason {
        Reason::NotAFunction { arg } => {
            format!("{} must be a function of the program, and this is none", argument(*arg))
        }
        Reason::IllegalFlags { arg, .. } => {
            format!("{} has a value that the callee does not know", argument(*arg))
        }
        Reason::PacketArgument { reg } => {
            format!("{} must not lie in the packet, and {reg} points there", register(*reg))
        }
        Reason::NotOnStack { arg, what } => {
            format!("{} must be {} on the program's stack, and this is none", argument(*arg), object(what))
        }
        Reason::NotInitialised { arg, what, fault } => format!(
            "{} must be {} that was made before, and there is none{}",
            argument(*arg),
            object(what),
            misplaced(*fault)
        ),
        Reason::AlreadyInitialised { arg, what, fault: Misplaced::Well } => {
            format!("{} must be room for {}, and there is one already", argument(*arg), object(what))
        }
        Reason::AlreadyInitialised { arg, what, fault } => {
            format!(
                "{} must be room for {}, and there is none{}",
                argument(*arg),
                object(what),
                misplaced(*fault)
            )
        }
        Reason::NotOwned { reg, .. } | Reason::NotReferenced { reg } => {
            format!(
                "{} is given away by this call, and the program does not own what is in {reg}",
                register(*reg)
            )
        }
        Reason::NotExclusive { reg, .. } => {
            format!("{} is taken as `&mut`, and others may reach what {reg} points to", register(*reg))
        }
        Reason::AliasedArguments { first, second, .. } => {
            format!("arguments {} and {} may name the same object", first + 1, second + 1)
        }
        Reason::SharedMemory { reg, memory } => {
            format!("{reg} points into {memory}, which others may change during the call")
        }
        _ => return None,
    })
}

/// The words, if this cause is about what is called, or about a result.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other causes stand elsewhere")]
fn callee(reason: &Reason) -> Option<String> {
    Some(match reason {
        Reason::KfuncUnavailable { id, unavailable, .. } => unavailable_kfunc(id.0, *unavailable),
        Reason::HelperUnavailable { id, name, unavailable } => unavailable_helper(id.0, name, *unavailable),
        Reason::ReturnValue { fault, min, max } | Reason::CallbackReturn { fault, min, max } => {
            result(fault, *min, *max)
        }
        Reason::CallNeedsGpl { name } => format!("`{name}` is for programs with a GPL-compatible licence"),
        Reason::SleepsInAtomicProgram { name } => format!("`{name}` may sleep, and this program must not"),
        Reason::SleepsInSection { name, section } => {
            format!(
                "`{name}` may sleep, and the program is inside a section that forbids it: {}",
                place(*section)
            )
        }
        Reason::NeedsRcuSection { name } => {
            format!("what `{name}` returns lives in an RCU read-side section, and this is none")
        }
        Reason::GlobalSleeps { name } => format!("`{name}` may sleep, and the program must not here"),
        _ => return None,
    })
}

/// A type without the kernel's word for its kind.
fn bare(described: &str) -> &str {
    described.split_once(' ').map_or(described, |(_, name)| name)
}

fn object(what: &OnStack) -> String {
    match what {
        OnStack::Iter(name) => format!("an iterator `{name}`"),
        OnStack::Dynptr => "a dynptr".to_owned(),
        OnStack::Irq => "a saved interrupt state".to_owned(),
    }
}

fn misplaced(fault: Misplaced) -> String {
    match fault {
        Misplaced::Well => String::new(),
        Misplaced::Variable => ": the offset is not known".to_owned(),
        Misplaced::At(offset) => format!(" at offset {offset}"),
    }
}

fn map_kind(number: u32) -> String {
    let kind = MapKind::ALL.iter().find(|kind| **kind as u32 == number);
    kind.map_or_else(|| format!("maps of kind {number}"), |kind| format!("maps of kind {kind:?}"))
}

fn unavailable_kfunc(id: u32, why: Unavailable) -> String {
    match why {
        Unavailable::Unknown => format!("the host has no kfunc with the id {id}"),
        Unavailable::WrongProgramKind => {
            "the host has the kfunc, but not for programs of this kind".to_owned()
        }
        Unavailable::WrongTarget => {
            "the host has the kfunc, but not for programs that are attached to this".to_owned()
        }
        Unavailable::NeedsGpl => "the kfunc is for programs with a GPL-compatible licence".to_owned(),
        Unavailable::Because(why) => why.to_owned(),
    }
}

fn unavailable_helper(id: u32, name: &str, why: Unavailable) -> String {
    match why {
        Unavailable::Unknown => format!("the host has no helper number {id}"),
        Unavailable::WrongProgramKind => format!("the host has `{name}`, but not for programs of this kind"),
        Unavailable::WrongTarget => {
            format!("the host has `{name}`, but not for programs that are attached to this")
        }
        Unavailable::NeedsGpl => format!("`{name}` is for programs with a GPL-compatible licence"),
        Unavailable::Because(why) => why.to_owned(),
    }
}

fn result(fault: &ReturnFault, min: i64, max: i64) -> String {
    let expected = if min == max { min.to_string() } else { format!("{min}..={max}") };
    match fault {
        ReturnFault::Range { smin, smax } if smin == smax => {
            format!("r0 is {smin}, and must be {expected}")
        }
        ReturnFault::Range { smin: i64::MIN, smax: i64::MAX } => {
            format!("r0 may be any number, and must be {expected}")
        }
        ReturnFault::Range { smin, smax } => format!("r0 is in {smin}..={smax}, and must be {expected}"),
        ReturnFault::NotANumber { kind } => format!("r0 is {}, and must be a number", words::kind(kind)),
    }
}
