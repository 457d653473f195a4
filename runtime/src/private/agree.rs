//! Whether a flag word agrees with a signature: asked of the types' shapes, in constants, at compile time.
//!
//! Each function takes the message for the case that it does not; the compiler shows it at the word.

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

#[track_caller]
const fn demand(agrees: bool, message: &str) {
    if !agrees {
        panic!("{}", message);
    }
}

/// `acquire`.
#[track_caller]
pub const fn acquire(_args: &[ArgDecl], ret: &RetShape, message: &str) {
    demand(matches!(ret.form, RetForm::Object) && matches!(ret.trust, TrustDecl::Owned), message);
}

/// `release`.
#[track_caller]
pub const fn release(args: &[ArgDecl], _ret: &RetShape, message: &str) {
    demand(any(args, ArgForm::Object, Some(DemandDecl::Owned)), message);
}

/// `ret_null`.
#[track_caller]
pub const fn ret_null(_args: &[ArgDecl], ret: &RetShape, message: &str) {
    demand(matches!(ret.null, NullDecl::Nullable), message);
}

/// `kptr_get`.
#[track_caller]
pub const fn kptr_get(args: &[ArgDecl], _ret: &RetShape, message: &str) {
    demand(first(args, ArgForm::KptrSlot), message);
}

/// `rcu`.
#[track_caller]
pub const fn rcu(args: &[ArgDecl], _ret: &RetShape, message: &str) {
    demand(any(args, ArgForm::Object, Some(DemandDecl::Rcu)), message);
}

/// `iter_new`, `iter_next`, `iter_destroy`.
#[track_caller]
pub const fn iter(args: &[ArgDecl], _ret: &RetShape, message: &str) {
    demand(first(args, ArgForm::Iter), message);
}

/// `rcu_protected`.
#[track_caller]
pub const fn rcu_protected(_args: &[ArgDecl], ret: &RetShape, message: &str) {
    demand(matches!(ret.form, RetForm::Object) && matches!(ret.trust, TrustDecl::Rcu), message);
}

/// `implicit_args`.
#[track_caller]
pub const fn implicit(args: &[ArgDecl], _ret: &RetShape, message: &str) {
    demand(any(args, ArgForm::Implicit, None), message);
}
