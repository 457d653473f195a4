//! [`OpArg`] and [`OpRet`]: what the host may pass to an operation, and what it may get back.

use crate::declare::{ArgShape, RetShape};
use crate::run::Release;

/// A type that an operation may take as a parameter.
#[diagnostic::on_unimplemented(
    message = "an operation cannot take a `{Self}`",
    label = "this cannot be passed to a BPF program",
    note = "operations take numbers, `bool`, `&T`, `&mut T` and `KRef<T>` of types with `#[derive(opswap::Btf)]`, and `Option` of \
            these pointers"
)]
pub trait OpArg: Sized {
    /// Who converts it.
    #[doc(hidden)]
    type Via: EncodeArg<Self>;
}

/// One slot of an operation's context, and the reference that comes with it.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct OpValue {
    raw: u64,
    owned: Option<Release>,
}

impl OpValue {
    /// A number, or a pointer that is lent.
    #[inline]
    pub(crate) const fn plain(raw: u64) -> Self {
        Self { raw, owned: None }
    }

    /// A pointer to an object of which a reference is handed over.
    ///
    /// # Safety
    /// `release(object)` must be sound exactly once, on this thread.
    #[inline]
    pub(crate) const unsafe fn owned(object: usize, release: Release) -> Self {
        Self { raw: object as u64, owned: Some(release) }
    }

    /// What the program reads from the slot.
    #[inline]
    pub(crate) const fn raw(&self) -> u64 {
        self.raw
    }

    /// The reference that comes with it.
    #[inline]
    pub(crate) const fn handover(&self) -> Option<Release> {
        self.owned
    }
}

/// Converts a `T` to a slot.
///
/// # Safety
/// What `encode` returns is what `SHAPE` promises, until the call is over.
#[doc(hidden)]
pub unsafe trait EncodeArg<T> {
    /// What the verifier may rely on.
    const SHAPE: ArgShape;

    /// The slot. The caller keeps the value for the native implementation, in case the program fails: pointers are lent, and of an
    /// owned reference a second one is handed over.
    fn encode(value: &mut T) -> OpValue;
}

/// A type that an operation may return.
#[diagnostic::on_unimplemented(
    message = "an operation cannot return a `{Self}`",
    label = "this cannot come from a BPF program",
    note = "operations return numbers, `bool`, `()`, `KRef<T>` and `Option<KRef<T>>`"
)]
pub trait OpRet: Sized {
    /// Who converts it.
    #[doc(hidden)]
    type Via: DecodeRet<Self>;
}

/// Converts `R0` at a program's exit to a `T`.
///
/// # Safety
/// For every value that `SHAPE` allows, `decode` is sound.
#[doc(hidden)]
pub unsafe trait DecodeRet<T> {
    /// What the verifier demands.
    const SHAPE: RetShape;

    /// The value, or the number that is none.
    ///
    /// # Errors
    /// The register's value, when it is no value of `T`.
    ///
    /// # Safety
    /// `raw` is what `SHAPE` demands; if that is an owned reference, it has been taken out of the run's ledger for the caller.
    unsafe fn decode(raw: u64) -> Result<T, u64>;
}

impl OpRet for () {
    type Via = super::ret::ViaUnit;
}

// SAFETY: the register is not looked at.
unsafe impl DecodeRet<()> for super::ret::ViaUnit {
    const SHAPE: RetShape = <Self as super::ret::Encode<()>>::SHAPE;

    unsafe fn decode(_raw: u64) -> Result<(), u64> {
        Ok(())
    }
}
