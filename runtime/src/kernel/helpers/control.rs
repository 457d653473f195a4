//! Helpers that go on in the program: tail calls and loops.

use std::sync::Arc;

use opswap_jit::RunHeader;

use super::{call_back, error};
use crate::enter::{self, Entry};
use crate::helpers::map_at;
use crate::maps::Map;
use crate::program::ProgramCore;
use crate::run::{self, Run};

/// Most rounds of one `bpf_loop` (Linux: `BPF_MAX_LOOPS`).
const MAX_LOOPS: u64 = 8 << 20;
/// Tail calls in one run (Linux: `MAX_TAIL_CALL_CNT`).
const MAX_TAIL_CALLS: u32 = 33;

/// `long bpf_tail_call(ctx, prog_array_map, index)`: comes back only when there is no such program, or too many went before.
pub(super) unsafe extern "C" fn tail_call(
    context: u64,
    map: u64,
    index: u64,
    _: u64,
    _: u64,
    run: *mut RunHeader,
) -> u64 {
    // SAFETY: the verifier proved that the second argument is a map of the program.
    let map = unsafe { map_at(map) };
    let body = |run: &Run<'_>| {
        let target = match target(map, index, run) {
            Ok(target) => target,
            Err(errno) => return Ok(error(errno)),
        };
        // SAFETY: `target` keeps the code mapped during the call.
        let entry = unsafe { Entry::new(target.entry().as_ptr()) };
        let context = std::ptr::with_exposed_provenance_mut(context as usize);
        // SAFETY: programs of one array were verified for the same context, and the verifier proved that this is the caller's.
        let value = unsafe { enter::enter(entry, context, run) };
        run.leave();
        Ok(value)
    };
    // SAFETY: compiled code passes the run that it was given.
    unsafe { run::shim(run, "bpf_tail_call", body) }
}

/// The target of a tail call, or the error number that the caller gets.
pub(crate) fn target(map: &Map, index: u64, run: &Run<'_>) -> Result<Arc<ProgramCore>, i32> {
    let target = map.program(index as u32).ok_or(libc::ENOENT)?;
    if run.take_tail_call(MAX_TAIL_CALLS) { Ok(target) } else { Err(libc::ELOOP) }
}

/// The rounds of a loop, until one gives something else than 0, the run ends, or its turns are used up. Gives how many were begun.
fn rounds(run: &Run<'_>, count: u64, mut round: impl FnMut(u64) -> Option<u64>) -> u64 {
    for index in 0..count {
        if !run.take_turn() {
            return index;
        }
        if round(index) != Some(0) || run.is_aborted() {
            return index + 1;
        }
    }
    count
}

/// `long bpf_loop(nr_loops, callback, callback_ctx, flags)`.
pub(super) unsafe extern "C" fn bpf_loop(
    count: u64,
    callback: u64,
    context: u64,
    flags: u64,
    _: u64,
    run: *mut RunHeader,
) -> u64 {
    let body = |run: &Run<'_>| {
        let round = |index| {
            // SAFETY: the verifier proved that the second argument is a function of the program that takes an index and the
            // context.
            unsafe { call_back(callback, [index, context, 0, 0, 0], run) }
        };
        Ok(loop_of(run, count, flags, round))
    };
    // SAFETY: compiled code passes the run that it was given.
    unsafe { run::shim(run, "bpf_loop", body) }
}

fn loop_of(run: &Run<'_>, count: u64, flags: u64, round: impl FnMut(u64) -> Option<u64>) -> u64 {
    let count = u64::from(count as u32);
    if flags != 0 {
        return error(libc::EINVAL);
    }
    if count > MAX_LOOPS {
        return error(libc::E2BIG);
    }
    rounds(run, count, round)
}

/// `long bpf_for_each_map_elem(map, callback, callback_ctx, flags)`.
pub(super) unsafe extern "C" fn for_each_map_elem(
    map: u64,
    callback: u64,
    context: u64,
    flags: u64,
    _: u64,
    run: *mut RunHeader,
) -> u64 {
    // SAFETY: the verifier proved that the first argument is a map of the program.
    let shared = unsafe { map_at(map) };
    let body = |run: &Run<'_>| {
        let each = |key, value| {
            // SAFETY: the verifier proved that the second argument is a function of the program that takes a map, a key, a value
            // and the context.
            unsafe { call_back(callback, [map, key, value, context, 0], run) }
        };
        Ok(elements(run, shared, flags, each))
    };
    // SAFETY: compiled code passes the run that it was given.
    unsafe { run::shim(run, "bpf_for_each_map_elem", body) }
}

/// Calls `each` with the addresses of a copy of each key and of its value.
fn elements(run: &Run<'_>, map: &Map, flags: u64, mut each: impl FnMut(u64, u64) -> Option<u64>) -> u64 {
    if flags != 0 {
        return error(libc::EINVAL);
    }
    let keys = map.keys();
    rounds(run, keys.len() as u64, |index| {
        let mut words = vec![0_u64; keys[index as usize].len().div_ceil(8)];
        for (word, chunk) in words.iter_mut().zip(keys[index as usize].chunks(8)) {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_ne_bytes(bytes);
        }
        // Deleted meanwhile, by an earlier round.
        let Some(value) = map.find(&words) else { return Some(0) };
        each(words.as_mut_ptr().expose_provenance() as u64, value as u64)
    })
}
