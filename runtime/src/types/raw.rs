//! Raw mode: `#[kfunc]` on an `unsafe fn` takes numbers and raw pointers, and the kernel's suffixes on parameter names say the rest.
//!
//! | name | means |
//! |---|---|
//! | `x__sz`, `x__szk` | bytes behind the pointer in front of it; `__szk`: a constant |
//! | `x__k`, and `rdonly_buf_size`, `rdwr_buf_size` | a known constant |
//! | `x__uninit` | need not be initialised |
//! | `x__nullable`, `x__opt` | may be NULL |
//! | `x__ign` | not looked at |
//! | `x__prog` | not looked at; the function is given its `CallSite` there |
//! | `x__str` | a constant, NUL-terminated string |
//! | `x__map`, `x__const_map` | a map |
//! | `x__iter` | an iterator's initialised state |
//! | `x__irq_flag` | an interrupt flag, as the kernel's four functions take it |
//! | `x__alloc` | an allocated object, which the function takes |
//! | `x__refcounted_kptr` | an object with a reference count of its own |
//! | `x__nonown_allowed` | a list node of an object that the program need not own |
//!
//! A pointer to a described struct is a trusted pointer to that object, or, where the struct holds plain numbers only, memory of its
//! size; with `release` the first one is owned, with `rcu` all may be RCU-protected. A pointer to a number is memory of its size. A
//! `*mut c_void` without a size is legal and useless, as in the kernel: no call can pass one. The kernel's own types (`Dynptr`,
//! `Timer` …) mean what they mean there. A returned pointer to a struct is untrusted, with `acquire` owned; one to a number is memory
//! to be read.
//!
//! What `acquire` hands out stands in the run's ledger, and whoever takes it must find it there: a raw `release`, or the type's raw
//! destructor, which takes it from a run that ends early. A `KRef` is none of these, and a kfunc that asks for one is not given them.

use std::marker::PhantomData;

use crate::declare::{
    ArgDecl, ArgForm, ArgShape, DemandDecl, IntForm, KernelType, MemRule, NullDecl, RetForm, RetShape,
    SizeDecl, StepKind, TrustDecl, TypeExpr,
};

use crate::run::Run;

use super::btf::{BtfObject, BtfType};

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
    /// C sees a `void *` all the same.
    pub(crate) erased: bool,
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
                erased: false,
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
        erased: false,
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
                erased: false,
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

/// A raw type by way of the macro: the projection names it once.
#[doc(hidden)]
pub trait RawTyped {
    /// The type.
    type Value: RawValue;
    /// A parameter of this type.
    type Arg: RawGiven;
    /// A parameter of this type that the runtime fills in (`__prog`).
    type Caller: RawGiven;
}

impl<T: RawValue> RawTyped for T {
    type Value = T;
    type Arg = FromWord<T>;
    type Caller = FromCaller<T>;
}

/// Where a raw parameter comes from.
#[doc(hidden)]
pub trait RawGiven: 'static {
    /// Its type.
    type Value: RawValue;
    /// What it is, before its name is looked at.
    const RAW: Option<RawShape> = <Self::Value as RawValue>::RAW;
    /// The value, of what is in the parameter's register.
    fn given(word: u64, run: &Run<'_>) -> Self::Value;
}

/// From the parameter's register.
#[doc(hidden)]
#[derive(Debug)]
pub struct FromWord<T>(PhantomData<T>);

impl<T: RawValue> RawGiven for FromWord<T> {
    type Value = T;

    #[inline(always)]
    fn given(word: u64, _run: &Run<'_>) -> T {
        T::from_word(word)
    }
}

/// From the runtime: a pointer to the [`CallSite`](crate::CallSite), whatever the program passed.
#[doc(hidden)]
#[derive(Debug)]
pub struct FromCaller<T>(PhantomData<T>);

impl<T: RawValue> RawGiven for FromCaller<T> {
    type Value = T;

    #[inline(always)]
    fn given(_word: u64, run: &Run<'_>) -> T {
        T::from_word(std::ptr::from_ref(run.call_site()).expose_provenance() as u64)
    }
}

/// `void *`, as the kernel's destructors of a `T` take it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`dtor = T` needs a parameter `*mut c_void`, and this one is a `{Self}`",
    label = "this pointer says itself what is destroyed",
    note = "write `dtor` alone where the parameter is a `*mut T`"
)]
pub trait Erased<T> {
    /// The parameter.
    type Arg: RawGiven;
}

impl<T: BtfObject> Erased<T> for *mut std::ffi::c_void {
    type Arg = FromErased<T>;
}

/// A `*mut c_void` from the parameter's register that points to a `T`.
#[doc(hidden)]
#[derive(Debug)]
pub struct FromErased<T>(PhantomData<fn() -> T>);

impl<T: BtfObject> RawGiven for FromErased<T> {
    type Value = *mut std::ffi::c_void;
    const RAW: Option<RawShape> = match <*mut T as RawValue>::RAW {
        Some(raw) => Some(RawShape { erased: true, ..raw }),
        None => None,
    };

    #[inline(always)]
    fn given(word: u64, _run: &Run<'_>) -> Self::Value {
        Self::Value::from_word(word)
    }
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

/// What stands around a parameter.
#[derive(Clone, Copy)]
struct Around {
    /// The name of the next one.
    next: Option<&'static str>,
    /// Is it the first of an iterator's function?
    state: bool,
}

/// The parameter `name` of an `unsafe fn`.
#[track_caller]
const fn raw_arg(raw: Option<RawShape>, name: &'static str, around: Around) -> ArgDecl {
    let Some(raw) = raw else { panic!("`()` is no parameter of a kfunc") };
    if let Some(name) = before(name, "__ign") {
        let ty = if raw.pointer { raw.ty.ptr() } else { raw.ty };
        let mut shape = ArgShape::new(ArgForm::Ignored, ty);
        shape.bytes = 8;
        return ArgDecl { name, shape };
    }
    if let Some(name) = before(name, "__prog") {
        assert!(raw.pointer, "`__prog` stands on a pointer: the function is given its `CallSite` there");
        return ArgDecl { name, shape: ArgShape::new(ArgForm::Caller, raw.ty) };
    }
    if raw.pointer { pointer(raw, name, around) } else { number(raw, name) }
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

/// What a suffix says of a pointer, whatever it points to.
const fn by_suffix(raw: RawShape, name: &'static str) -> Option<ArgDecl> {
    let (name, form) = if let Some(name) = before(name, "__str") {
        let ty = TypeExpr::int(1, IntForm::Char).constant();
        return Some(ArgDecl { name, shape: ArgShape::new(ArgForm::Str, ty) });
    } else if let Some(name) = before(name, "__const_map") {
        return Some(ArgDecl { name, shape: ArgShape::new(ArgForm::Map, TypeExpr::VOID) });
    } else if let Some(name) = before(name, "__map") {
        return Some(ArgDecl { name, shape: ArgShape::new(ArgForm::Map, TypeExpr::VOID) });
    } else if let Some(name) = before(name, "__irq_flag") {
        assert!(raw.bytes == 8 && raw.align == 8, "`__irq_flag` stands on a pointer to 8 bytes: `*mut u64`");
        (name, ArgForm::IrqFlag)
    } else if let Some(name) = before(name, "__alloc") {
        (name, ArgForm::Allocated)
    } else if let Some(name) = before(name, "__refcounted_kptr") {
        (name, ArgForm::Refcounted)
    } else {
        return None;
    };
    Some(ArgDecl { name, shape: ArgShape::new(form, raw.ty) })
}

#[track_caller]
const fn pointer(raw: RawShape, name: &'static str, around: Around) -> ArgDecl {
    if let Some(decl) = by_suffix(raw, name) {
        return decl;
    }
    let (name, null) = match (before(name, "__nullable"), before(name, "__opt")) {
        (Some(name), _) | (None, Some(name)) => (name, NullDecl::Nullable),
        (None, None) => (name, NullDecl::NonNull),
    };
    let (name, mem) = match (before(name, "__uninit"), before(name, "__nonown_allowed")) {
        (Some(name), _) => (name, MemRule::Uninit),
        (None, Some(name)) => (name, MemRule::Read),
        (None, None) => (name, raw.mem),
    };
    let (name, state) = match before(name, "__iter") {
        Some(name) => (name, true),
        None => (name, around.state),
    };
    let size = match around.next {
        Some(next) if has(next, "__szk") => Some(SizeDecl::Constant),
        Some(next) if has(next, "__sz") => Some(SizeDecl::Bounded),
        Some(_) | None => None,
    };
    let mut shape = match size {
        _ if state => iterator(raw),
        Some(size) => sized(raw, size),
        None => pointee(raw),
    };
    shape.null = null;
    shape.mem = mem;
    ArgDecl { name, shape }
}

#[track_caller]
const fn iterator(raw: RawShape) -> ArgShape {
    let named = matches!(raw.ty.steps()[0].kind, StepKind::Named);
    assert!(
        named,
        "an iterator's state is a struct with `#[derive(Btf)]` whose name begins with `bpf_iter_`"
    );
    let mut shape = ArgShape::new(ArgForm::Iter, raw.ty);
    shape.bytes = raw.bytes;
    shape
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
const fn pointee(raw: RawShape) -> ArgShape {
    match raw.ty.steps()[0].kind {
        StepKind::Named | StepKind::Opaque => ArgShape::new(ArgForm::Raw, raw.ty),
        StepKind::Kernel if raw.ty.steps()[0].count == KernelType::Dynptr as u32 => {
            ArgShape::new(ArgForm::Dynptr, raw.ty)
        }
        StepKind::Kernel => ArgShape::new(ArgForm::Field, raw.ty),
        StepKind::Void if matches!(raw.mem, MemRule::Read) => {
            ArgShape::new(ArgForm::Unsized, TypeExpr::VOID.constant())
        }
        StepKind::Void => ArgShape::new(ArgForm::Unsized, TypeExpr::VOID),
        StepKind::Int | StepKind::Float | StepKind::Ptr | StepKind::Const | StepKind::Array => {
            let mut shape = ArgShape::new(ArgForm::Memory, raw.ty);
            (shape.bytes, shape.bytes2) = (raw.bytes, raw.align);
            shape
        }
    }
}

/// Bits of the flags that change what raw parameters mean (`KF_ACQUIRE`, `KF_RELEASE` or a destructor, `KF_RET_NULL`, `KF_RCU`).
const ACQUIRE: u32 = 1;
const RELEASE: u32 = 1 << 1 | 1 << 31;
const RET_NULL: u32 = 1 << 2;
const RCU: u32 = 1 << 7;
/// `KF_ITER_NEW`, `KF_ITER_NEXT`, `KF_ITER_DESTROY`.
const ITER: u32 = 7 << 8;
const ITER_NEW: u32 = 1 << 8;

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
        let around = Around { next, state: at == 0 && flags & ITER != 0 };
        let mut arg = raw_arg(raws[at], names[at], around);
        if around.state && flags & ITER_NEW != 0 {
            arg.shape.mem = MemRule::Uninit;
        }
        if arg.shape.regs == 2
            && at + 1 < N
            && let Some(size) = raws[at + 1]
        {
            // The C type of the size, which the prototype keeps.
            arg.shape.int = size.ty.steps()[0].int;
        }
        if matches!(arg.shape.form, ArgForm::Raw) {
            if release {
                let erased = matches!(raws[at], Some(raw) if raw.erased);
                arg.shape.form = if erased { ArgForm::RawErased } else { ArgForm::RawOwned };
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

/// The result of an `unsafe fn`. A pointer to nothing in particular is a number to programs, as in the kernel.
pub(crate) const fn raw_ret(raw: Option<RawShape>, names: &[&'static str], flags: u32) -> RetShape {
    let Some(raw) = raw else { return RetShape::new(RetForm::Void, TypeExpr::VOID) };
    let mut sized = false;
    let mut at = 0;
    while at < names.len() {
        sized |= matches!(names[at].as_bytes(), b"rdonly_buf_size" | b"rdwr_buf_size");
        at += 1;
    }
    let (form, ty, bytes) = match raw.ty.steps()[0].kind {
        _ if !raw.pointer => (RetForm::Scalar, raw.ty, raw.bytes),
        _ if sized => (RetForm::Memory, raw.ty, raw.bytes),
        StepKind::Named | StepKind::Opaque | StepKind::Kernel => (RetForm::Object, raw.ty, raw.bytes),
        StepKind::Void => (RetForm::Scalar, raw.ty.ptr(), 8),
        StepKind::Int | StepKind::Float | StepKind::Ptr | StepKind::Const | StepKind::Array => {
            (RetForm::Fixed, raw.ty, raw.bytes)
        }
    };
    let mut ret = RetShape::new(form, ty);
    ret.trust = if flags & ACQUIRE != 0 { TrustDecl::Handed } else { TrustDecl::Untrusted };
    ret.null = if flags & RET_NULL != 0 { NullDecl::Nullable } else { NullDecl::NonNull };
    ret.mem = if matches!(form, RetForm::Fixed) { MemRule::Read } else { raw.mem };
    ret.bytes = bytes;
    ret.int = raw.ty.steps()[0].int;
    ret
}
