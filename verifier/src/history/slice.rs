//! Follows a retraced path backwards from what a rejection is about, and keeps what contributed to it.

use std::collections::HashSet;

use opswap_bpf::insn::{CallTarget, Reg, Src};
use opswap_bpf::proto::IrqRole;
use opswap_bpf::{Insn, InsnIdx, RefId};

use super::retrace::Moment;
use super::sections::{Sought, saves};
use super::{Event, Held, Inside, What};
use crate::reject::Reason;
use crate::report::words;
use crate::subject::Subject;
use crate::transfer::Way;

/// Events that a report shows at most; the nearest to the failure are kept.
const MAX_EVENTS: usize = 12;

/// What still has to be explained, going backwards.
#[derive(Default)]
struct Open {
    regs: HashSet<(u8, Reg)>,
    slots: HashSet<(u8, i64)>,
    reference: Option<RefId>,
    section: Option<Sought>,
}

/// The events that led to `reason`, in the order in which they happened.
pub(super) fn slice(subject: &Subject<'_>, moments: &[Moment], reason: &Reason) -> Vec<Event> {
    let depth = moments.last().map_or(0, |last| last.depth);
    let mut open = Open::default();
    open.regs.extend(reason.register().map(|reg| (depth_at_failure(subject, moments, depth), reg)));
    open.reference = reason.reference();
    open.section = Sought::of(reason);
    let mut events = Vec::new();
    for moment in moments.iter().rev() {
        if open.is_empty() || events.len() >= MAX_EVENTS {
            break;
        }
        let Some(insn) = subject.program.insns.get(moment.at.index()) else { break };
        open.explain(subject, insn, moment, &mut events);
    }
    if let Some(id) = open.reference.filter(|_| events.len() < MAX_EVENTS) {
        events.push(Event { at: InsnIdx(0), what: What::Acquired { id, by: None } });
    }
    events.reverse();
    events
}

/// The frame that runs the failing instruction: the last one of the path may just have entered or left another.
fn depth_at_failure(subject: &Subject<'_>, moments: &[Moment], depth: u8) -> u8 {
    let last = moments.last().and_then(|last| subject.program.insns.get(last.at.index()));
    let by_contract = || {
        let at = moments.last().map(|last| last.at);
        last.zip(at).is_some_and(|(last, at)| subject.global_called(last, at).is_some())
    };
    match last {
        Some(Insn::Call { target: CallTarget::Subprog(_) }) if by_contract() => depth,
        Some(Insn::Call { target: CallTarget::Subprog(_) }) => depth.saturating_add(1),
        Some(Insn::Exit) => depth.saturating_sub(1),
        Some(_) | None => depth,
    }
}

impl Open {
    fn is_empty(&self) -> bool {
        self.regs.is_empty() && self.slots.is_empty() && self.reference.is_none() && self.section.is_none()
    }

    fn explain(&mut self, subject: &Subject<'_>, insn: &Insn, moment: &Moment, events: &mut Vec<Event>) {
        let mut event = |what| events.push(Event { at: moment.at, what });
        if let Some(id) = self.reference.filter(|id| moment.began.contains(id)) {
            event(match saves(subject, insn) {
                Some(IrqRole::Save) => What::Entered { inside: Inside::IrqDisabled },
                Some(IrqRole::Restore) | None => {
                    What::Acquired { id, by: words::callee(subject, insn, moment.at) }
                }
            });
            self.reference = None;
            return;
        }
        if let Some(inside) = self.section.as_mut().and_then(|section| section.pass(subject, insn)) {
            event(What::Entered { inside });
            self.section = None;
        }
        if let (Some(way), Insn::Branch { .. } | Insn::MayGoto { .. }) = (moment.way, insn) {
            if self.reference.is_some() || self.section.is_some() || self.compares(insn, moment.depth) {
                let held = if way == Way::Jump { Held::Yes } else { Held::No };
                event(What::Branch { held });
            }
            return;
        }
        if let Insn::Call { target } = insn {
            self.call(subject, *target, moment, &mut event);
            return;
        }
        if *insn == Insn::Exit {
            // Going backwards into a callee: its R0 became the caller's.
            if self.regs.remove(&(moment.depth.saturating_sub(1), Reg::R0)) {
                self.regs.insert((moment.depth, Reg::R0));
            }
            return;
        }
        self.plain(subject, insn, moment, &mut event);
    }

    /// Whether a branch tests something that has to be explained.
    fn compares(&self, insn: &Insn, depth: u8) -> bool {
        let Insn::Branch { dst, src, .. } = insn else { return false };
        let tested = |reg: Reg| self.regs.contains(&(depth, reg));
        tested(*dst) || matches!(src, Src::Reg(src) if tested(*src))
    }

    fn call(
        &mut self,
        subject: &Subject<'_>,
        target: CallTarget,
        moment: &Moment,
        event: &mut impl FnMut(What),
    ) {
        let name = || {
            words::callee(subject, &Insn::Call { target }, moment.at).unwrap_or_else(|| "the call".to_owned())
        };
        let by_contract = subject.global_called(&Insn::Call { target }, moment.at).is_some();
        if let (CallTarget::Subprog(_), false) = (target, by_contract) {
            // Going backwards out of a callee: its arguments were the caller's.
            let inner = moment.depth.saturating_add(1);
            let passed: Vec<Reg> =
                Reg::ARGS.into_iter().filter(|reg| self.regs.remove(&(inner, *reg))).collect();
            if !passed.is_empty() {
                event(What::Called { name: name() });
            }
            self.regs.extend(passed.into_iter().map(|reg| (moment.depth, reg)));
            return;
        }
        for reg in &moment.ended {
            if self.regs.contains(&(moment.depth, *reg)) {
                event(What::Ended { reg: *reg, by: name() });
            }
        }
        for reg in Reg::ARGS {
            if self.regs.remove(&(moment.depth, reg)) {
                event(What::Clobbered { reg, by: name() });
            }
        }
        if self.regs.remove(&(moment.depth, Reg::R0))
            && let Some((reg, value)) = &moment.wrote
        {
            event(What::Set { reg: *reg, value: words::value(subject, value) });
        }
    }

    /// Instructions without control flow.
    fn plain(&mut self, subject: &Subject<'_>, insn: &Insn, moment: &Moment, event: &mut impl FnMut(What)) {
        let depth = moment.depth;
        if let Insn::Store { src: Src::Reg(src), .. } = insn {
            if moment.slot.is_some_and(|slot| self.slots.remove(&slot)) {
                event(What::Spilled { reg: *src });
                self.regs.insert((depth, *src));
            }
            return;
        }
        let Some((reg, value)) = &moment.wrote else { return };
        if !self.regs.remove(&(depth, *reg)) {
            return;
        }
        event(What::Set { reg: *reg, value: words::value(subject, value) });
        self.regs.extend(sources(insn).into_iter().flatten().map(|reg| (depth, reg)));
        self.slots.extend(moment.slot);
    }
}

/// The registers that a written register's value came from; a load's value did not come from its base.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others take their value from elsewhere")]
fn sources(insn: &Insn) -> [Option<Reg>; 2] {
    let of = |src: &Src| match src {
        Src::Reg(reg) => Some(*reg),
        Src::Imm(_) => None,
    };
    match insn {
        Insn::Alu { dst, src, .. } => [Some(*dst), of(src)],
        Insn::Mov { src, .. } => [of(src), None],
        Insn::MovSx { src, .. } | Insn::AddressCast { src, .. } => [Some(*src), None],
        Insn::Neg { dst, .. } | Insn::ByteSwap { dst, .. } => [Some(*dst), None],
        _ => [None, None],
    }
}
