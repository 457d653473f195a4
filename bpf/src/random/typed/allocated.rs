//! Objects that the program allocates: of which struct, counted once more, dropped.

use super::Callable;
use super::body::Body;
use super::held::{Held, What};
use crate::TypeRef;
use crate::insn::{Insn, Reg};
use crate::proto::RetKind;

impl Body<'_> {
    /// Allocates an object, uses it, drops it.
    pub(super) fn allocate(&mut self) {
        let count = u32::try_from(self.world.structs.len()).unwrap_or(0);
        if count == 0 || !self.take_fork() {
            return self.call();
        }
        let at = self.rng.below(count) as usize;
        if self.allocate_one(at) {
            self.use_reference();
        }
    }

    /// Puts a new object into `R0`, if there is memory for it.
    pub(super) fn allocate_one(&mut self, at: usize) -> bool {
        let makes = |callable: &Callable| matches!(callable.ret.kind, RetKind::Allocated { .. });
        let Some(make) = self.pick_callable(makes) else { return false };
        self.constant(Reg::R1, self.world.structs[at].id.0.cast_signed());
        self.push(Insn::Call { target: make.target });
        self.after_call();
        let (maybe, reference) = (self.fresh_id(), self.fresh_id());
        self.frame.set(Reg::R0, Held { what: What::Allocated { at }, maybe, reference, owner: true });
        true
    }

    /// Takes one more reference to an object, uses it, drops it.
    pub(super) fn count_once_more(&mut self) {
        let world = self.world;
        let counted = |held: Held| {
            let object = matches!(held.what, What::Allocated { at } if world.structs[at].counted);
            object && held.maybe == 0 && held.owner
        };
        let counts = |callable: &Callable| matches!(callable.ret.kind, RetKind::SameAs(_));
        let Some(reg) = self.find(counted).filter(|_| self.take_fork()) else { return self.allocate() };
        let Some(count) = self.pick_callable(counts) else { return };
        let held = self.frame.get(reg);
        if self.call_with(&count, Some(reg)) {
            let reference = self.fresh_id();
            self.frame.set(Reg::R0, Held { reference, ..held });
            self.use_reference();
        }
    }

    /// What a kptr of this type holds.
    pub(super) fn pointee(&self, ty: TypeRef) -> What {
        match self.world.structs.iter().position(|known| TypeRef::program(known.id) == ty) {
            Some(at) => What::Allocated { at },
            None => What::Object { ty },
        }
    }
}
