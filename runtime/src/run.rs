//! [`Run`]: one run of a program, built on the host's stack and passed to every shim as its sixth argument.
//!
//! It owns three things: the abort flag that compiled code tests after each call, the first fault, and the ledger of the
//! references that the program owns at this moment. Shims write into the ledger when they hand a reference out and when they
//! take one back, independently of the verifier; whatever is left when an aborted run ends is released here, newest first.

use std::any::Any;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use opswap_jit::RunHeader;

use crate::declare::TypeKey;
use crate::error::RunError;
use crate::program::ProgramCore;

/// References kept in the run itself; more go to the heap.
const INLINE: usize = 8;

/// Gives a reference back: the destructor of what `object` points to.
pub(crate) type Release = unsafe fn(object: usize);

/// A reference that the program owns.
#[derive(Clone, Copy, Debug)]
struct Owned {
    /// What the program holds: the object's address.
    object: usize,
    back: Back,
}

/// How a reference is given back.
#[derive(Clone, Copy, Debug)]
enum Back {
    /// INVARIANT 2: may be called exactly once with `object`.
    Drop(Release),
    /// INVARIANT 3: a raw kfunc handed `object` out as a reference to a value of this type, which the type's raw destructor takes.
    Destructor(TypeKey),
}

/// An argument with a value that its Rust type does not have (a forged `bool` or enum).
#[derive(Clone, Copy, Debug)]
pub(crate) struct BadArgument {
    /// The parameter's name.
    pub(crate) argument: &'static str,
    /// What the program passed.
    pub(crate) value: u64,
}

/// The packet that a program works on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketMemory {
    /// Address of its first byte, that of the link header.
    pub(crate) base: usize,
    /// Bytes.
    pub(crate) len: usize,
    /// Offset of the first byte that the program is given.
    pub(crate) start: usize,
    /// Offset of the network header.
    pub(crate) network: usize,
}

/// What few runs have.
#[derive(Debug, Default)]
struct Rare {
    /// The first fault.
    fault: Option<RunError>,
    /// The entries of the ledger beyond `INLINE`.
    spilled: Vec<Owned>,
    /// The packet that the program works on.
    packet: Option<PacketMemory>,
    /// Tail calls so far.
    tail_calls: u32,
}

/// One run of a program.
///
/// INVARIANT 1: `header` is the first field, so a pointer to a `Run` is a pointer to its header and back.
#[repr(C)]
pub struct Run<'p> {
    header: RunHeader,
    len: Cell<u32>,
    program: &'p ProgramCore,
    /// What few runs have; `None` when there is nothing in it, so that a run is made of few words.
    rare: Cell<Option<Box<Rare>>>,
    /// Where the interpreter calls functions of the program back; NULL in compiled code, whose functions have addresses.
    reentry: Cell<*mut ()>,
    /// The first `min(len, INLINE)` are initialised.
    inline: [Cell<MaybeUninit<Owned>>; INLINE],
}

impl<'p> Run<'p> {
    /// A run of `program` that owns nothing yet.
    #[inline(always)]
    pub(crate) fn new(program: &'p ProgramCore) -> Self {
        Self {
            header: RunHeader::default(),
            len: Cell::new(0),
            program,
            rare: Cell::new(None),
            reentry: Cell::new(std::ptr::null_mut()),
            inline: [const { Cell::new(MaybeUninit::uninit()) }; INLINE],
        }
    }

    /// What compiled code and shims are given. Valid while `self` is neither moved nor dropped.
    #[inline]
    pub(crate) fn as_header(&self) -> *mut RunHeader {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// The program that runs.
    pub(crate) fn program(&self) -> &'p ProgramCore {
        self.program
    }

    /// The program that runs, as a host function may see it.
    pub(crate) fn call_site(&self) -> &'p CallSite {
        CallSite::of(self.program)
    }

    /// Replaces where the interpreter calls back, and gives what was there.
    pub(crate) fn set_reentry(&self, reentry: *mut ()) -> *mut () {
        self.reentry.replace(reentry)
    }

    /// Where the interpreter calls back; NULL in compiled code.
    pub(crate) fn reentry(&self) -> *mut () {
        self.reentry.get()
    }

    /// Takes a turn of a loop that the host makes for the program; `false` when there is none left.
    pub(crate) fn take_turn(&self) -> bool {
        self.header.take_turn()
    }

    /// Gives a line to the runtime's logger.
    pub(crate) fn log(&self, line: &str) {
        self.program.log(line);
    }

    /// Records the first fault and makes compiled code leave. Later faults of the same run are dropped.
    pub(crate) fn abort(&self, fault: RunError) {
        self.with_rare(|rare| {
            rare.fault.get_or_insert(fault);
        });
        self.header.abort.set(RunHeader::ABORTED);
    }

    /// Makes the function of the program that called the host return what it is given, now.
    pub(crate) fn leave(&self) {
        self.header.leave.set(1);
    }

    /// Whether [`Run::leave`] was called since the last time; for engines other than compiled code.
    pub(crate) fn take_leave(&self) -> bool {
        self.header.leave.replace(0) != 0
    }

    /// Counts a tail call; `false` when there were `limit` already.
    pub(crate) fn take_tail_call(&self, limit: u32) -> bool {
        self.with_rare(|rare| {
            let left = rare.tail_calls < limit;
            rare.tail_calls += u32::from(left);
            left
        })
    }

    /// The program works on this packet.
    pub(crate) fn set_packet(&self, packet: PacketMemory) {
        self.with_rare(|rare| rare.packet = Some(packet));
    }

    /// The packet that the program works on.
    pub(crate) fn packet(&self) -> Option<PacketMemory> {
        self.with_rare(|rare| rare.packet)
    }

    /// Whether a fault was recorded.
    pub(crate) fn is_aborted(&self) -> bool {
        self.header.abort.get() != 0
    }

    /// Whether the run ended normally and owns nothing: then there is nothing to clean up.
    #[inline]
    pub(crate) fn is_clean(&self) -> bool {
        // Both words at once: they are neighbours.
        u64::from(self.header.abort.get()) | u64::from(self.len.get()) << 32 == 0
    }

    /// Number of references that the program owns.
    #[cfg(test)]
    pub(crate) fn owned(&self) -> u32 {
        self.len.get()
    }

    /// Ends the run: releases what is still owned and gives the fault, if there was one.
    #[cold]
    pub(crate) fn finish(&self) -> Option<RunError> {
        self.release_all();
        let refused = self.header.abort.get() == RunHeader::REFUSED;
        let fault = || RunError::RefusedAccess { program: self.program.name.clone() };
        self.with_rare(|rare| rare.fault.take()).or_else(|| refused.then(fault))
    }

    /// Enters into the ledger that the program now owns `object`.
    ///
    /// # Safety
    /// `release(object)` must be sound exactly once, on this thread, at any time before the run ends or the entry is taken out
    /// with [`Run::disown`].
    pub(crate) unsafe fn own(&self, object: usize, release: Release) {
        self.enter(Owned { object, back: Back::Drop(release) });
    }

    /// Enters into the ledger that the program now owns `object`, which a raw kfunc handed out.
    ///
    /// # Safety
    /// `object` is a reference to a value of this type that any raw function which takes one may take, on this thread, once.
    pub(crate) unsafe fn own_raw(&self, object: usize, ty: TypeKey) {
        self.enter(Owned { object, back: Back::Destructor(ty) });
    }

    fn enter(&self, entry: Owned) {
        let at = self.len.get();
        match self.inline.get(at as usize) {
            Some(cell) => cell.set(MaybeUninit::new(entry)),
            None => self.with_rare(|rare| rare.spilled.push(entry)),
        }
        self.len.set(at + 1);
    }

    /// Takes the newest entry of `object` out of the ledger: its reference was consumed, or moves to the caller.
    /// `false` when the program owns no such reference, or has it from a raw kfunc: that is no `KRef`.
    pub(crate) fn disown(&self, object: usize) -> bool {
        self.take_out(|entry| entry.object == object && matches!(entry.back, Back::Drop(_)))
    }

    /// The same for a raw function, which takes what raw kfuncs handed out, and `KRef`s as the addresses that they are.
    pub(crate) fn disown_raw(&self, object: usize) -> bool {
        self.take_out(|entry| entry.object == object)
    }

    fn take_out(&self, is: impl Fn(&Owned) -> bool) -> bool {
        let Some(found) = (0..self.len.get()).rev().find(|&at| is(&self.entry(at))) else {
            return false;
        };
        for at in found + 1..self.len.get() {
            self.set_entry(at - 1, self.entry(at));
        }
        self.pop();
        true
    }

    /// Lends out what few runs have; frees its memory when nothing is left in it.
    #[cold]
    fn with_rare<R>(&self, change: impl FnOnce(&mut Rare) -> R) -> R {
        let mut rare = self.rare.take().unwrap_or_default();
        let result = change(&mut rare);
        let used =
            rare.fault.is_some() || !rare.spilled.is_empty() || rare.packet.is_some() || rare.tail_calls > 0;
        self.rare.set(used.then_some(rare));
        result
    }

    fn entry(&self, at: u32) -> Owned {
        debug_assert!(at < self.len.get());
        match self.inline.get(at as usize) {
            // SAFETY: `at < len`, and the first `min(len, INLINE)` cells are initialised: `own` sets a cell before it counts it.
            Some(cell) => unsafe { cell.get().assume_init() },
            None => self.with_rare(|rare| rare.spilled[at as usize - INLINE]),
        }
    }

    fn set_entry(&self, at: u32, entry: Owned) {
        match self.inline.get(at as usize) {
            Some(cell) => cell.set(MaybeUninit::new(entry)),
            None => self.with_rare(|rare| rare.spilled[at as usize - INLINE] = entry),
        }
    }

    fn pop(&self) -> Option<Owned> {
        let last = self.len.get().checked_sub(1)?;
        let entry = self.entry(last);
        self.len.set(last);
        if last as usize >= INLINE {
            self.with_rare(|rare| rare.spilled.pop());
        }
        Some(entry)
    }

    fn release_all(&self) {
        while let Some(Owned { object, back }) = self.pop() {
            let release = match back {
                Back::Drop(release) => release,
                Back::Destructor(ty) => {
                    self.destroy(object, ty);
                    continue;
                }
            };
            // A destructor is the host's code and may panic; the rest of the ledger is released all the same.
            let released = catch_unwind(AssertUnwindSafe(|| {
                // SAFETY: INVARIANT 2, and the entry has just left the ledger, so this is the one call.
                unsafe { release(object) }
            }));
            if let Err(payload) = released {
                self.abort(RunError::DestructorPanicked { message: panic_message(payload) });
            }
        }
    }
}

/// A shim with registers alone.
type Shim = unsafe extern "C" fn(u64, u64, u64, u64, u64, *mut RunHeader) -> u64;

impl Run<'_> {
    /// Gives what a raw kfunc handed out to the type's destructor. A panic there ends in the run's fault, as in any kfunc.
    fn destroy(&self, object: usize, ty: TypeKey) {
        let Some(code) = self.program.raw_destructor(ty) else {
            // The registry refuses raw kfuncs that hand out what nobody takes back.
            let message = "a raw kfunc handed out what has no destructor: it leaks".to_owned();
            return self.abort(RunError::DestructorPanicked { message });
        };
        // SAFETY: an address in code, of a shim that takes registers alone (INVARIANT 3 of the registry).
        let shim =
            unsafe { std::mem::transmute::<*const (), Shim>(std::ptr::with_exposed_provenance(code.0)) };
        let left = self.len.get();
        // The shim takes the entry out itself, as for any program that calls it.
        self.enter(Owned { object, back: Back::Destructor(ty) });
        // SAFETY: by INVARIANT 3 the object is a reference that this destructor takes, and the entry that stood for it is gone after
        // the call; `self` is alive, and a shim lets nothing unwind.
        unsafe { shim(object as u64, 0, 0, 0, 0, self.as_header()) };
        debug_assert_eq!(self.len.get(), left, "a raw shim takes what it is given out of the ledger");
        self.len.set(self.len.get().min(left));
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.release_all();
    }
}

/// Which program calls a host function: `&CallSite` as a kfunc's parameter takes no argument of the program.
#[derive(Debug)]
#[repr(transparent)]
pub struct CallSite(ProgramCore);

impl CallSite {
    fn of(program: &ProgramCore) -> &Self {
        // SAFETY: `repr(transparent)`: a `CallSite` is a `ProgramCore`.
        unsafe { &*std::ptr::from_ref(program).cast::<Self>() }
    }

    /// The calling program's name in its object.
    pub fn program(&self) -> &str {
        &self.0.name
    }
}

/// The body of every shim: runs `body` with the run behind `run`, and turns a panic or a forged argument into an aborted run.
/// The result is what the shim returns to compiled code, 0 when the run was aborted.
///
/// # Safety
/// `run` must be what compiled code or [`Run::as_header`] passed, and its run must be alive.
#[inline]
pub(crate) unsafe fn shim(
    run: *mut RunHeader,
    kfunc: &'static str,
    body: impl FnOnce(&Run<'_>) -> Result<u64, BadArgument>,
) -> u64 {
    // SAFETY: by the caller `run` came from `as_header` of a run that is alive; by INVARIANT 1 it points to that `Run`, which is
    // only ever shared (`&self` everywhere, all fields are cells).
    let run = unsafe { &*run.cast::<Run<'_>>() };
    match catch_unwind(AssertUnwindSafe(|| body(run))) {
        Ok(Ok(value)) => value,
        Ok(Err(bad)) => forged(run, kfunc, bad),
        Err(payload) => panicked(run, kfunc, payload),
    }
}

#[cold]
fn forged(run: &Run<'_>, kfunc: &str, bad: BadArgument) -> u64 {
    run.abort(RunError::BadArgument {
        kfunc: kfunc.to_owned(),
        argument: bad.argument.to_owned(),
        value: bad.value,
    });
    0
}

#[cold]
fn panicked(run: &Run<'_>, kfunc: &str, payload: Box<dyn Any + Send>) -> u64 {
    run.abort(RunError::KfuncPanicked { kfunc: kfunc.to_owned(), message: panic_message(payload) });
    0
}

/// The text of a panic. Its payload may itself panic when dropped, so it is forgotten unless it is text.
fn panic_message(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => match payload.downcast::<&'static str>() {
            Ok(text) => (*text).to_owned(),
            Err(payload) => {
                std::mem::forget(payload);
                "a payload that is not text".to_owned()
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::Run;
    use crate::error::RunError;
    use crate::program::ProgramCore;

    thread_local! {
        static RELEASED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    }

    unsafe fn release(object: usize) {
        RELEASED.with_borrow_mut(|released| released.push(object));
        assert!(object != 13, "thirteen");
    }

    fn own(run: &Run<'_>, objects: impl IntoIterator<Item = usize>) {
        for object in objects {
            // SAFETY: `release` only notes the number.
            unsafe { run.own(object, release) };
        }
    }

    #[test]
    fn what_is_left_is_released_newest_first() {
        RELEASED.take();
        let program = ProgramCore::absent();
        let run = Run::new(&program);
        own(&run, 1..=12);
        assert_eq!((run.owned(), run.is_clean()), (12, false));
        // From the heap, from the middle of the inline part, and one that is not there.
        assert!(run.disown(10) && run.disown(3) && !run.disown(3) && !run.disown(99));
        own(&run, [1]);
        // The newest of two references to one object.
        assert!(run.disown(1));
        drop(run);
        assert_eq!(RELEASED.take(), [12, 11, 9, 8, 7, 6, 5, 4, 2, 1]);
    }

    #[test]
    fn a_balanced_run_is_clean() {
        RELEASED.take();
        let program = ProgramCore::absent();
        let run = Run::new(&program);
        for round in 0..3 {
            own(&run, 0..20);
            assert!((0..20).all(|object| run.disown(if round == 1 { 19 - object } else { object })));
            assert!(run.is_clean());
        }
        // What `call` does: nothing may be left on the heap.
        assert!(run.rare.take().is_none());
        drop(run);
        assert_eq!(RELEASED.take(), []);
    }

    #[test]
    fn a_destructor_that_panics_does_not_stop_the_others() {
        RELEASED.take();
        let program = ProgramCore::absent();
        let run = Run::new(&program);
        own(&run, [1, 13, 2]);
        let fault = run.finish().expect("a fault");
        assert_eq!(fault, RunError::DestructorPanicked { message: "thirteen".to_owned() });
        assert_eq!(RELEASED.take(), [2, 13, 1]);
    }

    #[test]
    fn the_first_fault_counts() {
        let program = ProgramCore::absent();
        let run = Run::new(&program);
        run.abort(RunError::TooDeep { limit: 1 });
        run.abort(RunError::TooDeep { limit: 2 });
        assert_eq!(run.finish().expect("a fault"), RunError::TooDeep { limit: 1 });
    }
}
