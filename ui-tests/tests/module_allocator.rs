//! A module allocates with its application's allocator, whatever that is: here one that notices memory which is not its own.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use opswap::{Module, RunError, Runtime};
use ui_library as _;

/// Stands in front of all memory of this application.
const MARK: u64 = 0x6d61_726b_6d61_726b;

static FOREIGN: AtomicUsize = AtomicUsize::new(0);

struct Marking;

/// The layout with room for the mark in front.
fn marked(layout: Layout) -> (Layout, usize) {
    let front = layout.align().max(16);
    let size = layout.size().checked_add(front).expect("small");
    (Layout::from_size_align(size, front).expect("a layout"), front)
}

// SAFETY: memory of the system's allocator, a part of it kept in front.
unsafe impl GlobalAlloc for Marking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (layout, front) = marked(layout);
        // SAFETY: the caller's promise.
        let memory = unsafe { System.alloc(layout) };
        if memory.is_null() {
            return memory;
        }
        // SAFETY: `front` bytes, at least 16 of them, aligned to 16.
        unsafe { memory.cast::<u64>().write(MARK) };
        // SAFETY: the block has more than `front` bytes.
        unsafe { memory.add(front) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        let (layout, front) = marked(layout);
        // SAFETY: what `alloc` gave; and if it is not, 16 bytes in front of other memory can be read all the same.
        let memory = unsafe { memory.sub(front) };
        // SAFETY: as above.
        if unsafe { memory.cast::<u64>().read() } != MARK {
            FOREIGN.fetch_add(1, Ordering::Relaxed);
            return;
        }
        // SAFETY: it came from the system's allocator with this layout.
        unsafe { System.dealloc(memory, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Marking = Marking;

#[test]
fn what_one_side_allocates_the_other_frees() {
    // SAFETY: it is `ui-tests/module`, which uses opswap's macros, starts no thread and leaves nothing behind.
    let module = unsafe { Module::load(ui_tests::module_library()) }.expect("a module");
    let runtime = Runtime::builder().standalone("run").standalone("secret").build().expect("declarations");
    let objects = Path::new(env!("CARGO_MANIFEST_DIR")).join("module/bpf");
    let run = |name| {
        let program = runtime.load_one(objects.join("calls.bpf.o"), name);
        program.unwrap_or_else(|error| panic!("{name}: {error:?}")).run(&mut [])
    };
    // A counter of the application's goes into a tally of the module's, which the module frees.
    assert_eq!(run("both"), Ok(42));
    // The module makes the error, the application frees it; and it releases the module's tally.
    assert!(matches!(run("leaves_early"), Err(RunError::KfuncPanicked { .. })));
    let scores = runtime.load(objects.join("scores.bpf.o")).expect("an object");
    let link = module.attach(&scores, "scores").expect("a free slot");
    assert_eq!(run("score"), Ok(20));
    drop((link, scores));
    module.unload().expect("nothing is left");
    assert_eq!(FOREIGN.load(Ordering::Relaxed), 0, "memory of another allocator was freed here");
}
