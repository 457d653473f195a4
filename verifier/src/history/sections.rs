//! Sections that the path is in when a rejection speaks of them: where the one that matters was entered.

use opswap_bpf::Insn;
use opswap_bpf::insn::CallTarget;
use opswap_bpf::proto::{ArgKind, Intrinsic, IrqRole};

use super::Inside;
use crate::reject::{LockFault, Reason, Section};
use crate::report::words;
use crate::subject::Subject;

/// The section that a rejection speaks of, and how many that were left since are still to be passed on the way back.
pub(super) struct Sought {
    inside: Inside,
    left: u32,
}

impl Sought {
    /// What a cause asks for.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are about no section")]
    pub(super) fn of(reason: &Reason) -> Option<Self> {
        let inside = match reason {
            Reason::SectionNotLeft { section, .. } | Reason::SleepsInSection { section, .. } => match section
            {
                Section::Rcu => Inside::Rcu,
                Section::PreemptDisabled => Inside::PreemptDisabled,
                Section::IrqDisabled => Inside::IrqDisabled,
            },
            Reason::NestedRcuSection { .. } => Inside::Rcu,
            Reason::Lock { fault } => match fault {
                LockFault::NotHeld | LockFault::InComparison => return None,
                LockFault::Call
                | LockFault::GlobalCall
                | LockFault::Second
                | LockFault::Other
                | LockFault::NotReleased
                | LockFault::LegacyLoad => Inside::Lock,
            },
            _ => return None,
        };
        Some(Self { inside, left: 0 })
    }

    /// Goes back over a call; gives the section if this is where it was entered.
    pub(super) fn pass(&mut self, subject: &Subject<'_>, insn: &Insn) -> Option<Inside> {
        let (inside, passage) = passage(subject, insn)?;
        if inside != self.inside {
            return None;
        }
        match (passage, self.left) {
            (Passage::Leaves, _) => self.left += 1,
            (Passage::Enters, 0) => return Some(inside),
            (Passage::Enters, _) => self.left -= 1,
        }
        None
    }
}

enum Passage {
    Enters,
    Leaves,
}

/// The section that a call enters or leaves.
#[expect(clippy::wildcard_enum_match_arm, reason = "other calls enter and leave none")]
fn passage(subject: &Subject<'_>, insn: &Insn) -> Option<(Inside, Passage)> {
    let intrinsic = match insn {
        Insn::Call { target: CallTarget::Helper(id) } => {
            subject.host.helper(*id, &subject.program.kind).ok().and_then(|proto| proto.intrinsic)
        }
        _ => words::kfunc(subject, insn).and_then(|proto| proto.intrinsic),
    };
    match intrinsic {
        Some(Intrinsic::RcuReadLock) => Some((Inside::Rcu, Passage::Enters)),
        Some(Intrinsic::RcuReadUnlock) => Some((Inside::Rcu, Passage::Leaves)),
        Some(Intrinsic::PreemptDisable) => Some((Inside::PreemptDisabled, Passage::Enters)),
        Some(Intrinsic::PreemptEnable) => Some((Inside::PreemptDisabled, Passage::Leaves)),
        Some(Intrinsic::SpinLock) => Some((Inside::Lock, Passage::Enters)),
        Some(Intrinsic::SpinUnlock) => Some((Inside::Lock, Passage::Leaves)),
        _ => saves(subject, insn).map(|role| match role {
            IrqRole::Save => (Inside::IrqDisabled, Passage::Enters),
            IrqRole::Restore => (Inside::IrqDisabled, Passage::Leaves),
        }),
    }
}

/// What a call does with a saved interrupt state.
pub(super) fn saves(subject: &Subject<'_>, insn: &Insn) -> Option<IrqRole> {
    let args = &words::kfunc(subject, insn)?.args;
    args.iter().find_map(|arg| if let ArgKind::IrqFlag { role, .. } = arg.kind { Some(role) } else { None })
}
