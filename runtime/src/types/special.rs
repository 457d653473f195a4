//! Parameters that stand for something of the runtime's: [`CallSite`], [`Map`] and [`MapOf`], [`KptrSlot`].

use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::declare::{ArgForm, ArgShape, TypeExpr};
use crate::maps::Map;
use crate::run::CallSite;

use super::arg::Raw;
use super::btf::BtfObject;
use super::kref::KRef;
use super::pod::Pod;
use super::pointee::Pointee;

// SAFETY: the shape asks for no register; the run itself knows its program.
unsafe impl Pointee for CallSite {
    const SHARED: ArgShape = {
        let mut shape = ArgShape::new(ArgForm::Implicit, TypeExpr::VOID);
        shape.regs = 0;
        shape
    };

    unsafe fn shared<'a>(raw: Raw<'_>) -> Result<&'a Self, u64> {
        let site = ptr::from_ref(raw.run.call_site());
        // SAFETY: the program is alive during its run, and `'a` is at most the call, by the caller's promise.
        Ok(unsafe { &*site })
    }
}

// SAFETY: the shape asks for a map, which programs know by the address of the runtime's own.
unsafe impl Pointee for Map {
    const SHARED: ArgShape = ArgShape::new(ArgForm::Map, TypeExpr::VOID);

    unsafe fn shared<'a>(raw: Raw<'_>) -> Result<&'a Self, u64> {
        let map = ptr::with_exposed_provenance::<Self>(raw.first as usize);
        // SAFETY: the shape asks for a map of the program, which keeps it alive.
        Ok(unsafe { &*map })
    }
}

/// A map with keys like `K` and values like `V`: `&MapOf<u32, u64>` as a parameter accepts maps of these sizes.
#[repr(transparent)]
pub struct MapOf<K, V> {
    map: Map,
    _types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Deref for MapOf<K, V> {
    type Target = Map;

    fn deref(&self) -> &Map {
        &self.map
    }
}

// SAFETY: as for `Map`, with a further demand; `repr(transparent)`.
unsafe impl<K: Pod, V: Pod> Pointee for MapOf<K, V> {
    const SHARED: ArgShape = {
        assert!(
            size_of::<K>() <= 512 && size_of::<V>() <= 1 << 20,
            "keys have at most 512 bytes, values at most 1 MiB"
        );
        let mut shape = ArgShape::new(ArgForm::Map, TypeExpr::VOID);
        #[expect(clippy::cast_possible_truncation, reason = "checked above")]
        {
            (shape.bytes, shape.bytes2) = (size_of::<K>() as u32, size_of::<V>() as u32);
        }
        shape
    };

    unsafe fn shared<'a>(raw: Raw<'_>) -> Result<&'a Self, u64> {
        let map = ptr::with_exposed_provenance::<Self>(raw.first as usize);
        // SAFETY: the shape asks for a map of the program, which keeps it alive; a `MapOf` is a `Map`.
        Ok(unsafe { &*map })
    }
}

/// A place in a map value that owns a reference to a `T`, or is empty: a referenced kptr. Programs exchange what is in it, and so
/// can a kfunc that is given the place.
#[derive(Debug)]
#[repr(transparent)]
pub struct KptrSlot<T> {
    /// # Invariants
    /// 1. NULL, or what [`KRef::into_raw`] gave; the slot owns that reference, and whoever swaps it out takes it over.
    object: AtomicPtr<T>,
}

impl<T: BtfObject + Send + Sync> KptrSlot<T> {
    /// Puts `new` into the slot and gives back what was there.
    pub fn exchange(&self, new: Option<KRef<T>>) -> Option<KRef<T>> {
        let new = new.map_or(ptr::null_mut(), |new| {
            let object = new.into_raw().as_ptr();
            // The next owner may be a program, which hands the address back as a number.
            object.expose_provenance();
            object
        });
        let old = self.object.swap(new, Ordering::AcqRel);
        // SAFETY: by invariant 1 a pointer from the slot is `into_raw`'s, and the swap made its reference ours.
        NonNull::new(old).map(|old| unsafe { KRef::from_raw(old) })
    }

    /// Takes what is in the slot.
    pub fn take(&self) -> Option<KRef<T>> {
        self.exchange(None)
    }
}

// SAFETY: the shape asks for the address of a referenced kptr to a `T` in a map value. Map values lie at multiples of 8, kptr fields
// too, and every access to them is atomic.
unsafe impl<T: BtfObject + Send + Sync> Pointee for KptrSlot<T> {
    const SHARED: ArgShape = ArgShape::new(ArgForm::KptrSlot, T::EXPR);

    unsafe fn shared<'a>(raw: Raw<'_>) -> Result<&'a Self, u64> {
        let slot = ptr::with_exposed_provenance::<Self>(raw.first as usize);
        // SAFETY: the shape asks for a slot in a map value, which lives as long as the program's map.
        Ok(unsafe { &*slot })
    }
}
