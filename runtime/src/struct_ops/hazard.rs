//! Hazard pointers: how a thread says "I am using this version" without a locked instruction, and how a version that was
//! swapped out is freed once nobody says so any more.
//!
//! A reader writes the pointer into a cell of its own, then checks that the pointer is still current. A writer swaps first,
//! then looks into every cell. One of the two must see the other's write; on the reader's side that takes no more than a
//! compiler fence, because the writer makes every running thread pass a barrier (`membarrier(2)`, private expedited). A Linux
//! that refuses the system call gets no readers at all, so every pin counts references; elsewhere both sides use fences.
//!
//! A version in use when it is retired stays in limbo, and the reader that holds it is asked (`Reader::asked`) to collect when
//! it lets go. So readers pay nothing for retirement unless they stand in its way, and nobody waits: an operation may swap the
//! very slot through which it was called.

use std::cell::Cell;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, Ordering, compiler_fence, fence};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::version::Version;
use crate::error::RunError;

/// Pins that one thread can hold without the slow path.
const CELLS: usize = 8;

/// What one thread protects. Lives for ever; reused by later threads.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Reader {
    /// INVARIANT 1: written by the owning thread only; null when free, or a version that a guard of that thread uses. A reader that
    /// may not protect anything has `NEVER` in all of them.
    cells: [AtomicPtr<Version>; CELLS],
    /// Bit `i`: a writer found `cells[i]` in its way, so collect after letting go of it. By cell, so that a pin that is held for
    /// long on an old version does not slow the others down.
    asked: AtomicU8,
    /// Runs nested on this thread. Owning thread only.
    depth: AtomicU32,
    /// Most runs that may be nested.
    max_depth: u32,
    /// This reader's number, from 0, unique among living threads; `u32::MAX` for the one that has no thread.
    pub(crate) index: u32,
}

/// A cell of a reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CellIdx(u8);

impl CellIdx {
    #[inline]
    fn bit(self) -> u8 {
        // At most CELLS - 1; written so that no shift can overflow.
        1_u8.wrapping_shl(u32::from(self.0))
    }
}

/// Runs that may be nested on one thread through host functions that call operations or programs.
const MAX_DEPTH: u32 = 32;

/// More than [`MAX_DEPTH`] runs are nested on this thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TooDeep;

impl From<TooDeep> for RunError {
    fn from(_: TooDeep) -> Self {
        Self::TooDeep { limit: MAX_DEPTH }
    }
}

/// A run on this thread, counted until dropped.
#[derive(Debug)]
pub(crate) struct Nesting {
    reader: &'static Reader,
    /// Runs around this one.
    outer: u32,
}

impl Nesting {
    /// Counts a run on the calling thread.
    pub(crate) fn enter() -> Result<Self, TooDeep> {
        Self::on(Reader::current())
    }

    /// Counts a run on the thread of `reader`, which is the calling one.
    #[inline(always)]
    pub(crate) fn on(reader: &'static Reader) -> Result<Self, TooDeep> {
        let outer = reader.depth.load(Ordering::Relaxed);
        if outer >= reader.max_depth {
            return Err(TooDeep);
        }
        reader.depth.store(outer.wrapping_add(1), Ordering::Relaxed);
        Ok(Self { reader, outer })
    }
}

impl Drop for Nesting {
    #[inline(always)]
    fn drop(&mut self) {
        self.reader.depth.store(self.outer, Ordering::Relaxed);
    }
}

/// What no version's address is.
const NEVER: *mut Version = std::ptr::without_provenance_mut(1);

/// For pins while a thread is being torn down: protects nothing, and since threads share it, its depth means nothing.
static NO_THREAD: Reader = Reader::new(u32::MAX, NEVER, u32::MAX);

/// Readers without a thread, and all readers.
#[derive(Default)]
struct Registry {
    all: Vec<&'static Reader>,
    free: Vec<&'static Reader>,
}

static READERS: Mutex<Registry> = Mutex::new(Registry { all: Vec::new(), free: Vec::new() });

/// Versions that were swapped out and may still be in use.
static LIMBO: Mutex<Vec<Arc<Version>>> = Mutex::new(Vec::new());

thread_local! {
    static READER: Cell<Option<&'static Reader>> = const { Cell::new(None) };
    static OWNER: Owner = const { Owner { reader: Cell::new(None) } };
}

/// Gives the thread's reader back when the thread ends.
struct Owner {
    reader: Cell<Option<&'static Reader>>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        READER.set(None);
        let Some(reader) = self.reader.take() else { return };
        // A guard that outlives this destructor (in another thread-local) or was forgotten still owns a cell: then the reader
        // cannot get a second owner.
        let in_use = |cell: &AtomicPtr<Version>| {
            ![NEVER, std::ptr::null_mut()].contains(&cell.load(Ordering::Relaxed))
        };
        if !reader.cells.iter().any(in_use) {
            locked(&READERS).free.push(reader);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while these are held; a poisoned one is as good as new.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the reader's half of the ordering is a compiler fence, and the writer's a system call.
const ASYMMETRIC: bool = cfg!(all(target_os = "linux", not(miri)));

/// Whether hazards can be used in this process; decided once.
fn hazards_work() -> bool {
    static WORK: OnceLock<bool> = OnceLock::new();
    *WORK.get_or_init(|| !ASYMMETRIC || membarrier::register())
}

impl Reader {
    const fn new(index: u32, cells: *mut Version, max_depth: u32) -> Self {
        Self {
            // `AtomicPtr` is not `Copy`, so each element is written out.
            cells: [
                AtomicPtr::new(cells),
                AtomicPtr::new(cells),
                AtomicPtr::new(cells),
                AtomicPtr::new(cells),
                AtomicPtr::new(cells),
                AtomicPtr::new(cells),
                AtomicPtr::new(cells),
                AtomicPtr::new(cells),
            ],
            asked: AtomicU8::new(0),
            depth: AtomicU32::new(0),
            max_depth,
            index,
        }
    }

    /// The calling thread's reader.
    #[inline(always)]
    pub(crate) fn current() -> &'static Self {
        match READER.get() {
            Some(reader) => reader,
            None => Self::register(),
        }
    }

    #[cold]
    fn register() -> &'static Self {
        let registered = OWNER.try_with(|owner| {
            let mut readers = locked(&READERS);
            let reader = readers.free.pop().unwrap_or_else(|| {
                let index = u32::try_from(readers.all.len()).unwrap_or(u32::MAX);
                let cells = if hazards_work() { std::ptr::null_mut() } else { NEVER };
                let reader: &'static Self = Box::leak(Box::new(Self::new(index, cells, MAX_DEPTH)));
                readers.all.push(reader);
                reader
            });
            owner.reader.set(Some(reader));
            READER.set(Some(reader));
            reader
        });
        registered.unwrap_or(&NO_THREAD)
    }

    /// The reader's half of the ordering: its write above comes before its read below, as far as writers can see.
    #[inline(always)]
    fn light() {
        if ASYMMETRIC {
            compiler_fence(Ordering::SeqCst);
        } else {
            fence(Ordering::SeqCst);
        }
    }

    /// Protects the version that `current` holds. `None`: all cells are taken.
    ///
    /// The returned pointer was current after it had been announced, so a writer that swaps it out later finds it in the cell.
    #[inline(always)]
    pub(crate) fn protect(&self, current: &AtomicPtr<Version>) -> Option<(CellIdx, *const Version)> {
        // The first cell is almost always free; the branch keeps it off the chain of dependent loads and stores.
        let [first, ..] = &self.cells;
        let (announced, cell) =
            if first.load(Ordering::Relaxed).is_null() { (first, CellIdx(0)) } else { self.free_cell()? };
        let mut version = current.load(Ordering::Relaxed);
        loop {
            announced.store(version, Ordering::Release);
            Self::light();
            let again = current.load(Ordering::Acquire);
            if again == version {
                return Some((cell, version));
            }
            version = again;
        }
    }

    #[cold]
    fn collect_when_asked(&self, cell: CellIdx) {
        // Cleared before the scan: whoever finds the cell in the way during or after it asks again.
        self.asked.fetch_and(!cell.bit(), Ordering::Relaxed);
        collect();
    }

    #[cold]
    fn free_cell(&self) -> Option<(&AtomicPtr<Version>, CellIdx)> {
        let mut cells = (0..).map(CellIdx).zip(&self.cells);
        cells.find(|(_, cell)| cell.load(Ordering::Relaxed).is_null()).map(|(at, cell)| (cell, at))
    }

    /// Lets go of what a cell protects. It must not be used afterwards.
    #[inline(always)]
    pub(crate) fn let_go(&self, cell: CellIdx) {
        if let Some(cell) = self.cells.get(usize::from(cell.0)) {
            cell.store(std::ptr::null_mut(), Ordering::Release);
        }
        Self::light();
        if self.asked.load(Ordering::Relaxed) & cell.bit() != 0 {
            self.collect_when_asked(cell);
        }
    }
}

/// Hands over a version that nobody can find any more: it is dropped now, or by the last reader that lets go.
pub(crate) fn retire(version: Arc<Version>) {
    locked(&LIMBO).push(version);
    collect();
}

/// Drops every version in limbo that no reader uses.
pub(crate) fn collect() {
    let freed = {
        let mut limbo = locked(&LIMBO);
        sweep(&mut limbo)
    };
    // Outside the lock: dropping a version unmaps code and may run destructors that come back here.
    drop(freed);
}

fn sweep(limbo: &mut Vec<Arc<Version>>) -> Vec<Arc<Version>> {
    if limbo.is_empty() {
        return Vec::new();
    }
    let readers = locked(&READERS);
    loop {
        if !heavy() {
            return Vec::new();
        }
        let mut used = Vec::new();
        let mut asked_more = false;
        for reader in &readers.all {
            for (at, cell) in (0..).map(CellIdx).zip(&reader.cells) {
                let version = cell.load(Ordering::Acquire).cast_const();
                if limbo.iter().any(|retired| std::ptr::eq(Arc::as_ptr(retired), version)) {
                    used.push(version);
                    asked_more |= reader.asked.fetch_or(at.bit(), Ordering::Relaxed) & at.bit() == 0;
                }
            }
        }
        // Asked first, then looked again: a reader that let go in between either sees the question or is seen to have let go.
        // Each reader answers at most once while we hold the lock on limbo, so this ends.
        if !asked_more {
            let (kept, freed) = limbo.drain(..).partition(|version| used.contains(&Arc::as_ptr(version)));
            *limbo = kept;
            return freed;
        }
    }
}

/// The writer's half of the ordering. `false`: the barrier failed, so nothing may be concluded from what is read after it.
fn heavy() -> bool {
    if ASYMMETRIC {
        // Without hazards there are no readers to order with.
        !hazards_work() || membarrier::all_threads()
    } else {
        fence(Ordering::SeqCst);
        true
    }
}

mod membarrier {
    //! The system call, for the calling process's own threads.

    /// `MEMBARRIER_CMD_PRIVATE_EXPEDITED`.
    const BARRIER: libc::c_long = 1 << 3;
    /// `MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED`.
    const REGISTER: libc::c_long = 1 << 4;

    fn call(command: libc::c_long) -> bool {
        if !super::ASYMMETRIC {
            return false;
        }
        // SAFETY: `membarrier` takes three integers, reads and writes no memory of ours, and an unknown command is an error.
        let result =
            unsafe { libc::syscall(libc::SYS_membarrier, command, 0 as libc::c_long, 0 as libc::c_long) };
        result == 0
    }

    /// Whether the process may use [`all_threads`].
    pub(super) fn register() -> bool {
        call(REGISTER) && call(BARRIER)
    }

    /// Makes every running thread of the process pass a full barrier; registers anew should a fork have lost it.
    pub(super) fn all_threads() -> bool {
        call(BARRIER) || register()
    }
}
