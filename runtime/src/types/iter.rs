//! [`Iter`]: an iterator's state on the program's stack, by hand.

use std::ops::{Deref, DerefMut};

use crate::declare::{ArgForm, ArgShape, MemRule};

use super::arg::Raw;
use super::btf::BtfObject;
use super::pointee::{Pointee, PointeeMut};
use super::uninit::{OnStack, aligned, used};

/// Most bytes of a state: a program's whole stack.
const MAX_BYTES: usize = 512;

/// The state of an iterator, on the program's stack. Programs cannot look into it.
///
/// Three kfuncs make an iterator: `bpf_iter_NAME_new` (`iter_new`) takes an `Uninit<Iter<T>>` and what it likes, `bpf_iter_NAME_next`
/// (`iter_next`) a `&mut Iter<T>` and gives an `Option` of a reference, `bpf_iter_NAME_destroy` (`iter_destroy`) a `&mut Iter<T>`. `T`
/// derives `Btf` under the name `bpf_iter_NAME`. A blank state is `T::default()`: `next` must give `None` for it. Other kfuncs may
/// look at the state as `&Iter<T>`.
///
/// A run that ends early forgets its states, so a `T` that must be dropped does not compile: use `#[kfunc_iter]` for these.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Iter<T>(T);

impl<T> Iter<T> {
    /// An iterator in this state.
    pub const fn new(state: T) -> Self {
        Self(state)
    }
}

impl<T> Deref for Iter<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Iter<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

const fn state<T: BtfObject>() -> ArgShape {
    let bytes = size_of::<T>();
    assert!(
        bytes > 0 && bytes.is_multiple_of(8) && bytes <= MAX_BYTES,
        "an iterator's state has a multiple of 8 bytes, at most 512"
    );
    assert!(
        align_of::<T>() <= 8,
        "an iterator's state is aligned to 8 bytes at most: programs' stacks are no better"
    );
    assert!(
        !std::mem::needs_drop::<T>(),
        "an iterator's state is not dropped when a run ends early: use `#[kfunc_iter]` for a state that owns something"
    );
    let mut shape = ArgShape::new(ArgForm::Iter, T::EXPR);
    #[expect(clippy::cast_possible_truncation, reason = "at most 512")]
    {
        shape.bytes = bytes as u32;
    }
    shape
}

// SAFETY: the verifier keeps programs from the bytes of an iterator's state until its `destroy`; size, alignment and that it is never
// dropped are asserted.
unsafe impl<T: BtfObject + Default> OnStack for Iter<T> {
    const SHAPE: ArgShape = state::<T>();

    unsafe fn blank() -> Self {
        Self::default()
    }
}

// SAFETY: the shape asks for an initialised state of this type, which only functions that take a `T` have written.
unsafe impl<T: BtfObject + Default> Pointee for Iter<T> {
    const SHARED: ArgShape = used(<Self as OnStack>::SHAPE, MemRule::Read);

    unsafe fn shared<'a>(raw: Raw<'_>) -> Result<&'a Self, u64> {
        let state = aligned::<Self>(raw)?;
        // SAFETY: aligned, and an initialised state.
        Ok(unsafe { &*state })
    }
}

// SAFETY: as for `Pointee`, and nothing else reaches a program's stack during the call.
unsafe impl<T: BtfObject + Default> PointeeMut for Iter<T> {
    const EXCLUSIVE: ArgShape = used(<Self as OnStack>::SHAPE, MemRule::ReadWrite);

    unsafe fn exclusive<'a>(raw: Raw<'_>) -> Result<&'a mut Self, u64> {
        let state = aligned::<Self>(raw)?;
        // SAFETY: as for `shared`, and no other argument overlaps it: the shim checks that.
        Ok(unsafe { &mut *state })
    }
}
