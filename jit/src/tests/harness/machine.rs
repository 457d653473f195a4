//! Calls into compiled code, and the host functions that compiled code calls.

use std::cell::RefCell;

use crate::{CodeAddr, Executable, RunHeader};

/// Calls the entry of a program; what its host functions did to the run is in `run`.
pub(in crate::tests) fn call(executable: &Executable, context: &mut [u8], run: &RunHeader) -> u64 {
    type Entry = extern "C" fn(*mut u8, *const RunHeader) -> u64;
    let CodeAddr(entry) = executable.entry();
    // SAFETY: this is the address of a compiled entry, which has this signature, and the executable is borrowed.
    let entry = unsafe { std::mem::transmute::<*const (), Entry>(entry as *const ()) };
    entry(context.as_mut_ptr(), run)
}

/// What a host function has as its signature.
pub(in crate::tests) type HostFunction = extern "C" fn(u64, u64, u64, u64, u64, *const RunHeader) -> u64;

/// The address of a host function.
pub(in crate::tests) fn address(function: HostFunction) -> CodeAddr {
    CodeAddr(function as *const () as usize)
}

thread_local! {
    /// Arguments of each call of [`record`], in order.
    static TRACE: RefCell<Vec<[u64; 5]>> = const { RefCell::new(Vec::new()) };
}

/// What [`record`] noted since the last time.
pub(in crate::tests) fn take_trace() -> Vec<[u64; 5]> {
    TRACE.take()
}

/// The result of [`record`]: depends on every argument and on its position.
pub(in crate::tests) fn mixed(arguments: [u64; 5]) -> u64 {
    arguments.iter().fold(0x9e37_79b9_7f4a_7c15, |sum, &argument| {
        (sum ^ argument).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(29)
    })
}

/// Notes its arguments.
pub(in crate::tests) extern "C" fn record(
    a: u64,
    b: u64,
    c: u64,
    d: u64,
    e: u64,
    _: *const RunHeader,
) -> u64 {
    note([a, b, c, d, e])
}

/// Notes its first `N` arguments, and zeroes for the others.
pub(in crate::tests) extern "C" fn record_first<const N: usize>(
    a: u64,
    b: u64,
    c: u64,
    d: u64,
    e: u64,
    _: *const RunHeader,
) -> u64 {
    let mut arguments = [a, b, c, d, e];
    arguments[N..].fill(0);
    note(arguments)
}

fn note(arguments: [u64; 5]) -> u64 {
    TRACE.with_borrow_mut(|trace| trace.push(arguments));
    clobber();
    mixed(arguments)
}

/// Ends the run if its first argument is not 0.
pub(in crate::tests) extern "C" fn abort_if(
    a: u64,
    b: u64,
    c: u64,
    d: u64,
    e: u64,
    run: *const RunHeader,
) -> u64 {
    record(a, b, c, d, e, run);
    if a != 0 {
        // SAFETY: the caller is compiled code, which passes the header that `call` was given; it lives until that returns.
        let run = unsafe { &*run };
        run.abort.set(1);
    }
    0xdead_beef
}

/// Calls a callback: `r1` is its address, `r2` how often, `r3` is handed on; adds up what it returns.
pub(in crate::tests) extern "C" fn call_back(
    callback: u64,
    times: u64,
    context: u64,
    _: u64,
    _: u64,
    run: *const RunHeader,
) -> u64 {
    // SAFETY: the tests pass addresses of their program's functions only, whose entries have this signature.
    let callback = unsafe { std::mem::transmute::<*const (), HostFunction>(callback as *const ()) };
    (0..times).map(|index| callback(index, context, 2, 3, 4, run)).fold(0, u64::wrapping_add)
}

/// A tail call that finds its target when the index, `r3`, is below 33: the target gives 1000 and the index.
pub(in crate::tests) extern "C" fn tail_call(
    _: u64,
    _: u64,
    index: u64,
    _: u64,
    _: u64,
    run: *const RunHeader,
) -> u64 {
    clobber();
    if index >= 33 {
        return u64::MAX;
    }
    // SAFETY: as in `abort_if`.
    let run = unsafe { &*run };
    run.leave.set(1);
    1000 + index
}

/// A packet of ten bytes that count from 0.
pub(in crate::tests) extern "C" fn packet_load(
    offset: u64,
    bytes: u64,
    _: u64,
    _: u64,
    _: u64,
    run: *const RunHeader,
) -> u64 {
    clobber();
    if offset + bytes <= 10 {
        return (offset..offset + bytes).fold(0, |value, byte| value << 8 | byte);
    }
    // SAFETY: as in `abort_if`.
    let run = unsafe { &*run };
    run.leave.set(1);
    0
}

/// The four bytes in front of an entry.
pub(in crate::tests) fn hash_in_front(executable: &Executable, CodeAddr(entry): CodeAddr) -> u32 {
    let offset = entry - executable.bytes().as_ptr() as usize;
    let bytes = &executable.bytes()[offset - 4..offset];
    u32::from_le_bytes(bytes.try_into().expect("four bytes"))
}

/// Spoils every register that a callee may change.
fn clobber() {
    // SAFETY: the assembly only writes the registers that it declares.
    unsafe {
        std::arch::asm!(
            "mov rdi, {0}", "mov rsi, {0}", "mov rdx, {0}", "mov rcx, {0}", "mov r8, {0}", "mov r9, {0}", "mov r10, {0}",
            "mov r11, {0}", "cmp {0}, 0",
            in(reg) 0x5afe_c0de_5afe_c0de_u64,
            out("rdi") _, out("rsi") _, out("rdx") _, out("rcx") _, out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            options(nomem, nostack),
        );
    }
}

/// Would a `movaps` to the stack of a callee fault? Notes the alignment of the stack pointer at its entry.
pub(in crate::tests) extern "C" fn stack_alignment(
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: *const RunHeader,
) -> u64 {
    #[repr(align(16))]
    struct Aligned([u64; 2]);
    let local = Aligned([1, 2]);
    let address = std::hint::black_box(&raw const local) as u64;
    address % 16 + local.0[0] - 1
}
