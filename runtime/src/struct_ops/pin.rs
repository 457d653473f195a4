//! [`PinGuard`]: a slot held at one version, and [`OpEntry`]: the way from a typed wrapper into a compiled program.
//!
//! What is safe here is safe for the wrappers that `#[struct_ops]` generates: they build the argument array from the operation's
//! own Rust types and pass the hash of its prototype, which [`OpEntry::call`] compares with the one in front of the code.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use opswap_bpf::OpIdx;

use super::hazard::{Hazard, Nesting, Reader};
use super::slot::{SlotCore, SlotInner};
use super::table::{StructOpsType, TableView};
use super::version::{OpCell, Version, VersionRecord};
use crate::enter::{self, Entry};
use crate::error::RunError;
use crate::run::{Release, Run};

/// What keeps the pinned version alive.
#[derive(Debug)]
enum Hold {
    /// A cell of this thread's reader.
    Hazard(Hazard),
    /// A reference of its own: the thread's cells were all taken, or the thread is being torn down.
    #[expect(dead_code, reason = "held, never read")]
    Counted(Arc<Version>),
}

/// A slot held at one version: calls through it all go to that version.
#[derive(Debug)]
pub struct PinGuard<'a, T: StructOpsType> {
    slot: &'a SlotInner<T>,
    /// INVARIANT 1: alive as long as `hold` is.
    version: *const Version,
    hold: Hold,
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
    #[inline]
    pub(super) fn new(slot: &'a SlotInner<T>) -> Self {
        let protected = Reader::current().and_then(|reader| reader.protect(slot.core.current()));
        match protected {
            Some((hazard, version)) => {
                Self { slot, version, hold: Hold::Hazard(hazard), _thread: PhantomData }
            }
            None => Self::counted(slot),
        }
    }

    #[cold]
    fn counted(slot: &'a SlotInner<T>) -> Self {
        let version = slot.core.share_current();
        Self { slot, version: Arc::as_ptr(&version), hold: Hold::Counted(version), _thread: PhantomData }
    }

    #[inline]
    fn version(&self) -> &Version {
        // SAFETY: INVARIANT 1. A hazard protects the version until `Hazard::clear`, which only `drop` calls; a counted hold is
        // an `Arc` of it. Versions are only shared.
        unsafe { &*self.version }
    }

    #[inline]
    fn reader(&self) -> Option<&'static Reader> {
        match &self.hold {
            Hold::Hazard(hazard) => Some(hazard.reader),
            // Runs are counted and nested by thread, however they hold the version.
            Hold::Counted(_) => Reader::current(),
        }
    }

    /// The native implementation.
    #[inline]
    pub fn native(&self) -> &T {
        &self.slot.native
    }

    /// Counts a call of `op`: the program that answers it, or `None` when the native implementation does.
    #[inline]
    pub fn program(&self, op: OpIdx) -> Option<OpEntry<'_>> {
        let reader = self.reader();
        let version = self.version();
        let (cell, code) = version.enter(op.index(), reader)?;
        Some(OpEntry { core: &self.slot.core, version, cell, code, reader })
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
    #[inline]
    fn drop(&mut self) {
        if let Hold::Hazard(hazard) = &self.hold {
            hazard.clear();
        }
    }
}

/// A compiled operation of the pinned version.
#[derive(Clone, Copy, Debug)]
pub struct OpEntry<'g> {
    core: &'g SlotCore,
    version: &'g Version,
    cell: &'g OpCell,
    /// INVARIANT 2: an entry of `cell`'s program.
    code: *const u8,
    reader: Option<&'static Reader>,
}

impl OpEntry<'_> {
    /// Calls the program with `args` as its context, for operations that take no reference and return a number or nothing.
    ///
    /// # Errors
    /// The program did not run to its end (or, if the hash is not the entry's, not at all). What it owned was released, the
    /// table was ejected from the slot, and [`Link::fault`](super::Link::fault) tells why.
    #[inline]
    pub fn call<const N: usize>(&self, hash: u32, args: &mut [u64; N]) -> Result<u64, Faulted> {
        self.call_in(hash, args, |_| {}, |value, _| Ok(value))
    }

    /// Like [`call`](Self::call), for operations that are given references or return one.
    ///
    /// # Errors
    /// As for `call`. References in `given` that the program had not passed on were released.
    #[inline]
    pub fn call_with<const N: usize>(
        &self,
        hash: u32,
        args: &mut [u64; N],
        given: &[Handover],
        returns: Returns,
    ) -> Result<u64, Faulted> {
        let hand_over = |run: &Run<'_>| {
            for handover in given {
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
    pub(crate) fn call_in<R, const N: usize>(
        &self,
        hash: u32,
        args: &mut [u64; N],
        prepare: impl FnOnce(&Run<'_>),
        decode: impl FnOnce(u64, &Run<'_>) -> Result<R, u64>,
    ) -> Result<R, Faulted> {
        let run = Run::new(self.cell.program());
        prepare(&run);
        let value = self.enter(&run, hash, args);
        if run.is_aborted() {
            return Err(self.failed(run));
        }
        match decode(value, &run) {
            Ok(result) if run.is_clean() => {
                // Nothing is owned and nothing on the heap: skip the drop.
                std::mem::forget(run);
                Ok(result)
            }
            Ok(_) => {
                run.abort(RunError::Unbalanced { program: run.program().name.clone() });
                Err(self.failed(run))
            }
            Err(value) => {
                run.abort(RunError::BadReturn { program: run.program().name.clone(), value });
                Err(self.failed(run))
            }
        }
    }

    #[inline]
    fn enter<const N: usize>(&self, run: &Run<'_>, hash: u32, args: &mut [u64; N]) -> u64 {
        match Nesting::on(self.reader) {
            Ok(_nesting) => self.run_code(run, hash, args),
            Err(too_deep) => {
                run.abort(too_deep);
                0
            }
        }
    }

    #[inline]
    fn run_code<const N: usize>(&self, run: &Run<'_>, hash: u32, args: &mut [u64; N]) -> u64 {
        // SAFETY: by INVARIANT 2 and `OpCell`'s own, `code` is an entry of a program that `version` keeps mapped, and the guard
        // behind `'g` keeps `version` alive.
        let entry = unsafe { Entry::new(self.code) };
        let found = entry.hash();
        if found != hash {
            run.abort(RunError::WrongEntry { program: run.program().name.clone(), expected: hash, found });
            return 0;
        }
        // SAFETY: the hash says that the program was verified against the prototype from which the wrapper built `args`; the
        // rest is the argument in ARCHITECTURE.md for running machine code.
        unsafe { enter::enter(entry, args.as_mut_ptr().cast(), run) }
    }

    #[cold]
    fn failed(&self, run: Run<'_>) -> Faulted {
        if let Some(fault) = run.finish() {
            self.version.poison(*fault);
            self.core.eject(self.version);
        }
        Faulted
    }
}
