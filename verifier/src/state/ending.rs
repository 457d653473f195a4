//! What ends when a reference, a loan, a section or a frame ends: pointers, and objects on stacks.

use std::rc::Rc;

use opswap_bpf::RefId;
use opswap_bpf::insn::Reg;
use opswap_bpf::proto::Nullness;

use super::objects::{Guard, Iter, ObjectKind, StackObject, in_packet};
use super::{Frame, RefKind, RegState, Region, Trust, VerifierState};

impl VerifierState {
    /// Leaves a subprogram, with what its caller finds in `R0`; the entry's frame stays. What hung on the frame becomes what `gone` says.
    ///
    /// Iterators and saved interrupt states of the frame are lost: what they own can never be given back.
    pub fn pop(&mut self, result: Option<RegState>, gone: RegState) -> Option<Rc<Frame>> {
        if self.frames.len() < 2 {
            return None;
        }
        let depth = self.depth();
        let frame = self.frames.pop()?;
        if let Some(result) = result {
            self.set(Reg::R0, result);
        }
        let dynptrs = frame.stack.objects().iter().filter_map(|object| object.kind.as_dynptr());
        for dynptr in dynptrs {
            self.end_pointers(&[dynptr.id], gone);
        }
        let lent = self.refs.iter().filter(|entry| entry.kind == RefKind::Lent && entry.frame == depth);
        let lent: Vec<RefId> = lent.map(|entry| entry.id).collect();
        for id in lent {
            self.end(id, gone);
        }
        Some(frame)
    }

    /// Ends a reference or loan: every pointer that hangs on it, or on a loan from it, becomes what `gone` says; so do
    /// objects on the stack that are its, and what hangs on them.
    pub fn end(&mut self, id: RefId, gone: RegState) {
        let mut ended = self.refs.loans_of(id);
        ended.push(id);
        self.end_all(ended, gone);
    }

    fn end_all(&mut self, mut ended: Vec<RefId>, gone: RegState) {
        let refs = Rc::make_mut(&mut self.refs);
        for &id in &ended {
            refs.end(id);
        }
        ended.extend(self.end_objects(&ended));
        self.end_pointers(&ended, gone);
    }

    /// Ends the objects that belong to ended references; gives the names of the dynptrs among them.
    fn end_objects(&mut self, ended: &[RefId]) -> Vec<RefId> {
        let dies = |object: &StackObject| match object.kind {
            ObjectKind::Iter(Iter { id, .. }) | ObjectKind::Irq { id, .. } => ended.contains(&id),
            ObjectKind::Dynptr(dynptr) => dynptr.owner.is_some_and(|owner| ended.contains(&owner)),
        };
        let mut names = Vec::new();
        for frame in &mut self.frames {
            let mut dead = frame.stack.objects().iter().filter(|object| dies(object)).peekable();
            if dead.peek().is_some() {
                names.extend(dead.filter_map(|object| object.kind.as_dynptr()).map(|dynptr| dynptr.id));
                Rc::make_mut(frame).stack.end_objects(dies);
            }
        }
        names
    }

    fn end_pointers(&mut self, ended: &[RefId], gone: RegState) {
        self.update(|reg| {
            let root = reg.as_pointer()?.trust.root()?;
            ended.contains(&root).then_some(gone)
        });
    }

    /// The program gives a reference away; its pointers are valid as long as `until` lives. Loans and objects on the stack end.
    pub fn hand_over(&mut self, id: RefId, until: RefId, gone: RegState) {
        self.end_loans(id, gone);
        let names = self.end_objects(&[id]);
        self.end_pointers(&names, gone);
        Rc::make_mut(&mut self.refs).end(id);
        self.update(|reg| match reg.as_pointer() {
            Some(pointer) if pointer.trust.root() == Some(id) => {
                Some(RegState::Pointer(pointer.held(Trust::Borrowed(until))))
            }
            Some(_) | None => None,
        });
    }

    /// Ends every pointer that was borrowed from `id`, and every loan of it, but not `id` itself.
    pub fn end_borrows(&mut self, id: RefId, gone: RegState) {
        let ended = self.refs.loans_of(id);
        let lent =
            |object: &StackObject| object.kind.as_dynptr().is_some_and(|dynptr| dynptr.owner == Some(id));
        let mut names = Vec::new();
        for frame in &mut self.frames {
            names.extend(
                frame
                    .stack
                    .objects()
                    .iter()
                    .filter(|object| lent(object))
                    .filter_map(|object| object.kind.as_dynptr().map(|dynptr| dynptr.id)),
            );
            if frame.stack.objects().iter().any(lent) {
                Rc::make_mut(frame).stack.end_objects(lent);
            }
        }
        names.extend(ended);
        if !names.is_empty() {
            self.end_all(names, gone);
        }
        self.update(|reg| match reg.as_pointer()?.trust {
            Trust::Borrowed(root) => (root == id).then_some(gone),
            Trust::Untrusted
            | Trust::Walked
            | Trust::Trusted
            | Trust::Rcu
            | Trust::Exclusive(_)
            | Trust::Owned(_) => None,
        });
    }

    /// Ends the loans of `id` and what hangs on them; pointers borrowed from it without `&mut` stay.
    pub fn end_loans(&mut self, id: RefId, gone: RegState) {
        for loan in self.refs.loans_of(id) {
            self.end(loan, gone);
        }
    }

    /// The bytes `from..to` of a frame's stack are about to be written: objects there end, and slices of dynptrs there. Gives the
    /// names of these dynptrs.
    pub fn disturb(&mut self, frame: u8, from: i64, to: i64, gone: RegState) -> Vec<RefId> {
        let Some(stack) = self.stack(frame) else { return Vec::new() };
        let names: Vec<RefId> = stack
            .objects_within(from, to)
            .filter_map(|object| object.kind.as_dynptr())
            .map(|it| it.id)
            .collect();
        if stack.objects_within(from, to).next().is_none() {
            return names;
        }
        if let Some(stack) = self.stack_mut(frame) {
            stack.end_objects(|object| object.meets(from, to));
        }
        self.end_pointers(&names, gone);
        names
    }

    /// Every pointer into the packet, and every slice of it, becomes what `gone` says: the packet may have moved.
    pub fn end_packet(&mut self, gone: RegState) {
        let objects = self.frames.iter().flat_map(|frame| frame.stack.objects());
        let dynptrs = objects.filter_map(|object| object.kind.as_dynptr());
        let mut names: Vec<RefId> =
            dynptrs.filter(|dynptr| in_packet(dynptr.memory)).map(|dynptr| dynptr.id).collect();
        // What a lent dynptr reaches may be the packet, too.
        names.extend(self.refs.iter().filter(|entry| entry.kind == RefKind::Lent).map(|entry| entry.id));
        self.update(|reg| {
            let pointer = reg.as_pointer()?;
            let slice = matches!(pointer.trust, Trust::Borrowed(id) if names.contains(&id))
                && !matches!(pointer.to, Region::Dynptr(_));
            (slice || pointer.to.is_packet()).then_some(gone)
        });
    }

    /// The RCU read-side section was left: what it protected is no longer trusted.
    pub fn leave_rcu(&mut self, gone: RegState) {
        self.update(|reg| match reg {
            RegState::Pointer(pointer) if pointer.trust == Trust::Rcu => {
                Some(RegState::Pointer(pointer.held(Trust::Untrusted).nullable(Nullness::NonNull)))
            }
            RegState::NotInit | RegState::Scalar(_) | RegState::Pointer(_) => None,
        });
        let guarded = |object: &StackObject| match object.kind {
            ObjectKind::Iter(iter) if iter.guard == Guard::Rcu => Some((object.offset, iter)),
            ObjectKind::Iter(_) | ObjectKind::Dynptr(_) | ObjectKind::Irq { .. } => None,
        };
        for frame in 0..=self.depth() {
            let objects = self.stack(frame).map(|stack| stack.objects()).unwrap_or_default();
            let iters: Vec<(i64, Iter)> = objects.iter().filter_map(guarded).collect();
            for (offset, iter) in iters {
                if let Some(stack) = self.stack_mut(frame) {
                    stack.change(offset, ObjectKind::Iter(Iter { guard: Guard::Gone, ..iter }));
                }
                self.end_borrows(iter.id, gone);
            }
        }
    }
}
