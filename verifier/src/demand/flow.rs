//! The data flow: what is wanted before an instruction, from what is wanted after it.

use opswap_bpf::insn::{CallTarget, Reg, Src};
use opswap_bpf::{Insn, InsnIdx};

use super::contexts::{Callback, Context, ContextId, Frames};
use super::places::{Halves, Wants};
use super::record::{Touched, fetched_into};
use super::{Demands, Node};
use crate::cfg::successors;
use crate::liveness::LiveRegs;

impl Demands<'_> {
    pub(super) fn enqueue(&mut self, context: ContextId, at: InsnIdx) {
        let Some(node) = self.node_mut(context, at) else { return };
        if !std::mem::replace(&mut node.queued, true) {
            self.queue.push((context, at));
        }
    }

    /// Carries everything noted so far to where it matters. Wants only grow, so this ends.
    pub(crate) fn settle(&mut self) {
        let mut before = Frames::new();
        while let Some((id, at)) = self.queue.pop() {
            if let Some(node) = self.node_mut(id, at) {
                node.queued = false;
            }
            let Some(context) = self.contexts.get(id) else { continue };
            let Some(place) = context.wants(at) else { continue };
            before.clear();
            before.resize(context.frames, Wants::default());
            self.before(context, id, at, &mut before);
            let Some(known) = self.wants.get_mut(place) else { continue };
            let mut grown = false;
            for (known, new) in known.iter_mut().zip(&before) {
                let union = known.union(*new);
                grown |= union != *known;
                *known = union;
            }
            if grown {
                self.grown = true;
                self.enqueue_sources(id, at);
            }
        }
    }

    /// The nodes from which control comes to `at`.
    fn enqueue_sources(&mut self, id: ContextId, at: InsnIdx) {
        let liveness = self.liveness;
        let Some(context) = self.contexts.get(id) else { return };
        let slots = context.slots.clone();
        if at.0 == slots.start
            && let Some(origin) = context.origin
        {
            self.enqueue(origin.caller, origin.site());
        }
        for &from in liveness.before(at).iter().filter(|from| slots.contains(from)) {
            self.enqueue(id, InsnIdx(from));
        }
        let callees = self.contexts.get(id).map_or(0, |context| context.callees.len());
        for index in 0..callees {
            let callee = self.contexts.get(id).and_then(|context| context.callees.get(index).copied());
            let Some((callee, chain)) = callee.and_then(|id| Some((id, self.contexts.get(id)?))) else {
                continue;
            };
            if chain.origin.is_none_or(|origin| origin.return_to != at) {
                continue;
            }
            for exit in chain.exits.clone() {
                self.enqueue(callee, exit);
            }
        }
    }

    /// What is wanted before `at`.
    fn before(&self, context: &Context, id: ContextId, at: InsnIdx, wants: &mut [Wants]) {
        let Some(insn) = self.insn(at) else { return };
        let node = self.nodes.get(context.node(at)).copied().unwrap_or_default();
        let record = (node.record as usize).checked_sub(1).and_then(|at| self.records.get(at));
        self.after(insn, id, context, at, node, wants);
        let nothing = Touched::default();
        let touched = record.map_or(&nothing, |record| &record.touched);
        backward(insn, touched, wants);
        for callee in &context.callees {
            self.enter_callee(*callee, at, wants);
        }
    }

    /// What is wanted after the instruction: at its successors, and where it returns to.
    fn after(
        &self,
        insn: &Insn,
        id: ContextId,
        context: &Context,
        at: InsnIdx,
        node: Node,
        wants: &mut [Wants],
    ) {
        let next = successors(insn, at);
        let walked_into = matches!(insn, Insn::Call { target: CallTarget::Subprog(_) }) && !node.passed;
        let next = [next.next.filter(|_| !walked_into), next.jump];
        for to in next.into_iter().flatten() {
            for (want, there) in wants.iter_mut().zip(self.at(id, to).unwrap_or_default()) {
                *want = want.union(*there);
            }
        }
        let Some(origin) = context.origin.filter(|_| context.exits.contains(&at)) else { return };
        let back = self.at(origin.caller, origin.return_to).unwrap_or_default();
        let caller = back.len().wrapping_sub(1);
        for (frame, (want, there)) in wants.iter_mut().zip(back).enumerate() {
            let kept = if frame == caller && origin.callback == Callback::No {
                LiveRegs::CALLEE_SAVED
            } else {
                LiveRegs::ALL
            };
            *want = want.union(Wants { regs: there.regs.and(kept), ..*there });
        }
        let result = back.last().is_some_and(|there| there.regs.contains(Reg::R0));
        if let (true, Callback::No, Some(own)) = (result, origin.callback, wants.last_mut()) {
            own.regs.insert(Reg::R0);
        }
    }

    /// What a callee that is entered at `at` wants of its callers.
    fn enter_callee(&self, callee: ContextId, at: InsnIdx, wants: &mut [Wants]) {
        let Some(chain) = self.contexts.get(callee) else { return };
        let Some(origin) = chain.origin.filter(|origin| origin.site() == at) else { return };
        let Some(start) = self.at(callee, InsnIdx(chain.slots.start)) else {
            wants.fill(Wants::ALL);
            return;
        };
        for (want, there) in wants.iter_mut().zip(start) {
            *want = want.union(*there);
        }
        let (Some(own), Some(caller)) = (start.last(), wants.last_mut()) else { return };
        let args = own.regs.and(LiveRegs::ARGS);
        caller.regs = caller.regs.union(match origin.callback {
            Callback::No => args,
            // Any argument of the call may be passed on as any argument of the callback.
            Callback::Yes if args != LiveRegs::NONE => LiveRegs::ARGS,
            Callback::Yes => LiveRegs::NONE,
        });
    }
}

/// Carries wants over one instruction.
fn backward(insn: &Insn, touched: &Touched, wants: &mut [Wants]) {
    let (mut from_stack, mut to_stack) = (false, None);
    if let Some(own) = wants.last_mut() {
        registers(insn, own, &mut from_stack, &mut to_stack);
    }
    if let Insn::Branch { dst, src, .. } = insn {
        link(*dst, *src, touched, wants);
    }
    let mut stored = false;
    for access in &touched.access {
        let Some(frame) = wants.get_mut(usize::from(access.frame)) else { continue };
        stored |= !frame.exact.and(access.writes).is_empty();
        frame.exact = frame.exact.minus(access.kills);
        frame.live = frame.live.minus(access.kills);
    }
    for access in &touched.access {
        let Some(frame) = wants.get_mut(usize::from(access.frame)) else { continue };
        frame.live = frame.live.union(access.reads);
        if from_stack {
            frame.exact = frame.exact.union(access.reads);
        }
    }
    if let Some(own) = wants.last_mut() {
        if let (true, Some(src)) = (stored, to_stack) {
            own.regs.insert(src);
        }
        own.regs = own.regs.union(touched.relied);
    }
}

/// The registers of the running frame; says whether a wanted number is loaded, and which register is stored.
fn registers(insn: &Insn, own: &mut Wants, from_stack: &mut bool, to_stack: &mut Option<Reg>) {
    let regs = &mut own.regs;
    let source = |regs: &mut LiveRegs, src: &Src| {
        if let Src::Reg(src) = src {
            regs.insert(*src);
        }
    };
    match insn {
        Insn::Alu { dst, src, .. } => {
            if regs.contains(*dst) {
                source(regs, src);
            }
        }
        Insn::Mov { dst, src, .. } => {
            if regs.remove(*dst) {
                source(regs, src);
            }
        }
        Insn::MovSx { dst, src, .. } => {
            if regs.remove(*dst) {
                regs.insert(*src);
            }
        }
        Insn::LoadImm64 { dst, .. } | Insn::AddressCast { dst, .. } => {
            regs.remove(*dst);
        }
        Insn::Load { dst, .. } | Insn::LoadAcquire { dst, .. } => *from_stack = regs.remove(*dst),
        Insn::Store { src: Src::Reg(src), .. } | Insn::StoreRelease { src, .. } => *to_stack = Some(*src),
        Insn::Atomic { op, src, .. } => {
            if let Some(dst) = fetched_into(*op, *src) {
                *from_stack = regs.remove(dst);
            }
        }
        Insn::Call { .. } | Insn::CallReg { .. } | Insn::LoadPacket { .. } => {
            *regs = regs.minus(LiveRegs::CALLER_SAVED);
        }
        Insn::Store { src: Src::Imm(_), .. }
        | Insn::Neg { .. }
        | Insn::ByteSwap { .. }
        | Insn::LoadImm64Tail
        | Insn::Jump { .. }
        | Insn::Branch { .. }
        | Insn::MayGoto { .. }
        | Insn::Exit => {}
    }
}

/// What a branch teaches of one operand depends on the other, and holds for all copies of both.
fn link(dst: Reg, src: Src, touched: &Touched, wants: &mut [Wants]) {
    let mut operands = LiveRegs::NONE;
    operands.insert(dst);
    if let Src::Reg(src) = src {
        operands.insert(src);
    }
    let copies = |frame: usize| touched.linked.iter().find(|linked| usize::from(linked.frame) == frame);
    let last = wants.len().wrapping_sub(1);
    let wanted = wants.iter().enumerate().any(|(frame, want)| {
        let own = if frame == last { operands } else { LiveRegs::NONE };
        let (regs, halves) = copies(frame).map_or((own, Halves::NONE), |c| (c.regs.union(own), c.halves));
        want.regs.and(regs) != LiveRegs::NONE || !want.exact.and(halves).is_empty()
    });
    if !wanted {
        return;
    }
    for (frame, want) in wants.iter_mut().enumerate() {
        if frame == last {
            want.regs = want.regs.union(operands);
        }
        if let Some(copies) = copies(frame) {
            want.regs = want.regs.union(copies.regs);
            want.exact = want.exact.union(copies.halves);
        }
    }
}
