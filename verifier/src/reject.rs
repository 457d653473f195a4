//! [`Rejection`]: why a program was refused, where, and what on the path led there.
//!
//! | file | owns |
//! |---|---|
//! | `reason` | [`Reason`]: every cause with its code, category, errno and advice, as one table |
//! | `fields` | what is wrong with uses of locks, timers and kptrs |
//! | `prototype` | what is wrong with the prototype of a global function |
//! | `cause` | what is known of a cause without a program |
//! | `about` | the register or reference that a cause is about |
//! | `examples` | for each cause a refused and a repaired program |
//! | `wording` | the classic one-line text of every cause |
//!
//! `Display` writes the classic line; `{:#}` writes the whole report (`crate::report`).

mod about;
mod cause;
mod examples;
mod exceptions;
mod fields;
mod prototype;
mod reason;
#[cfg(test)]
mod tests;
mod wording;

use std::fmt;

use opswap_bpf::InsnIdx;

pub use cause::Cause;
pub use examples::{Example, declarations, example, examples};
pub use exceptions::ExceptionFault;
pub use fields::{FieldFault, GraphFault, KptrFault, LockFault};
pub use prototype::{PrototypeFault, Untyped};
pub use reason::{CAUSES, Reason};

use crate::history::Event;
use crate::report::Scene;

/// Why a program was refused, and where.
#[derive(Clone, PartialEq, Debug)]
pub struct Rejection {
    /// The instruction that could not be proved safe.
    pub at: InsnIdx,
    /// Why.
    pub reason: Reason,
    /// The path, and texts for the report: instructions, source lines, declarations.
    pub(crate) scene: Box<Scene>,
}

impl Rejection {
    /// The stable code (`OSW0103`).
    pub fn code(&self) -> String {
        self.reason.code()
    }

    /// What kind of safety is at stake.
    pub fn category(&self) -> Category {
        self.reason.category()
    }

    /// Name of the error number that Linux's `bpf()` fails with.
    pub fn errno(&self) -> &'static str {
        self.reason.errno()
    }

    /// What on the path matters, in the order in which it happened.
    pub fn because(&self) -> &[Event] {
        &self.scene.because
    }

    /// Source place of the instruction, `file:line:column`, when the object has line information.
    pub fn source(&self) -> Option<String> {
        self.scene.source()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { crate::report::write(f, self) } else { fmt::Display::fmt(&self.reason, f) }
    }
}

impl std::error::Error for Rejection {}

/// What kind of safety a rejection is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Category {
    /// Memory safety: bounds, initialisation, permissions.
    Memory,
    /// Register type safety: numbers, pointers, NULL.
    Registers,
    /// Resource lifetime safety: references, borrows.
    Lifetime,
    /// Call safety: arguments and results of host functions and subprograms.
    Calls,
    /// Program structure: jumps, subprograms, encodings.
    Structure,
    /// Execution context: sleeping, RCU, locks.
    Execution,
    /// Policy: what the host or the licence does not allow.
    Policy,
    /// Budgets: size and complexity.
    Budget,
    /// A bug in opswap.
    Internal,
}

impl Category {
    /// Its number in codes.
    pub(crate) const fn number(self) -> u16 {
        match self {
            Self::Memory => 1,
            Self::Registers => 2,
            Self::Lifetime => 3,
            Self::Calls => 4,
            Self::Structure => 5,
            Self::Execution => 6,
            Self::Policy => 7,
            Self::Budget => 8,
            Self::Internal => 9,
        }
    }

    /// The code of its cause with this number (`OSW0103`).
    pub(crate) fn code(self, number: u16) -> String {
        format!("OSW{:02}{number:02}", self.number())
    }

    /// One word, for machines.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Registers => "registers",
            Self::Lifetime => "lifetime",
            Self::Calls => "calls",
            Self::Structure => "structure",
            Self::Execution => "execution",
            Self::Policy => "policy",
            Self::Budget => "budget",
            Self::Internal => "internal",
        }
    }

    /// A heading, for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Memory => "memory safety",
            Self::Registers => "register type safety",
            Self::Lifetime => "resource lifetime safety",
            Self::Calls => "call safety",
            Self::Structure => "program structure",
            Self::Execution => "execution context safety",
            Self::Policy => "policy",
            Self::Budget => "budget",
            Self::Internal => "internal error",
        }
    }
}

/// Reading or writing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// Reading.
    Read,
    /// Writing.
    Write,
}

/// Memory with a known size.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Bounded {
    /// A map's value.
    MapValue,
    /// A map's key.
    MapKey,
    /// Plain memory.
    Memory,
    /// The context, as plain memory.
    Context,
}

/// Which end of a variable offset is outside.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The least one.
    Min,
    /// The greatest one.
    Max,
}

/// How stack memory is used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StackUse {
    /// By a load or store.
    Direct(Direction),
    /// By a callee.
    Argument,
}

/// What is wrong with an access to the context.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ContextFault {
    /// Nothing may be accessed there, or not this way.
    Forbidden,
    /// Arguments lie in slots of eight bytes.
    NotASlot {
        /// The operation.
        func: String,
        /// The offset.
        offset: i64,
    },
    /// There are fewer arguments.
    NoArgument {
        /// The operation.
        func: String,
        /// Which one was meant, from 1.
        number: usize,
    },
    /// A pointer is read whole.
    PartOfPointer {
        /// The operation.
        func: String,
        /// Bytes that were read.
        size: u32,
    },
    /// What the argument owned has been released.
    Released,
}

/// What is wrong with an access to a host object.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ObjectFault {
    /// Beyond its end.
    BeyondStruct,
    /// No member lies there.
    NoField,
    /// Across the end of a member.
    BeyondMember {
        /// The member.
        member: String,
        /// Its end.
        end: u32,
    },
    /// Part of a pointer.
    PartOfPointer {
        /// The member.
        member: String,
    },
    /// The host hides the member.
    Hidden {
        /// The member.
        member: String,
    },
}

/// What was done to a pointer that only numbers allow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PointerUse {
    /// Negation or byte swap.
    Arithmetic,
    /// 32-bit arithmetic.
    Arithmetic32,
    /// A 32-bit move.
    PartialCopy,
    /// A sign-extending move.
    SignExtension,
}

/// What is wrong with the program's result.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ReturnFault {
    /// The number may lie outside.
    Range {
        /// Least value.
        smin: i64,
        /// Greatest value.
        smax: i64,
    },
    /// It is not a number, or not the right pointer.
    NotANumber {
        /// What it is.
        kind: String,
    },
}

/// An object that functions of the host keep on the program's stack, as an argument.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum OnStack {
    /// An iterator of this type (`iter_num`).
    Iter(String),
    /// A dynptr.
    Dynptr,
    /// A saved interrupt state.
    Irq,
}

/// What is wrong with the place where such an object should be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Misplaced {
    /// Nothing: the object there is the wrong one, or none.
    Well,
    /// Its offset is not known.
    Variable,
    /// No object can begin at this offset.
    At(i64),
}

/// A section that must be left before the program ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Section {
    /// An RCU read-side section.
    Rcu,
    /// A non-preemptible region.
    PreemptDisabled,
    /// A region with interrupts disabled.
    IrqDisabled,
}
