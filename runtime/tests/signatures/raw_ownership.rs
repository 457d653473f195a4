//! What raw kfuncs hand out: it stands in the run's ledger, and a run that ends early gives it to the type's raw destructor.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::sync::Arc;

use opswap::registry::Registry;
use opswap::{Btf, Engine, KRef, RunError, kfunc};

use crate::lab::{SIZE, load, refusal};

thread_local! {
    /// Tokens that exist.
    static ALIVE: Cell<i64> = const { Cell::new(0) };
    /// The numbers of those that the destructor was given.
    static DESTROYED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Something on the heap that is no `KRef`. The pointer makes it an object to programs.
#[derive(Btf)]
#[repr(C)]
struct RawToken {
    number: u64,
    nothing: *const u64,
}

impl RawToken {
    fn new(number: u64) -> *mut Self {
        ALIVE.set(ALIVE.get() + 1);
        Box::into_raw(Box::new(Self { number, nothing: std::ptr::null() }))
    }

    /// # Safety
    /// `token` came from `new`, and is dropped once.
    unsafe fn free(token: *mut Self) -> u64 {
        ALIVE.set(ALIVE.get() - 1);
        // SAFETY: the caller's promise.
        unsafe { Box::from_raw(token) }.number
    }
}

#[kfunc(acquire)]
unsafe fn raw_token_new(number: u64) -> *mut RawToken {
    RawToken::new(number)
}

#[kfunc(acquire, ret_null)]
unsafe fn raw_token_try(number: u64) -> *mut RawToken {
    if number == 0 { std::ptr::null_mut() } else { RawToken::new(number) }
}

#[kfunc(release)]
unsafe fn raw_token_put(token: *mut RawToken) {
    // SAFETY: the program owned it.
    unsafe { RawToken::free(token) };
}

/// The kernel's form: C sees a `void *`.
#[kfunc(dtor = RawToken)]
unsafe fn raw_token_destroy(token: *mut c_void) {
    // SAFETY: `dtor = RawToken`: the program owned it.
    let number = unsafe { RawToken::free(token.cast()) };
    DESTROYED.with_borrow_mut(|destroyed| destroyed.push(number));
    assert_ne!(number, 13, "thirteen");
}

#[kfunc]
fn raw_token_panic() {
    panic!("on purpose");
}

/// Counted, and handed out in both ways.
#[derive(Btf)]
#[repr(C)]
struct RawShared {
    number: u64,
}

thread_local! {
    static SHARED: Arc<RawShared> = Arc::new(RawShared { number: 7 });
}

#[kfunc(acquire)]
fn raw_shared_get() -> KRef<RawShared> {
    SHARED.with(|shared| KRef::from(Arc::clone(shared)))
}

#[kfunc(acquire)]
unsafe fn raw_shared_raw() -> *mut RawShared {
    SHARED.with(|shared| Arc::into_raw(Arc::clone(shared)).cast_mut())
}

#[kfunc(release)]
fn raw_shared_put(shared: KRef<RawShared>) {
    assert_eq!(shared.number, 7);
}

#[kfunc(release, dtor)]
unsafe fn raw_shared_destroy(shared: *mut RawShared) {
    // SAFETY: raw and counted references to it alike come from `Arc::into_raw`.
    drop(unsafe { Arc::from_raw(shared.cast_const()) });
}

/// Memory of which nothing tells the size.
#[kfunc]
unsafe fn raw_unsized(mem: *mut c_void, len: i32) {
    let _ = (mem, len);
}

/// What a program gives in one engine, and the numbers that went to the destructor.
fn run_in(engine: Engine, text: &str) -> (Result<u64, RunError>, Vec<u64>) {
    let program = load(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let result = program.run_with(engine, &mut [0; SIZE]);
    assert_eq!(ALIVE.get(), 0, "all tokens are gone:\n{text}");
    (result, DESTROYED.take())
}

const ENGINES: [Engine; 2] = [Engine::Jit, Engine::Interpreter];

#[test]
fn what_the_program_gives_back_is_given_back_once() {
    for engine in ENGINES {
        let put = "r1 = 1\ncall raw_token_new\nr1 = r0\ncall raw_token_put\nr0 = 5\nexit";
        assert_eq!(run_in(engine, put), (Ok(5), vec![]));
        let destroy = "r1 = 1\ncall raw_token_new\nr1 = r0\ncall raw_token_destroy\nr0 = 5\nexit";
        assert_eq!(run_in(engine, destroy), (Ok(5), vec![1]));
        let null = "
            r1 = 0
            call raw_token_try
            if r0 == 0 goto done
            r1 = r0
            call raw_token_put
        done:
            r0 = 5
            exit";
        assert_eq!(run_in(engine, null), (Ok(5), vec![]));
    }
}

/// Two tokens with these numbers, and a panic.
fn two_then_panic(first: u64, second: u64) -> String {
    format!(
        "r1 = {first}\ncall raw_token_new\nr6 = r0\nr1 = {second}\ncall raw_token_new\nr7 = r0\ncall raw_token_panic\n\
         r1 = r6\ncall raw_token_put\nr1 = r7\ncall raw_token_put\nr0 = 0\nexit"
    )
}

#[test]
fn a_run_that_ends_early_gives_the_rest_to_the_destructor_newest_first() {
    for engine in ENGINES {
        let (result, destroyed) = run_in(engine, &two_then_panic(1, 2));
        let Err(RunError::KfuncPanicked { kfunc, .. }) = result else { panic!("{result:?}") };
        assert_eq!((kfunc.as_str(), destroyed), ("raw_token_panic", vec![2, 1]));
    }
}

#[test]
fn a_destructor_that_panics_does_not_stop_the_others() {
    for engine in ENGINES {
        let (result, destroyed) = run_in(engine, &two_then_panic(1, 13));
        // The first fault is the one that is told.
        let Err(RunError::KfuncPanicked { kfunc, .. }) = result else { panic!("{result:?}") };
        assert_eq!((kfunc.as_str(), destroyed), ("raw_token_panic", vec![13, 1]));
    }
}

#[test]
fn a_raw_reference_is_no_kref() {
    // `raw_shared_put` asks for a `KRef`: the ledger has none there, so the run ends, and the reference goes to the raw destructor.
    let text = "call raw_shared_raw\nr1 = r0\ncall raw_shared_put\nr0 = 0\nexit";
    for engine in ENGINES {
        let (result, _) = run_in(engine, text);
        assert!(matches!(result, Err(RunError::BadArgument { .. })), "{result:?}");
        assert_eq!(SHARED.with(Arc::strong_count), 1);
    }
}

#[test]
fn a_raw_function_takes_a_kref_as_the_address_that_it_is() {
    let text = "call raw_shared_get\nr1 = r0\ncall raw_shared_destroy\nr0 = 3\nexit";
    for engine in ENGINES {
        assert_eq!(run_in(engine, text).0, Ok(3));
        assert_eq!(
            SHARED.with(Arc::strong_count),
            1,
            "given back once: by the function, not by the ledger as well"
        );
    }
}

#[test]
fn references_of_both_kinds_to_one_object_are_counted_one_by_one() {
    let held = "call raw_shared_raw\nr6 = r0\ncall raw_shared_get\nr7 = r0\ncall raw_shared_raw\nr8 = r0";
    let back =
        "r1 = r7\ncall raw_shared_put\nr1 = r6\ncall raw_shared_destroy\nr1 = r8\ncall raw_shared_destroy";
    for engine in ENGINES {
        let (result, _) = run_in(engine, &format!("{held}\n{back}\nr0 = 0\nexit"));
        assert_eq!((result, SHARED.with(Arc::strong_count)), (Ok(0), 1));
        let (result, _) = run_in(engine, &format!("{held}\ncall raw_token_panic\n{back}\nr0 = 0\nexit"));
        assert!(matches!(result, Err(RunError::KfuncPanicked { .. })), "{result:?}");
        assert_eq!(SHARED.with(Arc::strong_count), 1);
    }
}

#[test]
fn an_interface_file_says_the_same() {
    let registry = Registry::collect().expect("the declarations agree");
    let read = Registry::from_interface((**registry.btf()).clone()).expect("an interface file");
    assert_eq!(read.kfuncs().len(), registry.kfuncs().len());
    for (own, read) in registry.kfuncs().iter().zip(read.kfuncs()) {
        assert_eq!(own.proto, read.proto);
    }
}

#[test]
fn memory_of_no_size_cannot_be_passed() {
    let expected = "arg#0 pointer type UNKNOWN  must point to scalar, or struct with scalar";
    let pointers = [
        "*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -8",
        "r1 = 0",
        "call raw_shared_get\nr1 = r0",
        "r2 = *(u64 *)(r1 + 0)\nr1 = r2",
    ];
    for pointer in pointers {
        assert_eq!(refusal(&format!("{pointer}\nr2 = 8\ncall raw_unsized\nr0 = 0\nexit")), expected);
    }
}
