//! What is wrong with an exception or its callback, in the kernel's words.

use std::fmt;

use opswap_bpf::{InsnIdx, SubprogId};

use super::Section;

/// What is wrong with an exception or its callback.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExceptionFault {
    /// The program names more than one callback.
    SeveralCallbacks,
    /// The program has no such global function.
    NoCallback {
        /// The name in the tag.
        name: String,
    },
    /// The callback does not take one number.
    Prototype,
    /// The program calls its callback, or takes its address.
    CalledDirectly {
        /// Where.
        at: InsnIdx,
    },
    /// A section is entered and not left.
    InSection {
        /// Which.
        section: Section,
    },
    /// It is thrown in a callback.
    InCallback {
        /// Where.
        at: InsnIdx,
        /// The function that throws.
        subprog: SubprogId,
    },
    /// What is thrown is not what the program may return.
    Result {
        /// Least and greatest value.
        found: (i64, i64),
        /// Least and greatest legal one.
        allowed: (i64, i64),
    },
}

impl fmt::Display for ExceptionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SeveralCallbacks => f.write_str("multiple exception callback tags for main subprog"),
            Self::NoCallback { name } => {
                write!(f, "exception callback {name}() is no global function of the program")
            }
            Self::Prototype => f.write_str("exception cb only supports single integer argument"),
            Self::CalledDirectly { at } => write!(f, "insn {} cannot call exception cb directly", at.0),
            Self::InSection { section } => {
                let begins = match section {
                    Section::Rcu => "bpf_rcu_read_lock",
                    Section::PreemptDisabled => "bpf_preempt_disable",
                    Section::IrqDisabled => "bpf_local_irq_save",
                };
                write!(f, "bpf_throw cannot be used inside {begins}-ed region")
            }
            Self::InCallback { at, subprog } => write!(
                f,
                "bpf_throw kfunc (insn {}) cannot be called from callback subprog {}",
                at.0, subprog.0
            ),
            Self::Result { found: (smin, smax), allowed: (min, max) } => {
                f.write_str("At program exit the register R1 has")?;
                if *smin > i64::MIN {
                    write!(f, " smin={smin}")?;
                }
                if *smax < i64::MAX {
                    write!(f, " smax={smax}")?;
                }
                if (*smin, *smax) == (i64::MIN, i64::MAX) {
                    f.write_str(" unknown scalar value")?;
                }
                write!(f, " should have been in [{min}, {max}]")
            }
        }
    }
}
