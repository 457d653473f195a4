//! [`Uninit`]: room on the program's stack for an object that a kfunc constructs.

use std::ptr;

use crate::declare::{ArgShape, MemRule};

use super::arg::{Decode, KfuncArg, Raw};

/// Room on the program's stack for a `T`: `Uninit<Dynptr>`, `Uninit<Iter<Seq>>`, `Uninit<IrqFlag>`.
///
/// The program may use the object after the call whatever the kfunc returned. One that is not written is blank: it holds nothing.
#[derive(Debug)]
pub struct Uninit<'a, T> {
    room: &'a mut T,
}

impl<'a, T> Uninit<'a, T> {
    /// Puts an object there.
    pub fn write(self, object: T) -> &'a mut T {
        *self.room = object;
        self.room
    }
}

/// An object that kfuncs construct on the program's stack.
///
/// # Safety
/// `SHAPE` asks for aligned, writable memory of the size of `Self`, which programs neither read nor write until a function that takes
/// the object ends it; a value need not be dropped.
#[diagnostic::on_unimplemented(
    message = "a kfunc cannot construct a `{Self}` on a program's stack",
    label = "programs have no room for this",
    note = "`Dynptr`, `IrqFlag` and `Iter<T>` can be constructed there"
)]
pub unsafe trait OnStack: Sized + 'static {
    /// What the object demands, for one that is initialised.
    #[doc(hidden)]
    const SHAPE: ArgShape;
    /// One that holds nothing.
    ///
    /// # Safety
    /// It is written to a program's stack: a value that the host keeps could be exchanged with a program's, which would outlive it.
    #[doc(hidden)]
    unsafe fn blank() -> Self;
}

/// Carrier of rooms.
#[doc(hidden)]
pub enum ViaUninit {}

impl<T: OnStack> KfuncArg for Uninit<'_, T> {
    type Via = ViaUninit;
    type At<'x> = Uninit<'x, T>;
}

/// The same shape with another use of the memory.
pub(super) const fn used(mut shape: ArgShape, mem: MemRule) -> ArgShape {
    shape.mem = mem;
    shape
}

/// A pointer to a `T`, or the register's value when it is none.
pub(super) fn aligned<T>(raw: Raw<'_>) -> Result<*mut T, u64> {
    let pointer = ptr::with_exposed_provenance_mut::<T>(raw.first as usize);
    if pointer.is_aligned() && !pointer.is_null() { Ok(pointer) } else { Err(raw.first) }
}

// SAFETY: the shape asks for writable memory of that size; a blank object is written before anybody looks.
unsafe impl<'a, T: OnStack> Decode<Uninit<'a, T>> for ViaUninit {
    const SHAPE: ArgShape = used(T::SHAPE, MemRule::Uninit);

    unsafe fn decode(raw: Raw<'_>) -> Result<Uninit<'a, T>, u64> {
        let room = aligned::<T>(raw)?;
        // SAFETY: it is written to the program's stack on the next line.
        let blank = unsafe { T::blank() };
        // SAFETY: aligned, and the shape asks for so many writable bytes on the program's stack; what was there is not a value.
        unsafe { room.write(blank) };
        // SAFETY: just written; no other argument overlaps it: the shim checks that.
        Ok(Uninit { room: unsafe { &mut *room } })
    }
}
