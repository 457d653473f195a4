//! [`Callback`]: a function of the program that a kfunc may call back.

#![allow(coherence_leak_check, reason = "`fn(A)` with a number and `for<'x> fn(&'x T)` are two types")]

use std::marker::PhantomData;
use std::ptr;

use crate::declare::{ArgForm, ArgShape, DemandDecl, IntForm, TypeExpr};
use crate::run::Run;
use crate::{enter, interpret};

use super::arg::{Decode, KfuncArg, Raw};
use super::btf::{BtfObject, BtfType};

/// A static function of the calling program: `Callback<fn(u64, &Flow) -> i64>` as a parameter of a kfunc. It takes up to five numbers
/// or references to objects and returns a number.
///
/// It can be called any number of times until the kfunc returns, and not be kept. Each call takes one of the run's loop turns.
pub struct Callback<'a, F> {
    /// # Invariants
    /// 1. What the program that runs passed for a parameter of this type.
    function: u64,
    run: &'a Run<'a>,
    signature: PhantomData<F>,
}

/// The callback did not return: the run is over, or has no loop turns left. The kfunc should return soon; what it returns is not
/// looked at when the run is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the program's function did not return: the run is over, or has no loop turns left")]
pub struct Stopped;

/// The signature of a callback: a `fn(…) -> i64` of up to five numbers or references to objects.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no signature of a callback",
    label = "programs cannot provide such a function",
    note = "callbacks take up to five numbers, or references to types with `#[derive(opswap::Btf)]`, and return an `i64`: \
            `Callback<fn(u64, &Flow) -> i64>`"
)]
pub trait CallbackFn: sealed::Signature + 'static {}

mod sealed {
    use super::ArgShape;

    /// Keeps [`super::CallbackFn`] in this file.
    pub trait Signature {
        /// The arguments as a tuple.
        type Args<'x>;
        const SHAPES: &'static [ArgShape];
        fn words(args: Self::Args<'_>) -> [u64; 5];
    }
}

/// A number that a callback may take.
#[diagnostic::on_unimplemented(
    message = "a callback cannot take a `{Self}`",
    label = "neither a number nor a reference"
)]
pub trait CallbackNumber: Copy + 'static + number::Word {}

mod number {
    use super::ArgShape;

    /// Keeps [`super::CallbackNumber`] in this file.
    pub trait Word {
        const SHAPE: ArgShape;
        fn word(self) -> u64;
    }
}

macro_rules! numbers {
    ($($ty:ty: $form:ident as $wide:ty),*) => {$(
        impl CallbackNumber for $ty {}

        impl number::Word for $ty {
            const SHAPE: ArgShape = {
                let mut shape = ArgShape::new(ArgForm::Scalar, <$ty>::EXPR);
                shape.bytes = size_of::<$ty>() as u32;
                shape.int = IntForm::$form;
                shape
            };

            fn word(self) -> u64 {
                self as $wide as u64
            }
        }
    )*};
}

numbers!(
    u8: Unsigned as u64, u16: Unsigned as u64, u32: Unsigned as u64, u64: Unsigned as u64, usize: Unsigned as u64,
    i8: Signed as i64, i16: Signed as i64, i32: Signed as i64, i64: Signed as i64, isize: Signed as i64
);

const fn object<T: BtfObject>() -> ArgShape {
    let mut shape = ArgShape::new(ArgForm::Object, T::EXPR);
    shape.demand = DemandDecl::Trusted;
    shape
}

/// A parameter: as written, as given, what it means, and its register.
macro_rules! part {
    (num $ty:ident written) => { $ty };
    (obj $ty:ident written) => { &$ty };
    (num $ty:ident given) => { $ty };
    (obj $ty:ident given) => { &'x $ty };
    (num $ty:ident shape) => { <$ty as number::Word>::SHAPE };
    (obj $ty:ident shape) => { object::<$ty>() };
    (num $ty:ident word $value:ident) => { number::Word::word($value) };
    (obj $ty:ident word $value:ident) => { ptr::from_ref::<$ty>($value).expose_provenance() as u64 };
}

macro_rules! signatures {
    ($(numbers($($number:ident)*) objects($($object:ident)*) in ($($form:ident $ty:ident $value:ident),*);)*) => {$(
        impl<$($number: CallbackNumber,)* $($object: BtfObject,)*> CallbackFn for fn($(part!($form $ty written)),*) -> i64 {}

        impl<$($number: CallbackNumber,)* $($object: BtfObject,)*> sealed::Signature
            for fn($(part!($form $ty written)),*) -> i64
        {
            type Args<'x> = ($(part!($form $ty given),)*);
            const SHAPES: &'static [ArgShape] = &[$(part!($form $ty shape)),*];

            fn words(($($value,)*): Self::Args<'_>) -> [u64; 5] {
                let mut words = [0; 5];
                let given: &[u64] = &[$(part!($form $ty word $value)),*];
                words[..given.len()].copy_from_slice(given);
                words
            }
        }
    )*};
}

signatures! {
    numbers() objects() in ();
    numbers(A) objects() in (num A a);
    numbers() objects(A) in (obj A a);
    numbers(A B) objects() in (num A a, num B b);
    numbers(A) objects(B) in (num A a, obj B b);
    numbers(B) objects(A) in (obj A a, num B b);
    numbers() objects(A B) in (obj A a, obj B b);
    numbers(A B C) objects() in (num A a, num B b, num C c);
    numbers(A B) objects(C) in (num A a, num B b, obj C c);
    numbers(A C) objects(B) in (num A a, obj B b, num C c);
    numbers(A) objects(B C) in (num A a, obj B b, obj C c);
    numbers(B C) objects(A) in (obj A a, num B b, num C c);
    numbers(B) objects(A C) in (obj A a, num B b, obj C c);
    numbers(C) objects(A B) in (obj A a, obj B b, num C c);
    numbers() objects(A B C) in (obj A a, obj B b, obj C c);
    numbers(A B C D) objects() in (num A a, num B b, num C c, num D d);
    numbers(B C D) objects(A) in (obj A a, num B b, num C c, num D d);
    numbers(A B C D E) objects() in (num A a, num B b, num C c, num D d, num E e);
    numbers(B C D E) objects(A) in (obj A a, num B b, num C c, num D d, num E e);
}

impl<F: CallbackFn> Callback<'_, F> {
    /// Runs the program's function and gives what it returned.
    ///
    /// # Errors
    /// [`Stopped`]: it did not return, or was not begun.
    pub fn call(&self, args: F::Args<'_>) -> Result<i64, Stopped> {
        if self.run.is_aborted() || !self.run.take_turn() {
            return Err(Stopped);
        }
        let words = F::words(args);
        let value = if self.run.reentry().is_null() {
            // SAFETY: invariant 1; the words are of the types that the contract names, and references in them outlive the call.
            unsafe { enter::call_back(self.function, words, self.run) }
        } else {
            // SAFETY: invariant 1, and the interpreter waits for the kfunc that holds `self`.
            unsafe { interpret::call_back(self.function, words, self.run) }
        };
        match value {
            Some(value) if !self.run.is_aborted() => Ok(value.cast_signed()),
            Some(_) | None => Err(Stopped),
        }
    }
}

impl<F> std::fmt::Debug for Callback<'_, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Callback").field("function", &self.function).finish_non_exhaustive()
    }
}

/// Carrier of callbacks.
#[doc(hidden)]
pub enum ViaCallback {}

impl<F: CallbackFn> KfuncArg for Callback<'_, F> {
    type Via = ViaCallback;
    type At<'x> = Callback<'x, F>;
}

// SAFETY: the shape asks for a function of the program that was verified with such arguments. The run outlives the call, which
// outlives `'a`.
unsafe impl<'a, F: CallbackFn> Decode<Callback<'a, F>> for ViaCallback {
    const SHAPE: ArgShape = {
        let mut shape = ArgShape::new(ArgForm::Callback, TypeExpr::VOID);
        shape.callback = F::SHAPES;
        shape
    };

    unsafe fn decode(raw: Raw<'_>) -> Result<Callback<'a, F>, u64> {
        let run = ptr::from_ref(raw.run).cast::<Run<'a>>();
        // SAFETY: the run is alive for the call, and `'a` is at most that, by the caller's promise; it is only ever shared.
        let run = unsafe { &*run };
        Ok(Callback { function: raw.first, run, signature: PhantomData })
    }
}
