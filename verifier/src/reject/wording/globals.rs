//! The classic text of what concerns global functions, maps as objects, and entry points that the host refuses.

use std::fmt;

use opswap_bpf::SubprogId;

use crate::reject::{PrototypeFault, Reason, Untyped};

impl Reason {
    /// Writes the text, if this cause is one of these.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other causes stand elsewhere")]
    pub(super) fn globals(&self, f: &mut fmt::Formatter<'_>) -> Option<fmt::Result> {
        Some(match self {
            Self::GlobalCall { function, name, cause } => {
                write!(f, "{cause}").and_then(|()| blamed(f, *function, name))
            }
            Self::GlobalPrototype { called, name, fault } => prototype(f, name, fault)
                .and_then(|()| called.map_or(Ok(()), |function| blamed(f, function, name))),
            Self::GlobalReturn { kind } => {
                write!(f, "At subprogram exit the register R0 is not a scalar value ({kind})")
            }
            Self::GlobalAliasesContext { name, arg } => {
                write!(f, "arg#{arg} of {name}() is borrowed from the context that the call passes, too")
            }
            Self::GlobalSharedMemory { reg, name } => write!(
                f,
                "R{} points to memory of the caller of {name}(), which may be a map's value and change during the call",
                reg.index()
            ),
            Self::GlobalSleeps { name } => write!(
                f,
                "global functions that may sleep are not allowed in non-sleepable context, i.e., in a RCU/IRQ/preempt-disabled \
                 section, or in a non-sleepable BPF program context ({name}())"
            ),
            Self::MapObjectNegative { reg, ty, offset } => {
                write!(f, "R{} is {ty} invalid negative access: off={offset}", reg.index())
            }
            Self::MapObjectWrite { ty } => write!(f, "only read from {ty} is supported"),
            Self::NoEntry { why } => f.write_str(why),
            _ => return None,
        })
    }
}

/// The kernel's second line, whatever is wrong.
fn blamed(f: &mut fmt::Formatter<'_>, function: SubprogId, name: &str) -> fmt::Result {
    write!(f, "; Caller passes invalid args into func#{} ('{name}')", function.0)
}

fn prototype(f: &mut fmt::Formatter<'_>, name: &str, fault: &PrototypeFault) -> fmt::Result {
    match fault {
        PrototypeFault::Missing => write!(f, "{name}() has no prototype"),
        PrototypeFault::TooManyArguments { args, limit } => {
            write!(f, "Global function {name}() with {args} > {limit} args. Buggy compiler.")
        }
        PrototypeFault::NoNumber => {
            write!(f, "Global function {name}() doesn't return scalar. Only those are supported.")
        }
        PrototypeFault::Argument { arg, why } => match why {
            Untyped::Unsupported { ty } => write!(f, "Arg#{arg} type {ty} in {name}() is not supported yet."),
            Untyped::Unsized { ty } => {
                write!(f, "arg#{arg} reference type('{ty}') size cannot be determined: -22")
            }
            Untyped::NotOfTheHost { ty } => write!(f, "arg#{arg} type {ty} is not a type of the host"),
            Untyped::TagsCombined => write!(f, "arg#{arg} has invalid combination of tags"),
            Untyped::ArenaCombined => write!(f, "arg#{arg} arena cannot be combined with any other tags"),
            Untyped::TagOnNumber => write!(f, "arg#{arg} has pointer tag, but is not a pointer type"),
        },
    }
}
