//! [`RawOwnership`]: what raw kfuncs hand out, and who takes it back where a run ends early.
//!
//! A `KRef` drops itself. A raw pointer does not, so a type of which an `unsafe fn` hands out references has a raw destructor
//! (`#[kfunc(dtor)]` on an `unsafe fn`): without one the declarations are refused, for a run that ends early would leak.

use std::collections::HashMap;

use opswap_bpf::hashed::Keyed;
use opswap_jit::CodeAddr;

use super::Owner;
use super::error::RegistryError;
use super::types::User;
use crate::declare::{ArgForm, KfuncDecl, RetForm, TrustDecl, TypeKey};

/// The raw destructors of types.
pub(super) type Destructors = HashMap<TypeKey, CodeAddr, Keyed>;

/// Whose destructor it is, and its code.
struct Destructor {
    owner: Owner,
    code: CodeAddr,
}

/// Raw kfuncs that give or destroy, as they are met.
#[derive(Default)]
pub(super) struct RawOwnership<'r> {
    destructors: HashMap<TypeKey, Destructor, Keyed>,
    handing: Vec<(&'r KfuncDecl, Owner)>,
}

impl<'r> RawOwnership<'r> {
    /// Another kfunc.
    pub(super) fn note(&mut self, decl: &'r KfuncDecl, owner: &Owner) {
        if (decl.ret.form, decl.ret.trust) == (RetForm::Object, TrustDecl::Handed) {
            self.handing.push((decl, owner.clone()));
        }
        if decl.is_destructor()
            && let [arg] = decl.args
            && matches!(arg.shape.form, ArgForm::RawOwned | ArgForm::RawErased)
        {
            let code = CodeAddr(decl.shim.addr());
            self.destructors.insert(arg.shape.ty.key(), Destructor { owner: owner.clone(), code });
        }
    }

    /// All destructors, once every kfunc was met.
    pub(super) fn finish(self) -> Result<Destructors, RegistryError> {
        for (decl, owner) in &self.handing {
            let found = self.destructors.get(&decl.ret.ty.key());
            // A program holds the modules whose kfuncs it calls, and no others: the destructor must not go away before it.
            if found.is_none_or(|found| found.owner.name().is_some() && found.owner.name() != owner.name()) {
                let user = User { name: decl.name, place: decl.place };
                return Err(user.signature(
                    "hands out references by raw pointer, and nobody takes them back from a run that ends early: declare the type's \
                     raw destructor beside it, a function like this one with `#[kfunc(dtor)]` and the parameter `*mut T`",
                ));
            }
        }
        Ok(self.destructors.into_iter().map(|(ty, found)| (ty, found.code)).collect())
    }
}
