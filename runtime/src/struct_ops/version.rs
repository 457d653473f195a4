//! [`Version`]: one attachment of a table to a slot, and [`Counters`]: how often it was called.
//!
//! A version is what a pinned slot holds. Its code pointers can be cleared (poisoned), never changed to something else.

use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::hazard::{Reader, collect};
use super::image::Image;
use crate::error::RunError;
use crate::program::ProgramCore;

/// Readers with a counter of their own.
const STRIPES: usize = 31;

/// Counters of one thread, on a cache line of their own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Stripe {
    program: AtomicU64,
    native: AtomicU64,
}

/// How often a version was called, exact once the calls in question have returned.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// By the reader's number.
    own: [Stripe; STRIPES],
    /// For readers beyond.
    shared: Stripe,
    faulted: AtomicU64,
}

/// How the calls of a version were answered.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Calls {
    /// A program was entered.
    pub program: u64,
    /// The native implementation answered: the table does not provide the operation, or had failed before.
    pub native: u64,
    /// Of the calls of programs: those that faulted, whereupon the native implementation answered.
    pub faulted: u64,
}

impl Calls {
    /// All calls that this version answered.
    pub fn total(&self) -> u64 {
        self.program + self.native
    }
}

impl std::ops::Add for Calls {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            program: self.program + other.program,
            native: self.native + other.native,
            faulted: self.faulted + other.faulted,
        }
    }
}

/// Which of a stripe's counters a call belongs to.
#[derive(Clone, Copy)]
enum Answer {
    Program,
    Native,
}

impl Stripe {
    #[inline(always)]
    fn counter(&self, answer: Answer) -> &AtomicU64 {
        match answer {
            Answer::Program => &self.program,
            Answer::Native => &self.native,
        }
    }
}

impl Counters {
    #[inline(always)]
    fn count(&self, reader: &Reader, answer: Answer) {
        match self.own.get(reader.index as usize) {
            Some(stripe) => {
                // A reader's number is unique among living threads, so nobody else writes this stripe: no locked instruction.
                let counter = stripe.counter(answer);
                counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
            }
            None => self.count_shared(answer),
        }
    }

    #[cold]
    fn count_shared(&self, answer: Answer) {
        self.shared.counter(answer).fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sum(&self) -> Calls {
        let sum = |counter: fn(&Stripe) -> &AtomicU64| {
            self.own.iter().chain([&self.shared]).map(|stripe| counter(stripe).load(Ordering::Relaxed)).sum()
        };
        Calls {
            program: sum(|stripe| &stripe.program),
            native: sum(|stripe| &stripe.native),
            faulted: self.faulted.load(Ordering::Relaxed),
        }
    }
}

/// Calls of versions that are gone, summed up by slot.
#[derive(Debug, Default)]
pub(crate) struct Retired {
    program: AtomicU64,
    native: AtomicU64,
    faulted: AtomicU64,
}

impl Retired {
    fn add(&self, calls: Calls) {
        self.program.fetch_add(calls.program, Ordering::Relaxed);
        self.native.fetch_add(calls.native, Ordering::Relaxed);
        self.faulted.fetch_add(calls.faulted, Ordering::Relaxed);
    }

    pub(crate) fn sum(&self) -> Calls {
        Calls {
            program: self.program.load(Ordering::Relaxed),
            native: self.native.load(Ordering::Relaxed),
            faulted: self.faulted.load(Ordering::Relaxed),
        }
    }
}

/// One operation of a version.
#[derive(Debug)]
pub(crate) struct OpCell {
    /// Entry of the compiled program; null when there is none, or when it is poisoned.
    code: AtomicPtr<u8>,
    /// INVARIANT 1: `code` is null or an entry of this program, which keeps it mapped. One that is never entered where the table
    /// provides none.
    program: Arc<ProgramCore>,
}

impl OpCell {
    pub(crate) fn program(&self) -> &ProgramCore {
        &self.program
    }
}

/// One attachment of a table to a slot.
#[derive(Debug)]
pub(crate) struct Version {
    /// By operation; empty for the default.
    ops: Box<[OpCell]>,
    counters: Arc<Counters>,
    retired: Arc<Retired>,
    fault: Arc<OnceLock<Arc<RunError>>>,
    image: Option<Arc<Image>>,
}

impl Version {
    /// The version in which the native implementation answers everything.
    pub(crate) fn native(retired: Arc<Retired>) -> Self {
        Self { ops: Box::new([]), counters: Arc::default(), retired, fault: Arc::default(), image: None }
    }

    /// An attachment of `image`.
    pub(crate) fn of_image(image: Arc<Image>, retired: Arc<Retired>) -> Self {
        let absent = Arc::new(ProgramCore::absent());
        let ops = image
            .programs()
            .iter()
            .map(|program| match program {
                Some(program) => {
                    OpCell { code: AtomicPtr::new(program.entry().as_ptr()), program: Arc::clone(program) }
                }
                None => OpCell { code: AtomicPtr::new(std::ptr::null_mut()), program: Arc::clone(&absent) },
            })
            .collect();
        Self { ops, counters: Arc::default(), retired, fault: Arc::default(), image: Some(image) }
    }

    /// Counts a call of operation `op` and gives its code, unless the native implementation has to answer.
    #[inline(always)]
    pub(crate) fn enter(&self, op: usize, reader: &Reader) -> Option<(&OpCell, *const u8)> {
        if let Some(cell) = self.ops.get(op) {
            let code = cell.code.load(Ordering::Relaxed);
            if !code.is_null() {
                self.counters.count(reader, Answer::Program);
                return Some((cell, code));
            }
        }
        self.counters.count(reader, Answer::Native);
        None
    }

    /// Records a fault and makes every later call of this version native. The first fault is kept.
    pub(crate) fn poison(&self, fault: RunError) {
        self.counters.faulted.fetch_add(1, Ordering::Relaxed);
        let _ = self.fault.set(Arc::new(fault));
        for cell in &self.ops {
            cell.code.store(std::ptr::null_mut(), Ordering::Relaxed);
        }
    }

    pub(crate) fn fault(&self) -> Option<Arc<RunError>> {
        self.fault.get().cloned()
    }

    pub(crate) fn image(&self) -> Option<&Arc<Image>> {
        self.image.as_ref()
    }

    pub(crate) fn calls(&self) -> Calls {
        self.counters.sum()
    }

    pub(crate) fn record(&self) -> VersionRecord {
        VersionRecord {
            name: self.image.as_ref().map_or_else(|| "native".into(), |image| image.name().into()),
            counters: Arc::clone(&self.counters),
            fault: Arc::clone(&self.fault),
        }
    }
}

impl Drop for Version {
    fn drop(&mut self) {
        self.retired.add(self.counters.sum());
    }
}

/// What remains of a version to look at: its name, its calls, its fault. Keeps no code alive.
#[derive(Clone, Debug)]
pub struct VersionRecord {
    name: Arc<str>,
    counters: Arc<Counters>,
    fault: Arc<OnceLock<Arc<RunError>>>,
}

impl VersionRecord {
    /// Name of the table in its object; `native` for the slot's default.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its calls so far. Calls that were in flight when it was swapped out still count here.
    pub fn calls(&self) -> Calls {
        self.counters.sum()
    }

    /// Why it was ejected, if it was.
    pub fn fault(&self) -> Option<Arc<RunError>> {
        self.fault.get().cloned()
    }
}

/// Frees what no reader uses any more. Versions are otherwise freed by the last reader that lets go.
pub fn collect_versions() {
    collect();
}
