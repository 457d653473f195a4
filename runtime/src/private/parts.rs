//! What an expansion says of a kfunc beside its function: words, and one value for each type in the signature.

use std::marker::PhantomData;

use super::agree;
use crate::declare::{ArgDecl, Filter, KfuncDecl, KfuncDraft, Place, RetShape, SetDecl, ShimAddr, Tie};
use crate::types::{Carried, Erased, RawTyped, RawValue, RetFamily, Returned};

/// All of a record that is no type.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// INVARIANT 1: flags and tie are those of the function that it is used with.
    place: Place,
    name: &'static str,
    tie: Tie,
    flags: u32,
    doc_tag: &'static str,
    deprecated: &'static str,
    programs: &'static [&'static str],
    sets: &'static [&'static SetDecl],
    filter: Option<Filter>,
}

/// The words that every kfunc has.
///
/// # Safety
/// They are used in the record of one function. The flags agree with its signature, and its result borrows from what the tie says.
pub const unsafe fn words(place: Place, name: &'static str, tie: Tie, flags: u32) -> Words {
    Words { place, name, tie, flags, doc_tag: "", deprecated: "", programs: &[], sets: &[], filter: None }
}

impl Words {
    /// With a doc comment (`doc:` in front of it), and a reason not to use it any more.
    #[must_use]
    pub const fn said(self, doc_tag: &'static str, deprecated: &'static str) -> Self {
        Self { doc_tag, deprecated, ..self }
    }

    /// For these kinds of programs, in these sets, and for whom the filter lets through, if there is one.
    #[track_caller]
    #[must_use]
    pub const fn callers(
        self,
        programs: &'static [&'static str],
        sets: &'static [&'static SetDecl],
        filter: &[Filter],
    ) -> Self {
        let filter = match filter {
            [] => None,
            [filter] => Some(*filter),
            [_, _, ..] => panic!("a kfunc has one filter"),
        };
        Self { programs, sets, filter, ..self }
    }

    pub(super) const fn flags(&self) -> u32 {
        self.flags
    }

    pub(super) const fn draft(&self, args: &'static [ArgDecl], ret: RetShape, shim: ShimAddr) -> KfuncDraft {
        let draft = KfuncDecl::draft(self.place, self.name, args, (ret, self.tie, shim))
            .doc_tag(self.doc_tag)
            .flags(self.flags)
            .sets(self.programs, self.sets)
            .deprecated(self.deprecated);
        match self.filter {
            Some(filter) => draft.filter(filter),
            None => draft,
        }
    }
}

/// A parameter: its name, and the carrier of its type.
#[derive(Debug)]
pub struct Arg<A>(&'static str, PhantomData<fn() -> A>);

/// A parameter of an `unsafe fn`.
#[derive(Debug)]
pub struct RawArg<A>(&'static str, PhantomData<fn() -> A>);

/// A result: its type as written, and the carrier of that type.
#[derive(Debug)]
pub struct Ret<R>(&'static str, PhantomData<fn() -> R>);

/// The result of an `unsafe fn`.
#[derive(Debug)]
pub struct RawRet<R>(&'static str, PhantomData<fn() -> R>);

/// The carrier of a parameter's type. An alias of a projection: where a type has none, that is reported once.
pub type In<T> = <T as Carried>::Out;

/// The carrier of a result that borrows from no parameter.
pub type Fixed<T> = <T as Returned>::Fixed;

/// The carrier of a result that borrows from one.
pub type Tied<T> = <T as Returned>::Tied;

/// The carrier of a raw parameter.
pub type RawIn<T> = <T as RawTyped>::Arg;

/// The carrier of a raw parameter that the runtime fills in.
pub type RawCaller<T> = <T as RawTyped>::Caller;

/// A raw `*mut c_void` that points to a `T`.
pub type RawErased<V, T> = <V as Erased<T>>::Arg;

/// A raw result.
pub type RawOut<T> = <T as RawTyped>::Value;

/// The parameter `name`.
pub const fn arg<A>(name: &'static str) -> Arg<A> {
    Arg(name, PhantomData)
}

/// The parameter `name` of an `unsafe fn`.
pub const fn raw<A>(name: &'static str) -> RawArg<A> {
    RawArg(name, PhantomData)
}

/// The result, whose type is written `spelt`.
pub const fn ret<R>(spelt: &'static str) -> Ret<R> {
    Ret(spelt, PhantomData)
}

/// The result of an `unsafe fn`.
pub const fn raw_ret<R>(spelt: &'static str) -> RawRet<R> {
    RawRet(spelt, PhantomData)
}

impl<A> Arg<A> {
    pub(super) const fn name(&self) -> &'static str {
        self.0
    }
}

impl<A> RawArg<A> {
    pub(super) const fn name(&self) -> &'static str {
        self.0
    }
}

impl<R: RetFamily> Ret<R> {
    /// `acquire` agrees with the result.
    #[must_use]
    #[track_caller]
    pub const fn acquire(self) -> Self {
        agree::acquire(&R::SHAPE, self.0);
        self
    }

    /// `ret_null` agrees with the result.
    #[must_use]
    #[track_caller]
    pub const fn ret_null(self) -> Self {
        agree::ret_null(&R::SHAPE, self.0);
        self
    }

    /// `rcu_protected` agrees with the result.
    #[must_use]
    #[track_caller]
    pub const fn rcu_protected(self) -> Self {
        agree::rcu_protected(&R::SHAPE, self.0);
        self
    }
}

impl<R: RawValue> RawRet<R> {
    /// `acquire` agrees with the result: the kernel lets any function with a pointer hand out what the program then owns.
    #[must_use]
    #[track_caller]
    pub const fn acquire(self) -> Self {
        agree::raw_acquire(&R::RAW, self.0);
        self
    }

    /// `ret_null` agrees with the result.
    #[must_use]
    #[track_caller]
    pub const fn ret_null(self) -> Self {
        agree::raw_ret_null(&R::RAW, self.0);
        self
    }

    /// `rcu_protected` never agrees: nothing in a raw result tells whom RCU protects.
    #[must_use]
    #[track_caller]
    pub const fn rcu_protected(self) -> Self {
        agree::raw_rcu_protected(&R::RAW, self.0);
        self
    }
}
