//! Whether a flag word agrees with a signature: asked of the types' shapes, in constants, at compile time. Where it does not, the
//! compiler shows the message at the word.

use super::shim::Signature;
use crate::declare::{
    ArgDecl, ArgForm, ArgShape, DemandDecl, MemRule, NullDecl, RetForm, RetShape, TrustDecl,
};
use crate::types::RawShape;

/// Longest message; a longer type name is cut.
const MAX: usize = 240;

/// The parts of a message in one string. Constants cannot format.
struct Message {
    bytes: [u8; MAX],
    len: usize,
}

impl Message {
    const fn of(parts: &[&str]) -> Self {
        let mut message = Self { bytes: [0; MAX], len: 0 };
        let mut part = 0;
        while part < parts.len() {
            let bytes = parts[part].as_bytes();
            let mut at = 0;
            // Type names are ASCII but for exotic identifiers, which are cut like long ones.
            while at < bytes.len() && message.len < MAX && bytes[at].is_ascii() {
                message.bytes[message.len] = bytes[at];
                message.len += 1;
                at += 1;
            }
            part += 1;
        }
        message
    }

    const fn text(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "a flag contradicts the signature",
        }
    }
}

macro_rules! rules {
    ($($word:ident $shown:literal on a result $shape:ty, $needs:literal, |$ret:ident| $agrees:expr;)*) => {$(
        #[doc = concat!("`", $shown, "`; `spelt` is the result's type as written.")]
        #[track_caller]
        pub(super) const fn $word($ret: &$shape, spelt: &str) {
            if !$agrees {
                let message = Message::of(&[
                    concat!("`", $shown, "` needs ", $needs, "; this function returns `"), spelt, "`",
                ]);
                panic!("{}", message.text());
            }
        }
    )*};
    ($($word:ident $shown:literal on the parameters, $needs:literal, |$args:ident| $agrees:expr;)*) => {$(
        #[doc = concat!("`", $shown, "`.")]
        #[track_caller]
        pub const fn $word<const N: usize>(signature: Signature<N>) -> Signature<N> {
            let $args = signature.args.split_at(signature.len).0;
            if !$agrees {
                panic!(concat!("`", $shown, "` needs ", $needs, "; no parameter of this function is one"));
            }
            signature
        }
    )*};
}

rules! {
    acquire "acquire" on a result RetShape, "an owned return such as `KRef<T>`",
        |ret| matches!(ret.form, RetForm::Object) && matches!(ret.trust, TrustDecl::Owned);
    ret_null "ret_null" on a result RetShape, "a return that may be null, such as `Option<&T>`",
        |ret| matches!(ret.null, NullDecl::Nullable);
    rcu_protected "rcu_protected" on a result RetShape, "an RCU-protected return `Rcu<'a, T>`",
        |ret| matches!(ret.form, RetForm::Object) && matches!(ret.trust, TrustDecl::Rcu);
    raw_acquire "acquire" on a result Option<RawShape>, "a pointer", |ret| pointer(ret);
    raw_ret_null "ret_null" on a result Option<RawShape>, "a pointer", |ret| pointer(ret);
    raw_rcu_protected "rcu_protected" on a result Option<RawShape>, "a safe function that returns `Rcu<'a, T>`", |_ret| false;
}

rules! {
    release "release" on the parameters, "an owned parameter such as `KRef<T>` by value",
        |args| any(args, ArgForm::Object, Some(DemandDecl::Owned));
    raw_release "release" on the parameters, "a pointer", |args| any_pointer(args);
    kptr_get "kptr_get" on the parameters, "`&KptrSlot<T>` as its first parameter", |args| first(args, ArgForm::KptrSlot);
    rcu "rcu" on the parameters, "an RCU-protected parameter `Rcu<'_, T>`",
        |args| any(args, ArgForm::Object, Some(DemandDecl::Rcu)) || any(args, ArgForm::Raw, Some(DemandDecl::Rcu));
    iter_new "iter_new" on the parameters, "room for an iterator's state `Uninit<Iter<T>>` as its first parameter",
        |args| first(args, ArgForm::Iter) && matches!(args[0].shape.mem, MemRule::Uninit);
    iter_next "iter_next" on the parameters, "an iterator's state `&mut Iter<T>` as its first parameter",
        |args| first(args, ArgForm::Iter) && matches!(args[0].shape.mem, MemRule::ReadWrite);
    iter_destroy "iter_destroy" on the parameters, "an iterator's state `&mut Iter<T>` as its first parameter",
        |args| first(args, ArgForm::Iter) && matches!(args[0].shape.mem, MemRule::ReadWrite);
    dtor "dtor" on the parameters, "the reference that it destroys, `KRef<T>`, as its only parameter",
        |args| args.len() == 1 && owned(&args[0].shape);
    raw_dtor "dtor" on the parameters, "a pointer to the type that it destroys, `*mut T`, as its only parameter (`dtor = T` with a `*mut c_void`)",
        |args| args.len() == 1 && owned(&args[0].shape);
    implicit_args "implicit_args" on the parameters, "a parameter that the runtime fills in, such as `&CallSite`",
        |args| any(args, ArgForm::Implicit, None);
}

/// Whether an `unsafe fn` returns a pointer.
const fn pointer(raw: &Option<RawShape>) -> bool {
    match raw {
        Some(raw) => raw.pointer,
        None => false,
    }
}

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

const fn any_pointer(args: &[ArgDecl]) -> bool {
    let mut at = 0;
    while at < args.len() {
        if !matches!(
            args[at].shape.form,
            ArgForm::Scalar | ArgForm::Checked | ArgForm::Constant | ArgForm::Implicit | ArgForm::Ignored
        ) {
            return true;
        }
        at += 1;
    }
    false
}

/// A reference that is taken, and is there.
const fn owned(shape: &ArgShape) -> bool {
    matches!(shape.form, ArgForm::Object | ArgForm::RawOwned | ArgForm::RawErased)
        && matches!(shape.demand, DemandDecl::Owned)
        && matches!(shape.null, NullDecl::NonNull)
}

const fn first(args: &[ArgDecl], form: ArgForm) -> bool {
    !args.is_empty() && args[0].shape.form as u8 == form as u8
}
