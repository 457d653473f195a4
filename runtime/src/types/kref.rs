//! [`KRef`]: a counted reference to a host object, owned by whoever holds it.

use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

/// An owned reference to a shared host object, counted as [`Arc`] counts.
///
/// Unlike an `Arc` it is a plain pointer to the object itself, so programs can follow it when it stands in a struct. A kfunc that
/// returns one hands a reference to the program, which must give it back; a kfunc that takes one by value gets it back.
///
/// Programs hold objects by their addresses, so one without bytes cannot be handed to them:
///
/// ```compile_fail,E0080
/// use opswap::{Btf, KRef, kfunc};
///
/// #[derive(Btf)]
/// #[repr(C)]
/// struct Token {}
///
/// #[kfunc]
/// fn token() -> KRef<Token> {
///     KRef::new(Token {})
/// }
/// # fn main() {}
/// ```
#[repr(transparent)]
pub struct KRef<T> {
    /// # Invariants
    /// 1. It came from `Arc::<T>::into_raw`, and this value owns the one reference that that call gave away.
    object: NonNull<T>,
}

// SAFETY: a `KRef<T>` is an `Arc<T>` in another form (invariant 1), and `Arc<T>: Send` under the same bounds.
unsafe impl<T: Send + Sync> Send for KRef<T> {}
// SAFETY: as for `Send`: `Arc<T>: Sync` under the same bounds.
unsafe impl<T: Send + Sync> Sync for KRef<T> {}

impl<T> KRef<T> {
    /// Moves an object to the heap, with one reference to it.
    pub fn new(object: T) -> Self {
        Self::from(Arc::new(object))
    }

    /// The same reference as an `Arc`.
    pub fn into_arc(self) -> Arc<T> {
        let object = self.object;
        std::mem::forget(self);
        // SAFETY: by invariant 1 the pointer came from `Arc::into_raw`; `forget` gave its reference up to us.
        unsafe { Arc::from_raw(object.as_ptr()) }
    }

    /// Whether two references are to the same object.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        self.object == other.object
    }

    /// Gives the reference up as an address.
    pub(crate) fn into_raw(self) -> NonNull<T> {
        const {
            assert!(
                size_of::<T>() != 0,
                "an object without bytes has no address of its own, by which a program could hold it: give its type a member"
            );
        }
        let object = self.object;
        std::mem::forget(self);
        object
    }

    /// Takes a reference back.
    ///
    /// # Safety
    /// `object` came from [`KRef::into_raw`], and its reference has not been taken back since.
    pub(crate) unsafe fn from_raw(object: NonNull<T>) -> Self {
        Self { object }
    }

    /// Drops the reference at an address: the ledger's way to release what a program still owns.
    ///
    /// # Safety
    /// As for [`KRef::from_raw`], with the address of what `into_raw` gave, exposed.
    pub(crate) unsafe fn release(object: usize) {
        if let Some(object) = NonNull::new(std::ptr::with_exposed_provenance_mut::<T>(object)) {
            // SAFETY: the caller's promise is `from_raw`'s.
            drop(unsafe { Self::from_raw(object) });
        }
    }
}

impl<T> From<Arc<T>> for KRef<T> {
    fn from(object: Arc<T>) -> Self {
        // `into_raw` never gives NULL, but says so only in prose.
        let object = NonNull::new(Arc::into_raw(object).cast_mut()).expect("an Arc points somewhere");
        Self { object }
    }
}

impl<T> From<KRef<T>> for Arc<T> {
    fn from(object: KRef<T>) -> Self {
        object.into_arc()
    }
}

impl<T> Deref for KRef<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: by invariant 1 we own a reference, so the object is alive as long as `self`, and only shared.
        unsafe { self.object.as_ref() }
    }
}

impl<T> Clone for KRef<T> {
    fn clone(&self) -> Self {
        // SAFETY: by invariant 1 the pointer came from `Arc::into_raw` and its count is at least 1; the new value owns the new
        // reference.
        unsafe { Arc::increment_strong_count(self.object.as_ptr()) };
        Self { object: self.object }
    }
}

impl<T> Drop for KRef<T> {
    fn drop(&mut self) {
        // SAFETY: by invariant 1 we own one reference, given up here and nowhere else: `into_raw` forgets `self`.
        unsafe { Arc::decrement_strong_count(self.object.as_ptr()) };
    }
}

impl<T: fmt::Debug> fmt::Debug for KRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::KRef;
    use std::sync::Arc;

    #[test]
    fn references_are_counted() {
        let object = Arc::new(7_u32);
        let first = KRef::from(Arc::clone(&object));
        let second = first.clone();
        assert_eq!((*second, Arc::strong_count(&object)), (7, 3));
        assert!(first.ptr_eq(&second));
        drop(first);
        let back = second.into_arc();
        assert_eq!(Arc::strong_count(&back), 2);
    }

    #[test]
    fn an_optional_reference_is_one_pointer() {
        assert_eq!(size_of::<Option<KRef<u32>>>(), size_of::<usize>());
    }
}
