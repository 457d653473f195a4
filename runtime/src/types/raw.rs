//! Raw mode: `#[kfunc]` on an `unsafe fn` takes numbers and raw pointers, and the kernel's suffixes on parameter names say the rest.
//!
//! | name | means |
//! |---|---|
//! | `x__sz`, `x__szk` | bytes behind the pointer in front of it; `__szk`: a constant |
//! | `x__k` | a known constant |
//! | `x__uninit` | need not be initialised |
//! | `x__nullable`, `x__opt` | may be NULL |
//! | `x__ign` | not looked at |
//! | `x__str` | a constant, NUL-terminated string |
//! | `x__map`, `x__const_map` | a map |
//!
//! A pointer to a described struct is a trusted pointer to that object; with `release` the first one is owned, with `rcu` all may be
//! RCU-protected. A pointer to a number is memory of its size. A returned pointer is untrusted, with `acquire` owned. The runtime
//! keeps no ledger of what raw kfuncs hand out: what they promise is their author's business.

use crate::declare::{
    ArgDecl, ArgForm, ArgShape, DemandDecl, IntForm, MemRule, NullDecl, RetForm, RetShape, SizeDecl,
    StepKind, TrustDecl, TypeExpr,
};

use super::btf::BtfType;

/// What a raw parameter or result is, before its name is looked at.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct RawShape {
    /// A number, or a pointer to what `ty` says.
    pub(crate) pointer: bool,
    /// The number's type, or the pointee.
    pub(crate) ty: TypeExpr,
    /// Bytes of the number or the pointee.
    pub(crate) bytes: u32,
    /// Alignment of the pointee.
    pub(crate) align: u32,
    /// What the callee may do with the pointee.
    pub(crate) mem: MemRule,
}

/// A type that an `unsafe fn` kfunc may take or return: a number or a raw pointer.
#[diagnostic::on_unimplemented(
    message = "an `unsafe fn` kfunc cannot take or return a `{Self}`",
    label = "neither a number nor a raw pointer to a type that programs know",
    note = "in raw mode parameters are numbers and raw pointers; for `&T`, `KRef<T>` and the like make the function safe"
)]
pub trait RawValue: Copy + 'static {
    #[doc(hidden)]
    const RAW: Option<RawShape>;
    #[doc(hidden)]
    fn from_word(word: u64) -> Self;
    #[doc(hidden)]
    fn into_word(self) -> u64;
}

macro_rules! raw_numbers {
    ($($ty:ty as $wide:ty),*) => {$(
        impl RawValue for $ty {
            const RAW: Option<RawShape> = Some(RawShape {
                pointer: false,
                ty: <$ty>::EXPR,
                bytes: size_of::<$ty>() as u32,
                align: 1,
                mem: MemRule::Read,
            });

            fn from_word(word: u64) -> Self {
                word as $ty
            }

            fn into_word(self) -> u64 {
                self as $wide as u64
            }
        }
    )*};
}

raw_numbers!(u8 as u64, u16 as u64, u32 as u64, u64 as u64, usize as u64);
raw_numbers!(i8 as i64, i16 as i64, i32 as i64, i64 as i64, isize as i64);

/// As in C: any byte but 0 is true.
impl RawValue for bool {
    const RAW: Option<RawShape> = Some(RawShape {
        pointer: false,
        ty: <Self as BtfType>::EXPR,
        bytes: 1,
        align: 1,
        mem: MemRule::Read,
    });

    fn from_word(word: u64) -> Self {
        word & 0xff != 0
    }

    fn into_word(self) -> u64 {
        u64::from(self)
    }
}

impl RawValue for () {
    const RAW: Option<RawShape> = None;

    fn from_word(_word: u64) -> Self {}

    fn into_word(self) -> u64 {
        0
    }
}

macro_rules! raw_pointers {
    ($($ty:ty, $rule:ident, $from:path;)*) => {$(
        impl<T: BtfType + 'static> RawValue for $ty {
            const RAW: Option<RawShape> = Some(RawShape {
                pointer: true,
                ty: T::EXPR,
                bytes: size_of::<T>() as u32,
                align: align_of::<T>() as u32,
                mem: MemRule::$rule,
            });

            fn from_word(word: u64) -> Self {
                $from(word as usize)
            }

            fn into_word(self) -> u64 {
                self.expose_provenance() as u64
            }
        }
    )*};
}

raw_pointers! {
    *const T, Read, std::ptr::with_exposed_provenance;
    *mut T, ReadWrite, std::ptr::with_exposed_provenance_mut;
}

/// The name in front of a suffix. A name that is nothing but the suffix has none, as in the kernel.
const fn before(name: &'static str, suffix: &str) -> Option<&'static str> {
    let (bytes, end) = (name.as_bytes(), suffix.as_bytes());
    if bytes.len() <= end.len() {
        return None;
    }
    let (head, tail) = name.split_at(bytes.len() - end.len());
    let tail = tail.as_bytes();
    let mut at = 0;
    while at < end.len() {
        if tail[at] != end[at] {
            return None;
        }
        at += 1;
    }
    Some(head)
}

const fn has(name: &'static str, suffix: &str) -> bool {
    before(name, suffix).is_some()
}

/// Suffixes whose meaning needs types that this runtime does not have.
const UNSUPPORTED: [&str; 6] =
    ["__alloc", "__refcounted_kptr", "__irq_flag", "__iter", "__prog", "__nonown_allowed"];

/// The parameter `name` of an `unsafe fn`, which takes `flags` and is followed by `next`.
#[track_caller]
pub(crate) const fn raw_arg(
    raw: Option<RawShape>,
    name: &'static str,
    next: Option<&'static str>,
) -> ArgDecl {
    let Some(raw) = raw else { panic!("`()` is no parameter of a kfunc") };
    let mut at = 0;
    while at < UNSUPPORTED.len() {
        assert!(
            !has(name, UNSUPPORTED[at]),
            "a suffix of the kernel's on a parameter has no meaning in this runtime"
        );
        at += 1;
    }
    if let Some(name) = before(name, "__ign") {
        let mut shape = ArgShape::new(ArgForm::Ignored, raw.ty);
        shape.bytes = 8;
        return ArgDecl { name, shape };
    }
    if raw.pointer { pointer(raw, name, next) } else { number(raw, name) }
}

const fn number(raw: RawShape, name: &'static str) -> ArgDecl {
    let (name, form) = match before(name, "__k") {
        Some(name) => (name, ArgForm::Constant),
        None if matches!(name.as_bytes(), b"rdonly_buf_size" | b"rdwr_buf_size") => (name, ArgForm::Constant),
        None => (name, ArgForm::Scalar),
    };
    let mut shape = ArgShape::new(form, raw.ty);
    shape.bytes = raw.bytes;
    shape.int = raw.ty.steps()[0].int;
    ArgDecl { name, shape }
}

const fn pointer(raw: RawShape, name: &'static str, next: Option<&'static str>) -> ArgDecl {
    if let Some(name) = before(name, "__str") {
        let ty = TypeExpr::int(1, IntForm::Char).constant();
        return ArgDecl { name, shape: ArgShape::new(ArgForm::Str, ty) };
    }
    if let Some(name) = before(name, "__const_map") {
        return ArgDecl { name, shape: ArgShape::new(ArgForm::Map, TypeExpr::VOID) };
    }
    if let Some(name) = before(name, "__map") {
        return ArgDecl { name, shape: ArgShape::new(ArgForm::Map, TypeExpr::VOID) };
    }
    let (name, null) = match (before(name, "__nullable"), before(name, "__opt")) {
        (Some(name), _) | (None, Some(name)) => (name, NullDecl::Nullable),
        (None, None) => (name, NullDecl::NonNull),
    };
    let (name, mem) = match before(name, "__uninit") {
        Some(name) => (name, MemRule::Uninit),
        None => (name, raw.mem),
    };
    let size = match next {
        Some(next) if has(next, "__szk") => Some(SizeDecl::Constant),
        Some(next) if has(next, "__sz") => Some(SizeDecl::Bounded),
        Some(_) | None => None,
    };
    let mut shape = match size {
        Some(size) => sized(raw, size),
        None => object_or_memory(raw),
    };
    shape.null = null;
    shape.mem = mem;
    ArgDecl { name, shape }
}

const fn sized(raw: RawShape, size: SizeDecl) -> ArgShape {
    let ty = if matches!(raw.mem, MemRule::Read) { TypeExpr::VOID.constant() } else { TypeExpr::VOID };
    let mut shape = ArgShape::new(ArgForm::Slice, ty);
    shape.size = size;
    shape.regs = 2;
    (shape.bytes, shape.bytes2) = (1, 1);
    shape
}

#[track_caller]
const fn object_or_memory(raw: RawShape) -> ArgShape {
    match raw.ty.steps()[0].kind {
        StepKind::Named | StepKind::Opaque => ArgShape::new(ArgForm::Object, raw.ty),
        StepKind::Void => {
            panic!("a `*void` parameter of a kfunc is followed by its size: `x__sz` or `x__szk`")
        }
        StepKind::Int | StepKind::Float | StepKind::Ptr | StepKind::Const | StepKind::Array => {
            let mut shape = ArgShape::new(ArgForm::Memory, raw.ty);
            (shape.bytes, shape.bytes2) = (raw.bytes, raw.align);
            shape
        }
    }
}

/// Bits of the flags that change what raw parameters mean (`KF_ACQUIRE`, `KF_RELEASE`, `KF_RET_NULL`, `KF_RCU`).
const ACQUIRE: u32 = 1;
const RELEASE: u32 = 1 << 1;
const RET_NULL: u32 = 1 << 2;
const RCU: u32 = 1 << 7;

/// All parameters: each pointer with its size is one, and the flags tell who owns what. Gives their number as well.
#[track_caller]
pub(crate) const fn raw_args<const N: usize>(
    raws: [Option<RawShape>; N],
    names: &[&'static str],
    flags: u32,
) -> ([ArgDecl; N], usize) {
    let unused = ArgDecl { name: "", shape: ArgShape::new(ArgForm::Ignored, TypeExpr::VOID) };
    let (mut args, mut len, mut at, mut release) = ([unused; N], 0, 0, flags & RELEASE != 0);
    while at < N {
        let next = if at + 1 < N { Some(names[at + 1]) } else { None };
        let mut arg = raw_arg(raws[at], names[at], next);
        if arg.shape.regs == 2
            && at + 1 < N
            && let Some(size) = raws[at + 1]
        {
            // The C type of the size, which the prototype keeps.
            arg.shape.int = size.ty.steps()[0].int;
        }
        if matches!(arg.shape.form, ArgForm::Object) {
            if release {
                arg.shape.demand = DemandDecl::Owned;
                release = false;
            } else if flags & RCU != 0 {
                arg.shape.demand = DemandDecl::Rcu;
            }
        }
        at += arg.shape.regs as usize;
        args[len] = arg;
        len += 1;
    }
    (args, len)
}

/// The result of an `unsafe fn`.
pub(crate) const fn raw_ret(raw: Option<RawShape>, names: &[&'static str], flags: u32) -> RetShape {
    let Some(raw) = raw else { return RetShape::new(RetForm::Void, TypeExpr::VOID) };
    let mut form = if raw.pointer { RetForm::Object } else { RetForm::Scalar };
    let mut at = 0;
    while at < names.len() {
        if raw.pointer && matches!(names[at].as_bytes(), b"rdonly_buf_size" | b"rdwr_buf_size") {
            form = RetForm::Memory;
        }
        at += 1;
    }
    let mut ret = RetShape::new(form, raw.ty);
    ret.trust = if flags & ACQUIRE != 0 { TrustDecl::Owned } else { TrustDecl::Untrusted };
    ret.null = if flags & RET_NULL != 0 { NullDecl::Nullable } else { NullDecl::NonNull };
    ret.mem = raw.mem;
    ret.bytes = raw.bytes;
    ret.int = raw.ty.steps()[0].int;
    ret
}
