//! Whether a flag word agrees with a signature: asked of the types' shapes, in constants, at compile time.

use crate::declare::{ArgDecl, ArgForm, DemandDecl, NullDecl, RetForm, RetShape, TrustDecl};

const fn any(args: &[ArgDecl], form: ArgForm, demand: Option<DemandDecl>) -> bool {
    let mut at = 0;
    while at < args.len() {
        let shape = &args[at].shape;
        if shape.form as u8 == form as u8 {
            match demand {
                None => return true,
                Some(demand) if shape.demand as u8 == demand as u8 => return true,
                Some(_) => {}
            }
        }
        at += 1;
    }
    false
}

const fn first(args: &[ArgDecl], form: ArgForm) -> bool {
    !args.is_empty() && args[0].shape.form as u8 == form as u8
}

/// `acquire`.
pub const fn acquire(_args: &[ArgDecl], ret: &RetShape) -> bool {
    matches!(ret.form, RetForm::Object) && matches!(ret.trust, TrustDecl::Owned)
}

/// `release`.
pub const fn release(args: &[ArgDecl], _ret: &RetShape) -> bool {
    any(args, ArgForm::Object, Some(DemandDecl::Owned))
}

/// `ret_null`.
pub const fn ret_null(_args: &[ArgDecl], ret: &RetShape) -> bool {
    matches!(ret.null, NullDecl::Nullable)
}

/// `kptr_get`.
pub const fn kptr_get(args: &[ArgDecl], _ret: &RetShape) -> bool {
    first(args, ArgForm::KptrSlot)
}

/// `rcu`.
pub const fn rcu(args: &[ArgDecl], _ret: &RetShape) -> bool {
    any(args, ArgForm::Object, Some(DemandDecl::Rcu))
}

/// `iter_new`, `iter_next`, `iter_destroy`.
pub const fn iter(args: &[ArgDecl], _ret: &RetShape) -> bool {
    first(args, ArgForm::Iter)
}

/// `rcu_protected`.
pub const fn rcu_protected(_args: &[ArgDecl], ret: &RetShape) -> bool {
    matches!(ret.form, RetForm::Object) && matches!(ret.trust, TrustDecl::Rcu)
}

/// `implicit_args`.
pub const fn implicit(args: &[ArgDecl], _ret: &RetShape) -> bool {
    any(args, ArgForm::Implicit, None)
}
