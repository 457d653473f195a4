//! Helpers that ask the machine: time, randomness, processor.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use opswap_jit::RunHeader;

/// `u64 bpf_ktime_get_ns(void)`: nanoseconds of the monotonic clock, which does not run while the machine sleeps.
pub(super) unsafe extern "C" fn ktime_get_ns(
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: *mut RunHeader,
) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is writable, and the clock exists on every Linux.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    if status != 0 {
        return 0;
    }
    (now.tv_sec.cast_unsigned()).wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec.cast_unsigned())
}

thread_local! {
    static RANDOM: Cell<u64> = Cell::new(RandomState::new().hash_one(0_u8) | 1);
}

/// `u32 bpf_get_prandom_u32(void)`: pseudo-random, not for secrets.
pub(super) unsafe extern "C" fn prandom_u32(
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: *mut RunHeader,
) -> u64 {
    // xorshift64*: never 0, upper half well mixed. A thread that is being torn down gets a constant.
    RANDOM
        .try_with(|state| {
            let mut bits = state.get();
            bits ^= bits >> 12;
            bits ^= bits << 25;
            bits ^= bits >> 27;
            state.set(bits);
            bits.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
        })
        .unwrap_or(4)
}

/// `u32 bpf_get_smp_processor_id(void)`.
pub(super) unsafe extern "C" fn smp_processor_id(
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: *mut RunHeader,
) -> u64 {
    // SAFETY: takes nothing and touches no memory of ours.
    let cpu = unsafe { libc::sched_getcpu() };
    u64::try_from(cpu).unwrap_or(0)
}
