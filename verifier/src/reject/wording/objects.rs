//! The classic text of what concerns objects on the program's stack.

use std::fmt;

use opswap_bpf::proto::IrqClass;

use crate::reject::{Misplaced, OnStack, Reason};

/// The kernel's word for the object where it speaks of places.
fn place(what: &OnStack) -> &'static str {
    match what {
        OnStack::Iter(_) => "iter",
        OnStack::Dynptr => "dynptr",
        OnStack::Irq => "irq_flag",
    }
}

fn fault(f: &mut fmt::Formatter<'_>, what: &OnStack, fault: Misplaced) -> fmt::Result {
    match fault {
        Misplaced::Well => Ok(()),
        Misplaced::Variable => write!(f, "{} has to be at a constant offset; ", place(what)),
        Misplaced::At(offset) => write!(f, "cannot pass in {} at an offset={offset}; ", place(what)),
    }
}

fn functions(class: IrqClass) -> &'static str {
    match class {
        IrqClass::Native => "native",
        IrqClass::Lock => "lock",
    }
}

impl Reason {
    /// Writes the text, if this cause is one of these.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other causes stand elsewhere")]
    pub(super) fn objects(&self, f: &mut fmt::Formatter<'_>) -> Option<fmt::Result> {
        Some(match self {
            Self::NotOnStack { arg, what } => match what {
                OnStack::Iter(_) => write!(f, "arg#{arg} expected pointer to an iterator on stack"),
                OnStack::Dynptr => {
                    write!(f, "arg#{arg} expected pointer to stack or const struct bpf_dynptr")
                }
                OnStack::Irq => write!(f, "arg#{arg} doesn't point to an irq flag on stack"),
            },
            Self::NotInitialised { arg, what, fault: place } => {
                fault(f, what, *place).and_then(|()| match what {
                    OnStack::Iter(name) => write!(f, "expected an initialized {name} as arg #{arg}"),
                    OnStack::Dynptr => write!(f, "Expected an initialized dynptr as arg #{arg}"),
                    OnStack::Irq => write!(f, "expected an initialized irq flag as arg#{arg}"),
                })
            }
            Self::AlreadyInitialised { arg, what, fault: place } => {
                fault(f, what, *place).and_then(|()| match what {
                    OnStack::Iter(name) => write!(f, "expected uninitialized {name} as arg #{arg}"),
                    OnStack::Dynptr => f.write_str("Dynptr has to be an uninitialized dynptr"),
                    OnStack::Irq => write!(f, "expected uninitialized irq flag as arg#{arg}"),
                })
            }
            Self::ConstDynptrChanged => {
                f.write_str("cannot pass pointer to const bpf_dynptr, the helper mutates it")
            }
            Self::DynptrOverWrongMemory { kind, name } => {
                write!(f, "Unsupported reg type {kind} for {name} data")
            }
            Self::WritableSliceRefused => f.write_str("the prog does not allow writes to packet data"),
            Self::IrqOfOtherFunctions { saved, used } => write!(
                f,
                "irq flag acquired by {} kfuncs cannot be restored with {} kfuncs",
                functions(*saved),
                functions(*used)
            ),
            Self::DynptrNotOwned { number } => write!(f, "arg {number} is an unacquired reference"),
            Self::ConstDynptrReleased => f.write_str("cannot release unowned const bpf_dynptr"),
            Self::OverwritesDynptr => f.write_str("cannot overwrite referenced dynptr"),
            Self::IrqOutOfOrder { id, at } => write!(
                f,
                "cannot restore irq state out of order, expected id={} acquired at insn_idx={}",
                id.0, at.0
            ),
            Self::WritesDynptr { offset } => {
                write!(f, "potential write to dynptr at off={offset} disallowed")
            }
            Self::IteratorWithoutRcu { name } => write!(f, "expected an RCU CS when using {name}"),
            _ => return None,
        })
    }
}
