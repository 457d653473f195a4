//! Calls of the program's own functions: subprograms, and callbacks that the host runs.

#![expect(clippy::wildcard_enum_match_arm, reason = "what the generator cannot make, it does not call")]

use super::Callable;
use super::body::{Body, Role};
use super::held::{Held, slot_offset};
use crate::insn::{CallTarget, Imm64, Insn, Reg};
use crate::proto::{ArgKind, ArgProto};

/// The parameter that is a callback with a number and something passed on, if a callable has one.
pub(super) fn callback_of(callable: &Callable) -> Option<usize> {
    let runs = |arg: &ArgProto| match &arg.kind {
        ArgKind::Callback { args } => {
            matches!(args[..], [ArgKind::Scalar { .. } | ArgKind::Any, ArgKind::Passed(_), ..])
        }
        _ => false,
    };
    callable.args.iter().position(runs)
}

impl Body<'_> {
    fn later(&mut self, wanted: &[Role]) -> Option<usize> {
        let found: Vec<usize> =
            (self.index + 1..self.roles.len()).filter(|at| wanted.contains(&self.roles[*at])).collect();
        (!found.is_empty()).then(|| self.rng.pick(&found))
    }

    pub(super) fn call_subprog(&mut self) {
        if let Some((callee, object)) = self.takes_object().filter(|_| self.rng.percent(70)) {
            return self.lend_object(callee, object);
        }
        let Some(callee) = self.later(&[Role::WithStack, Role::WithNumbers]) else { return self.unary() };
        if !self.take_fork() {
            return self.unary();
        }
        match self.roles[callee] {
            Role::WithStack => {
                let first = self.buffer();
                self.stack_address(Reg::R1, slot_offset(first));
                self.number_argument(Reg::R2);
            }
            Role::Entry | Role::WithNumbers | Role::Callback | Role::WithObject(_) => {
                self.number_argument(Reg::R1);
                self.number_argument(Reg::R2);
            }
        }
        self.push_reference(Insn::Call { target: CallTarget::Subprog(0) }, callee);
        self.after_call();
        self.frame.set(Reg::R0, Held::number(u64::MAX));
    }

    /// A later function that takes an object which lives, by its place in `objects`.
    fn takes_object(&mut self) -> Option<(usize, usize)> {
        let mut pairs = Vec::new();
        for callee in self.index + 1..self.roles.len() {
            for (at, object) in self.objects.iter().enumerate() {
                if self.roles[callee] == Role::WithObject(object.kind) {
                    pairs.push((callee, at));
                }
            }
        }
        (!pairs.is_empty()).then(|| self.rng.pick(&pairs))
    }

    fn lend_object(&mut self, callee: usize, object: usize) {
        if !self.take_fork() {
            return self.unary();
        }
        let object = self.objects[object];
        self.place_of(Reg::R1, object);
        self.number_argument(Reg::R2);
        self.push_reference(Insn::Call { target: CallTarget::Subprog(0) }, callee);
        self.after_call();
        self.frame.set(Reg::R0, Held::number(u64::MAX));
        // It may be further than it was.
        self.frame.end(object.id);
    }

    /// Runs a callback that is given a buffer on this stack.
    pub(super) fn run_callback(&mut self) {
        let Some(callee) = self.later(&[Role::Callback]) else { return self.move_about() };
        let Some(callable) = self.pick_callable(|callable| callback_of(callable).is_some()) else { return };
        if !self.take_fork() {
            return self.unary();
        }
        let first = self.buffer();
        for (reg, arg) in Reg::ARGS.into_iter().zip(&callable.args) {
            match &arg.kind {
                ArgKind::Callback { .. } => {
                    self.push_reference(Insn::LoadImm64 { dst: reg, imm: Imm64::Func(0) }, callee);
                    self.frame.set(reg, Held::NOTHING);
                }
                ArgKind::Any if reg == Reg::R1 || reg == Reg::R4 => self.constant(reg, 0),
                ArgKind::Any | ArgKind::Stack => self.stack_address(reg, slot_offset(first)),
                _ => {
                    let imm = if reg == Reg::R4 { 0 } else { self.rng.below(5).cast_signed() };
                    self.constant(reg, imm);
                }
            }
        }
        self.push(Insn::Call { target: callable.target });
        self.after_call();
        let result = self.result(&callable, None, None);
        self.frame.set(Reg::R0, result);
    }
}
