//! Rust iterators on the program's stack: what `#[kfunc_iter]` makes three kfuncs of.
//!
//! An iterator that is small and need not be dropped lies in the state itself. Any other lies in a box, the state holds its address,
//! and the run's ledger knows of it: a run that ends early drops it.

use std::any::type_name;
use std::mem::needs_drop;
use std::ptr;

use crate::declare::{ArgForm, ArgShape, MemRule};
use crate::error::RunError;
use crate::run::Run;

use super::arg::{Decode, KfuncArg, Raw};
use super::btf::BtfObject;
use super::errno::Errno;
use super::kref::KRef;
use super::lent::Lent;
use super::uninit::{aligned, used};

/// Most bytes of an iterator in the state itself.
const IN_PLACE_BYTES: usize = 64;

/// Something that an iterator may give to a program, which sees it by reference until the iterator goes on.
#[diagnostic::on_unimplemented(
    message = "an iterator for programs cannot give a `{Self}`",
    label = "no BPF program can look at this",
    note = "iterators give numbers, and `&'static T`, `KRef<T>` or `Box<T>` of types with `#[derive(opswap::Btf)]`"
)]
pub trait IterItem: Sized + 'static {
    /// What the program sees.
    #[doc(hidden)]
    type Lent: Lent;
    /// The reference for the program.
    #[doc(hidden)]
    fn lend(&self) -> &Self::Lent;
}

macro_rules! numbers {
    ($($ty:ty),*) => {$(
        impl IterItem for $ty {
            type Lent = $ty;

            fn lend(&self) -> &$ty {
                self
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl<T: BtfObject> IterItem for &'static T {
    type Lent = T;

    fn lend(&self) -> &T {
        self
    }
}

impl<T: BtfObject> IterItem for KRef<T> {
    type Lent = T;

    fn lend(&self) -> &T {
        self
    }
}

impl<T: BtfObject> IterItem for Box<T> {
    type Lent = T;

    fn lend(&self) -> &T {
        self
    }
}

/// An iterator under way.
struct Running<I: Iterator> {
    iterator: I,
    ended: Ended,
    /// What the program may look at.
    item: Option<I::Item>,
}

/// Whether an iterator has come to its end: it is not asked again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    No,
    Yes,
}

const fn in_place<I: Iterator>() -> bool {
    !needs_drop::<Running<I>>() && align_of::<Running<I>>() <= 8 && size_of::<Running<I>>() <= IN_PLACE_BYTES
}

/// Words of the state: whether there is an iterator (or where), and the iterator if it fits.
pub const fn iter_words<I: Iterator>() -> usize {
    if in_place::<I>() { 1 + size_of::<Running<I>>().div_ceil(8) } else { 1 }
}

/// The struct that stands on a program's stack for an iterator.
///
/// # Safety
/// It is `#[repr(C)]` with one field of type `[u64; iter_words::<Self::Of>()]`, all zero by default, and no function but those of
/// [`IterRoom`] and [`IterState`] has to do with it.
pub unsafe trait IterSlot: BtfObject + Default {
    /// The iterator.
    type Of: Iterator<Item: IterItem> + 'static;
}

/// Room for an iterator.
#[derive(Debug)]
pub struct IterRoom<'a, S>(IterState<'a, S>);

/// An iterator on the program's stack.
pub struct IterState<'a, S> {
    /// # Invariants
    /// 1. The first word is 0; or 1 and a `Running<S::Of>` follows, if it fits in place; or what `Box::into_raw` gave for one, which
    ///    is owned here and stands in the run's ledger.
    slot: &'a mut S,
    run: &'a Run<'a>,
}

impl<S> std::fmt::Debug for IterState<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IterState").finish_non_exhaustive()
    }
}

impl<S: IterSlot> IterRoom<'_, S> {
    /// Puts an iterator there. Gives 0, as the kernel's functions do on success.
    pub fn start(self, iterator: S::Of) -> i32 {
        let Self(state) = self;
        let running = Running { iterator, ended: Ended::No, item: None };
        let words = ptr::from_mut(state.slot).cast::<u64>();
        if const { in_place::<S::Of>() } {
            // SAFETY: the slot has `iter_words` words, which is room for it behind the first; alignment is at most 8.
            unsafe { words.wrapping_add(1).cast::<Running<S::Of>>().write(running) };
            // SAFETY: the first word of the slot.
            unsafe { words.write(1) };
        } else {
            let address = Box::into_raw(Box::new(running)).expose_provenance();
            // SAFETY: the box was given up on the line above; it is dropped once: by the ledger, or by whoever takes the entry out.
            unsafe { state.run.own(address, drop_boxed::<S::Of>) };
            // SAFETY: the first word of the slot.
            unsafe { words.write(address as u64) };
        }
        0
    }
}

impl<S> IterRoom<'_, S> {
    /// Leaves a blank iterator there, which is at its end. Gives the negated error number.
    pub fn fail(self, error: Errno) -> i32 {
        -i32::from(error.number())
    }
}

/// # Safety
/// `address` is what `Box::into_raw` gave for a `Running<I>`, once.
unsafe fn drop_boxed<I: Iterator>(address: usize) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(ptr::with_exposed_provenance_mut::<Running<I>>(address)) });
}

impl<'a, S: IterSlot> IterState<'a, S> {
    fn first(&mut self) -> &mut u64 {
        // SAFETY: the slot begins with a word, by `IterSlot`.
        unsafe { &mut *ptr::from_mut(self.slot).cast::<u64>() }
    }

    /// The next item; each takes one of the run's loop turns.
    pub fn advance(mut self) -> Option<&'a <<S::Of as Iterator>::Item as IterItem>::Lent> {
        let first = *self.first();
        if first == 0 {
            return None;
        }
        if !self.run.take_turn() {
            self.run.abort(RunError::EndlessIterator { iterator: type_name::<S::Of>().to_owned() });
            return None;
        }
        let running: *mut Running<S::Of> = if const { in_place::<S::Of>() } {
            ptr::from_mut(self.slot).cast::<u64>().wrapping_add(1).cast()
        } else {
            ptr::with_exposed_provenance_mut(first as usize)
        };
        // SAFETY: invariant 1, and the program gave the state to this call alone.
        let running: &'a mut Running<S::Of> = unsafe { &mut *running };
        // First of all: what the iterator does may depend on who holds the item before.
        running.item = None;
        if running.ended == Ended::Yes {
            return None;
        }
        running.item = running.iterator.next();
        if running.item.is_none() {
            running.ended = Ended::Yes;
        }
        running.item.as_ref().map(IterItem::lend)
    }

    /// Drops the iterator.
    pub fn end(mut self) {
        let first = std::mem::take(self.first());
        if first == 0 || const { in_place::<S::Of>() } {
            return;
        }
        assert!(self.run.disown(first as usize), "the run has no such iterator");
        // SAFETY: by invariant 1 the box is ours; its entry has just left the ledger, and the state forgot it before.
        unsafe { drop_boxed::<S::Of>(first as usize) };
    }
}

/// Carrier of iterators on the stack.
#[doc(hidden)]
pub enum ViaState {}

const fn shape<S: IterSlot>(mem: MemRule) -> ArgShape {
    assert!(size_of::<S>() == 8 * iter_words::<S::Of>() && align_of::<S>() == 8);
    let mut shape = ArgShape::new(ArgForm::Iter, S::EXPR);
    #[expect(clippy::cast_possible_truncation, reason = "a few words")]
    {
        shape.bytes = size_of::<S>() as u32;
    }
    used(shape, mem)
}

impl<S: IterSlot> KfuncArg for IterRoom<'_, S> {
    type Via = ViaState;
    type At<'x> = IterRoom<'x, S>;
}

impl<S: IterSlot> KfuncArg for IterState<'_, S> {
    type Via = ViaState;
    type At<'x> = IterState<'x, S>;
}

/// # Safety
/// `'a` is at most the call, and `slot` points to an `S` that nothing else reaches.
unsafe fn state<'a, S>(slot: *mut S, raw: Raw<'_>) -> IterState<'a, S> {
    let run = ptr::from_ref(raw.run).cast::<Run<'a>>();
    // SAFETY: the run outlives the call and is only ever shared.
    let run = unsafe { &*run };
    // SAFETY: the caller's promise.
    let slot = unsafe { &mut *slot };
    IterState { slot, run }
}

// SAFETY: the shape asks for room of that size; it is made blank before anybody looks.
unsafe impl<'a, S: IterSlot> Decode<IterRoom<'a, S>> for ViaState {
    const SHAPE: ArgShape = shape::<S>(MemRule::Uninit);

    unsafe fn decode(raw: Raw<'_>) -> Result<IterRoom<'a, S>, u64> {
        let slot = aligned::<S>(raw)?;
        // SAFETY: aligned, and the shape asks for so many writable bytes.
        unsafe { slot.write(S::default()) };
        // SAFETY: as above.
        Ok(IterRoom(unsafe { state(slot, raw) }))
    }
}

// SAFETY: the shape asks for an initialised state of this type, which only `IterRoom::start` has written.
unsafe impl<'a, S: IterSlot> Decode<IterState<'a, S>> for ViaState {
    const SHAPE: ArgShape = shape::<S>(MemRule::ReadWrite);

    unsafe fn decode(raw: Raw<'_>) -> Result<IterState<'a, S>, u64> {
        let slot = aligned::<S>(raw)?;
        // SAFETY: aligned, an initialised state; the verifier lends it to this call alone.
        Ok(unsafe { state(slot, raw) })
    }
}
