//! [`Rcu`]: a pointer that an RCU read-side section keeps valid.

use std::ops::Deref;

use crate::declare::{ArgShape, DemandDecl, RetForm, RetShape, TrustDecl};
use crate::run::Run;

use super::arg::{Decode, KfuncArg, Raw};
use super::btf::BtfObject;
use super::pointee::Pointee;
use super::ret::{Encode, KfuncRet};

/// A shared reference that is valid within the program's RCU read-side section: weaker than `&T` as a demand, and as a promise.
#[derive(Debug)]
#[repr(transparent)]
pub struct Rcu<'a, T>(&'a T);

impl<'a, T> Rcu<'a, T> {
    /// Promises an object for the rest of the section.
    pub fn new(object: &'a T) -> Self {
        Self(object)
    }
}

impl<T> Clone for Rcu<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Rcu<'_, T> {}

impl<T> Deref for Rcu<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0
    }
}

/// Carrier of RCU-protected references.
#[doc(hidden)]
pub enum ViaRcu {}

impl<T: BtfObject> KfuncArg for Rcu<'_, T> {
    type Via = ViaRcu;
    type At<'x> = Rcu<'x, T>;
}

// SAFETY: the shape asks for a pointer to a `T` that is trusted or RCU-protected: alive for the whole call in either case.
unsafe impl<'a, T: BtfObject> Decode<Rcu<'a, T>> for ViaRcu {
    const SHAPE: ArgShape = {
        let mut shape = T::SHARED;
        shape.demand = DemandDecl::Rcu;
        shape
    };

    unsafe fn decode(raw: Raw<'_>) -> Result<Rcu<'a, T>, u64> {
        // SAFETY: a live `T`, as `Pointee::shared` asks.
        unsafe { T::shared(raw) }.map(Rcu)
    }
}

impl<T: BtfObject> KfuncRet for Rcu<'_, T> {
    type Via = ViaRcu;
    type At<'x> = Rcu<'x, T>;
}

const fn returned<T: BtfObject>() -> RetShape {
    let mut shape = RetShape::new(RetForm::Object, T::EXPR);
    shape.trust = TrustDecl::Rcu;
    shape
}

// SAFETY: a live object; the verifier gives the pointer up at the end of the section. A section of this runtime ends no later than
// the run, and the lifetime is that of an argument.
unsafe impl<'a, T: BtfObject> Encode<Rcu<'a, T>> for ViaRcu {
    const SHAPE: RetShape = returned::<T>();

    fn encode(value: Rcu<'a, T>, _run: &Run<'_>) -> u64 {
        std::ptr::from_ref(value.0).expose_provenance() as u64
    }
}

impl<T: BtfObject> KfuncRet for Option<Rcu<'_, T>> {
    type Via = ViaRcu;
    type At<'x> = Option<Rcu<'x, T>>;
}

// SAFETY: as without `Option`, or NULL.
unsafe impl<'a, T: BtfObject> Encode<Option<Rcu<'a, T>>> for ViaRcu {
    const SHAPE: RetShape = returned::<T>().nullable();

    fn encode(value: Option<Rcu<'a, T>>, run: &Run<'_>) -> u64 {
        value.map_or(0, |value| <Self as Encode<Rcu<'a, T>>>::encode(value, run))
    }
}
