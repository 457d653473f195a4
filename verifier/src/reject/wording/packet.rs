//! The classic text of what concerns packets, records and the helpers of Linux.

use std::fmt;

use super::R;
use crate::reject::Reason;

impl Reason {
    /// Writes the text, if this cause is one of these.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other causes stand elsewhere")]
    pub(super) fn packets(&self, f: &mut fmt::Formatter<'_>) -> Option<fmt::Result> {
        Some(match self {
            Self::OutsidePacket { reg, at, size, id, offset, range } => write!(
                f,
                "invalid access to packet, off={at} size={size}, {reg}(id={id},off={offset},r={range}); \
                 {reg} offset is outside of the packet",
                reg = R(*reg)
            ),
            Self::PacketWrite => f.write_str("cannot write into packet"),
            Self::PacketArgument { .. } => f.write_str("helper access to the packet is not allowed"),
            Self::InvalidRecordAccess { reg, name, offset, size } => {
                write!(f, "{} invalid {name} access off={offset} size={size}", R(*reg))
            }
            Self::LegacyLoadWithoutContext => {
                f.write_str("at the time of BPF_LD_ABS|IND R6 != pointer to skb")
            }
            Self::NotReferenced { reg } => {
                write!(f, "{} must be referenced when passed to release function", R(*reg))
            }
            Self::LegacyLoadLeaks { id, at } => write!(
                f,
                "Unreleased reference id={} alloc_insn={}; BPF_LD_[ABS|IND] cannot be mixed with socket references",
                id.0, at.0
            ),
            Self::LegacyLoadInVoid => f.write_str("LD_ABS is only allowed in functions that return 'int'."),
            Self::IllegalFlags { name, .. } => {
                let name = name.strip_prefix("bpf_").unwrap_or(name);
                write!(f, "{name}() doesn't support non-zero flags")
            }
            Self::CallNeedsGpl { .. } => {
                f.write_str("cannot call GPL-restricted function from non-GPL compatible program")
            }
            Self::TailCallLeaks { id, at } => write!(
                f,
                "Unreleased reference id={} alloc_insn={}; tail_call would lead to reference leak",
                id.0, at.0
            ),
            _ => return None,
        })
    }
}
