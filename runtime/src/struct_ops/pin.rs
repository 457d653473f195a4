//! [`PinGuard`]: a slot held at one version, and [`OpEntry`]: the way from a typed wrapper into a compiled program.
//!
//! What is safe here is safe for the wrappers that `#[struct_ops]` generates: they build the argument array from the operation's
//! own Rust types and pass the hash of its prototype, which [`OpEntry::call`] compares with the one in front of the code.

use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use opswap_bpf::OpIdx;

use super::hazard::{CellIdx, Nesting, Reader};
use super::slot::{SlotCore, SlotInner};
use super::table::{StructOpsType, TableView};
use super::version::{OpCell, Version, VersionRecord};
use crate::enter::{self, Entry};
use crate::error::RunError;
use crate::run::{Release, Run};

/// A slot held at one version: calls through it all go to that version.
#[derive(Debug)]
pub struct PinGuard<'a, T: StructOpsType> {
    slot: &'a SlotInner<T>,
    /// INVARIANT 1: alive as long as the guard. `cell` protects it, or without one the guard owns a reference from
    /// `Arc::into_raw`.
    version: *const Version,
    /// The thread's reader.
    reader: &'static Reader,
    /// Its cell; `None` when all were taken.
    cell: Option<CellIdx>,
    /// Hazards belong to a thread.
    _thread: PhantomData<*const ()>,
}

/// The program ended early; the native implementation has to answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Faulted;

/// A reference that the wrapper hands to the program as an argument.
#[derive(Clone, Copy, Debug)]
pub struct Handover {
    pub(crate) object: usize,
    /// INVARIANT 3: sound to call once with `object` on this thread; the wrapper has given the reference up.
    pub(crate) release: Release,
}

/// What an operation returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Returns {
    /// A number, or nothing.
    Value,
    /// A reference that the wrapper takes over, or null.
    Owned,
}

impl<'a, T: StructOpsType> PinGuard<'a, T> {
    #[inline(always)]
    pub(super) fn new(slot: &'a SlotInner<T>) -> Self {
        let reader = Reader::current();
        match reader.protect(slot.core.current()) {
            Some((cell, version)) => Self { slot, version, reader, cell: Some(cell), _thread: PhantomData },
            None => Self::counted(slot, reader),
        }
    }

    #[cold]
    fn counted(slot: &'a SlotInner<T>, reader: &'static Reader) -> Self {
        let version = Arc::into_raw(slot.core.share_current());
        Self { slot, version, reader, cell: None, _thread: PhantomData }
    }

    #[inline(always)]
    fn version(&self) -> &Version {
        // SAFETY: INVARIANT 1. A cell protects the version until `let_go`, which only `drop` calls, and so does a reference.
        // Versions are only shared.
        unsafe { &*self.version }
    }

    /// The native implementation.
    #[inline]
    pub fn native(&self) -> &T {
        &self.slot.native
    }

    /// Counts a call of `op`: the program that answers it, or `None` when the native implementation does.
    #[inline(always)]
    pub fn program(&self, op: OpIdx) -> Option<OpEntry<'_>> {
        let version = self.version();
        let (cell, code) = version.enter(op.index(), self.reader)?;
        Some(OpEntry { core: &self.slot.core, version, cell, code, reader: self.reader })
    }

    /// Whether the pinned version is the slot's current one. No other version can have its address: this one is alive.
    #[inline]
    pub(super) fn is_current(&self) -> bool {
        std::ptr::eq(self.slot.core.current().load(Ordering::Relaxed), self.version)
    }

    /// The table that the attached object fills in; `None` when the native default is attached.
    pub(super) fn table(&self) -> Option<TableView<'_>> {
        self.version().image().map(|image| image.view())
    }

    /// The pinned version's name and calls.
    pub(super) fn record(&self) -> VersionRecord {
        self.version().record()
    }
}

impl<T: StructOpsType> Drop for PinGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        match self.cell {
            Some(cell) => self.reader.let_go(cell),
            None => drop_counted(self.version),
        }
    }
}

/// Gives up the reference of a guard without a cell.
#[cold]
fn drop_counted(version: *const Version) {
    // SAFETY: by INVARIANT 1 the guard, which is being dropped, owns this reference from `Arc::into_raw`.
    drop(unsafe { Arc::from_raw(version) });
}

/// A compiled operation of the pinned version.
#[derive(Clone, Copy, Debug)]
pub struct OpEntry<'g> {
    core: &'g SlotCore,
    version: &'g Version,
    cell: &'g OpCell,
    /// INVARIANT 2: an entry of `cell`'s program.
    code: *const u8,
    reader: &'static Reader,
}

impl OpEntry<'_> {
    /// Calls the program with `args` as its context, for operations that take no reference and return a number or nothing.
    ///
    /// # Errors
    /// The program did not run to its end (or, if the hash is not the entry's, not at all). What it owned was released, the
    /// table was ejected from the slot, and [`Link::fault`](super::Link::fault) tells why.
    #[inline(always)]
    pub(crate) fn call(&self, hash: u32, args: &mut [MaybeUninit<u64>]) -> Result<u64, Faulted> {
        // A clean run owns nothing and has nothing on the heap: its drop is skipped.
        let run = ManuallyDrop::new(Run::new(self.cell.program()));
        let value = self.enter(&run, hash, args);
        if run.is_clean() { Ok(value) } else { Err(failed(self.core, self.version, &run)) }
    }

    /// Like [`call`](Self::call), for operations that are given references or return one.
    ///
    /// # Errors
    /// As for `call`. References in `given` that the program had not passed on were released.
    #[inline]
    pub(crate) fn call_with(
        &self,
        hash: u32,
        args: &mut [MaybeUninit<u64>],
        given: impl IntoIterator<Item = Option<Handover>>,
        returns: Returns,
    ) -> Result<u64, Faulted> {
        let hand_over = |run: &Run<'_>| {
            for handover in given.into_iter().flatten() {
                // SAFETY: INVARIANT 3.
                unsafe { run.own(handover.object, handover.release) };
            }
        };
        let take_over = |value: u64, run: &Run<'_>| match returns {
            Returns::Owned if value != 0 && !run.disown(value as usize) => Err(value),
            Returns::Owned | Returns::Value => Ok(value),
        };
        self.call_in(hash, args, hand_over, take_over)
    }

    /// Like [`call`](Self::call), for every operation: `prepare` enters into the run what is handed over with `args`, `decode`
    /// makes the result of `R0` and takes out of the run what is handed back, or gives the number that is no value of `R`.
    ///
    /// # Errors
    /// As for `call`; or `R0` held no value of `R`. References that were handed over and not passed on were released.
    #[inline]
    pub(crate) fn call_in<R>(
        &self,
        hash: u32,
        args: &mut [MaybeUninit<u64>],
        prepare: impl FnOnce(&Run<'_>),
        decode: impl FnOnce(u64, &Run<'_>) -> Result<R, u64>,
    ) -> Result<R, Faulted> {
        let run = ManuallyDrop::new(Run::new(self.cell.program()));
        prepare(&run);
        let value = self.enter(&run, hash, args);
        if !run.is_aborted() {
            match decode(value, &run) {
                Ok(result) if run.is_clean() => return Ok(result),
                Ok(_) => {}
                Err(value) => run.abort(RunError::BadReturn { program: run.program().name.clone(), value }),
            }
        }
        Err(failed(self.core, self.version, &run))
    }

    #[inline(always)]
    fn enter(&self, run: &Run<'_>, hash: u32, args: &mut [MaybeUninit<u64>]) -> u64 {
        // SAFETY: by INVARIANT 2 and `OpCell`'s own, `code` is an entry of a program that `version` keeps mapped, and the guard
        // behind `'g` keeps `version` alive.
        let entry = unsafe { Entry::new(self.code) };
        if entry.hash() != hash {
            return wrong_entry(run, hash, entry.hash());
        }
        match Nesting::on(self.reader) {
            Ok(_nesting) => {
                // SAFETY: the hash says that the program was verified against the prototype from which the wrapper built `args`;
                // the rest is the argument in ARCHITECTURE.md for running machine code.
                unsafe { enter::enter(entry, args.as_mut_ptr().cast(), run) }
            }
            Err(too_deep) => not_entered(run, too_deep.into()),
        }
    }
}

/// Ends a run that is not clean: releases what it owns, keeps the fault, takes the version out of the slot.
#[cold]
fn failed(core: &SlotCore, version: &Version, run: &Run<'_>) -> Faulted {
    if !run.is_aborted() {
        run.abort(RunError::Unbalanced { program: run.program().name.clone() });
    }
    if let Some(fault) = run.finish() {
        version.poison(fault);
        core.eject(version);
    }
    Faulted
}

#[cold]
fn wrong_entry(run: &Run<'_>, expected: u32, found: u32) -> u64 {
    not_entered(run, RunError::WrongEntry { program: run.program().name.clone(), expected, found })
}

#[cold]
fn not_entered(run: &Run<'_>, fault: RunError) -> u64 {
    run.abort(fault);
    0
}
