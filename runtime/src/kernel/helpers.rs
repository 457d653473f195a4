//! Linux's helpers by number, as far as they exist without a kernel, and what stands in for the others.
//!
//! The code relies on the contracts of Linux's helpers with these numbers, as every program here was verified against them
//! ([`Builder::build_over`](crate::Builder::build_over) demands it).

mod compute;
mod control;

use opswap_bpf::HelperId;
use opswap_bpf::interp::Args;
use opswap_jit::{CodeAddr, RunHeader};

use crate::enter;
use crate::error::RunError;
use crate::helpers as common;
use crate::interpret;
use crate::run::{self, Run};

pub(crate) use self::compute::packet_load;
pub(crate) use self::control::target;

/// What compiled code calls: the five argument registers, then the run.
type HelperFn = unsafe extern "C" fn(u64, u64, u64, u64, u64, *mut RunHeader) -> u64;

/// Address of a helper, or of what ends the run in its place.
pub(crate) fn addr(id: HelperId) -> CodeAddr {
    let code = match id.0 {
        1..=3 | 5..=8 => return common::addr(id).unwrap_or(CodeAddr(unknown as *const () as usize)),
        9 => compute::skb_store_bytes,
        12 => control::tail_call,
        26 => compute::skb_load_bytes,
        28 => compute::csum_diff,
        // Lookups of sockets, and room in a ring buffer: there are none.
        84 | 85 | 99 | 131 => nothing,
        // The packet has no hash, and the time in jiffies has just begun.
        34 | 118 => nothing,
        // A record for a ring buffer that nobody reads: it is dropped.
        130 => nothing,
        // Room in front of the packet, a checksum to update: there is none.
        40 | 43 => refused,
        // Spin locks: a run here shares its maps with nobody.
        93 | 94 => nothing,
        164 => control::for_each_map_elem,
        181 => control::bpf_loop,
        number => STUBS.get(number as usize).copied().unwrap_or(unknown),
    };
    CodeAddr(code as *const () as usize)
}

/// Gives 0, which every caller's contract allows.
unsafe extern "C" fn nothing(_: u64, _: u64, _: u64, _: u64, _: u64, _: *mut RunHeader) -> u64 {
    0
}

/// Refuses with `-EOPNOTSUPP`, which every caller's contract allows.
unsafe extern "C" fn refused(_: u64, _: u64, _: u64, _: u64, _: u64, _: *mut RunHeader) -> u64 {
    error(libc::EOPNOTSUPP)
}

/// Ends the run: helper `ID` needs a kernel.
unsafe extern "C" fn stub<const ID: u32>(_: u64, _: u64, _: u64, _: u64, _: u64, run: *mut RunHeader) -> u64 {
    // SAFETY: compiled code and the interpreter pass the run that they were given.
    unsafe { run::shim(run, "helper", |run| Ok(needs_kernel(run, HelperId(ID)))) }
}

/// Ends the run: a helper that is not even numbered here.
unsafe extern "C" fn unknown(_: u64, _: u64, _: u64, _: u64, _: u64, run: *mut RunHeader) -> u64 {
    // SAFETY: as for `stub`.
    unsafe { run::shim(run, "helper", |run| Ok(needs_kernel(run, HelperId(u32::MAX)))) }
}

#[cold]
fn needs_kernel(run: &Run<'_>, id: HelperId) -> u64 {
    let compiled = run.program().compiled();
    let name = compiled.and_then(|compiled| compiled.application.helper_name(id));
    let helper = name.map_or_else(|| id.to_string(), str::to_owned);
    run.abort(RunError::NeedsKernel {
        program: run.program().name.clone(),
        what: format!("helper `{helper}`"),
    });
    0
}

macro_rules! stubs {
    ($($hundreds:literal: $($number:literal)*;)*) => {
        [$($(stub::<{ $hundreds + $number }>,)*)*]
    };
}

/// What ends the run in the place of helper `n`.
static STUBS: [HelperFn; 240] = stubs! {
    0: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39;
    40: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39;
    80: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39;
    120: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39;
    160: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39;
    200: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39;
};

/// A negative error number as a program sees it.
fn error(errno: i32) -> u64 {
    i64::from(-errno).cast_unsigned()
}

/// Calls a function of the program from a helper; `None` when the run is over.
///
/// # Safety
/// `function` is what the running program passed as a callback that takes such arguments.
unsafe fn call_back(function: u64, args: Args, run: &Run<'_>) -> Option<u64> {
    if run.reentry().is_null() {
        // SAFETY: the caller's promise, and compiled code runs.
        unsafe { enter::call_back(function, args, run) }
    } else {
        // SAFETY: the caller's promise, and the interpreter waits for the helper.
        unsafe { interpret::call_back(function, args, run) }
    }
}
