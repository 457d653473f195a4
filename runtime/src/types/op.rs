//! [`OpArg`] and [`OpRet`]: what the host may pass to an operation, and what it may get back.

use std::mem::MaybeUninit;

use crate::declare::{ArgForm, ArgShape, DemandDecl, RetShape};
use crate::run::Release;
use crate::struct_ops::Handover;

/// A type that an operation may take as a parameter.
#[diagnostic::on_unimplemented(
    message = "an operation cannot take a `{Self}`",
    label = "this cannot be passed to a BPF program",
    note = "operations take numbers, `bool`, `&T`, `&mut T` and `KRef<T>` of types with `#[derive(opswap::Btf)]`, `Option` of these \
            pointers, `&[u8]`, `&u64`, `&[u8; 16]` and their `&mut` forms, and structs of up to 16 bytes with `#[derive(opswap::Pod)]`"
)]
pub trait OpArg: Sized {
    /// Who converts it.
    #[doc(hidden)]
    type Via: EncodeArg<Self>;
}

/// One argument of an operation: a slot of its context or two, and the reference that comes with it.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct OpValue {
    raw: u64,
    second: u64,
    owned: Option<Release>,
}

impl OpValue {
    /// A number, or a pointer that is lent.
    #[inline]
    pub(crate) const fn plain(raw: u64) -> Self {
        Self { raw, second: 0, owned: None }
    }

    /// What may take two slots: a slice from its start to its end, or a value of more than 8 bytes.
    #[inline]
    pub(crate) const fn pair(raw: u64, second: u64) -> Self {
        Self { raw, second, owned: None }
    }

    /// A pointer to an object of which a reference is handed over.
    ///
    /// # Safety
    /// `release(object)` must be sound exactly once, on this thread.
    #[inline]
    pub(crate) const unsafe fn owned(object: usize, release: Release) -> Self {
        Self { raw: object as u64, second: 0, owned: Some(release) }
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

/// All arguments of an operation: a tuple of [`OpArg`]s. Their shapes come from the very types whose values are encoded, and the hash
/// with which the operation is entered comes from the shapes: a call cannot pass what the program was not verified for.
#[doc(hidden)]
pub trait OpArgs: sealed::Tuple {
    /// By argument.
    const SHAPES: &'static [ArgShape];
    /// Two slots an argument, of which the first so many as the shapes ask for are filled in.
    type Slots: AsMut<[MaybeUninit<u64>]>;
    /// What may be handed over, by argument.
    type Given: IntoIterator<Item = Option<Handover>>;

    /// The context.
    fn encode(&mut self) -> (Self::Slots, Self::Given);
}

mod sealed {
    /// Keeps [`super::OpArgs`] in this file.
    pub trait Tuple {}
}

/// Whether a call with such arguments may hand over references.
pub(crate) const fn gives(shapes: &[ArgShape]) -> bool {
    let mut at = 0;
    while at < shapes.len() {
        if matches!(shapes[at].form, ArgForm::Object) && matches!(shapes[at].demand, DemandDecl::Owned) {
            return true;
        }
        at += 1;
    }
    false
}

/// Appends the slots of one argument; gives the reference that comes with it.
#[inline(always)]
fn append(value: OpValue, regs: u8, slots: &mut [MaybeUninit<u64>], at: &mut usize) -> Option<Handover> {
    slots[*at].write(value.raw);
    if regs == 2 {
        slots[*at + 1].write(value.second);
    }
    *at += usize::from(regs);
    let release = value.owned?;
    Some(Handover { object: value.raw as usize, release })
}

macro_rules! tuples {
    ($($count:literal ($($arg:ident $index:tt),*);)*) => {$(
        impl<$($arg: OpArg),*> sealed::Tuple for ($($arg,)*) {}

        impl<$($arg: OpArg),*> OpArgs for ($($arg,)*) {
            const SHAPES: &'static [ArgShape] = &[$(<$arg::Via as EncodeArg<$arg>>::SHAPE),*];
            type Slots = [MaybeUninit<u64>; 2 * $count];
            type Given = [Option<Handover>; $count];

            #[inline(always)]
            fn encode(&mut self) -> (Self::Slots, Self::Given) {
                let mut _slots = [const { MaybeUninit::uninit() }; 2 * $count];
                let mut _at = 0;
                let given = [$({
                    let value = <$arg::Via as EncodeArg<$arg>>::encode(&mut self.$index);
                    append(value, const { <$arg::Via as EncodeArg<$arg>>::SHAPE.regs }, &mut _slots, &mut _at)
                }),*];
                (_slots, given)
            }
        }
    )*};
}

tuples! {
    0 ();
    1 (A 0);
    2 (A 0, B 1);
    3 (A 0, B 1, C 2);
    4 (A 0, B 1, C 2, D 3);
    5 (A 0, B 1, C 2, D 3, E 4);
    6 (A 0, B 1, C 2, D 3, E 4, G 5);
    7 (A 0, B 1, C 2, D 3, E 4, G 5, H 6);
    8 (A 0, B 1, C 2, D 3, E 4, G 5, H 6, I 7);
    9 (A 0, B 1, C 2, D 3, E 4, G 5, H 6, I 7, J 8);
    10 (A 0, B 1, C 2, D 3, E 4, G 5, H 6, I 7, J 8, L 9);
    11 (A 0, B 1, C 2, D 3, E 4, G 5, H 6, I 7, J 8, L 9, M 10);
    12 (A 0, B 1, C 2, D 3, E 4, G 5, H 6, I 7, J 8, L 9, M 10, N 11);
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
