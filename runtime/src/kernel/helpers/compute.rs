//! Helpers that read the packet or compute.

use opswap_jit::RunHeader;

use super::error;
use crate::maps::{read_passed, with_scratch};
use crate::run::{self, PacketMemory, Run};

/// Most bytes that `bpf_csum_diff` looks at in both memories together.
const MAX_DIFF: u64 = 512;

/// Legacy loads count offsets from here on from the network header (`SKF_NET_OFF`).
const NETWORK: i64 = -0x10_0000;
/// And from here on from the link header (`SKF_LL_OFF`).
const LINK: i64 = -0x20_0000;

/// `len` bytes of the packet, `offset` bytes behind its link header.
fn bytes_at(packet: PacketMemory, offset: usize, len: usize) -> Option<Vec<u8>> {
    if offset.checked_add(len)? > packet.len {
        return None;
    }
    let from = packet.base.wrapping_add(offset);
    Some(with_scratch(len, |words| {
        // SAFETY: the run's packet is mapped and only the program writes to it, which is in this call; the bytes lie in it.
        unsafe { read_passed(from, len, words) };
        words.iter().flat_map(|word| word.to_le_bytes()).take(len).collect()
    }))
}

/// The bytes that a legacy load at `offset` reads.
fn legacy_bytes(packet: PacketMemory, offset: i32, len: usize) -> Option<Vec<u8>> {
    let offset = i64::from(offset);
    let (from, offset) = match offset {
        0.. => (packet.start, offset),
        NETWORK..0 => (packet.network, offset - NETWORK),
        LINK..NETWORK => (0, offset - LINK),
        _ => return None,
    };
    bytes_at(packet, from.checked_add(usize::try_from(offset).ok()?)?, len)
}

/// A legacy packet load: `fn(offset, bytes, _, _, _, run)`, the number in host order. Beyond the packet the function of the program
/// that asked returns 0.
pub(crate) unsafe extern "C" fn packet_load(
    offset: u64,
    bytes: u64,
    _: u64,
    _: u64,
    _: u64,
    run: *mut RunHeader,
) -> u64 {
    let body = |run: &Run<'_>| {
        let packet = run.packet();
        let found =
            packet.and_then(|packet| legacy_bytes(packet, (offset as u32).cast_signed(), bytes as usize));
        if found.is_none() {
            run.leave();
        }
        Ok(found.unwrap_or_default().iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    };
    // SAFETY: compiled code passes the run that it was given.
    unsafe { run::shim(run, "packet load", body) }
}

/// `long bpf_skb_load_bytes(skb, offset, to, len)`: `to` is zeroed when the packet has not so many bytes.
pub(super) unsafe extern "C" fn skb_load_bytes(
    _: u64,
    offset: u64,
    to: u64,
    len: u64,
    _: u64,
    run: *mut RunHeader,
) -> u64 {
    let len = len as u32;
    let body = |run: &Run<'_>| {
        let found = run.packet().and_then(|packet| {
            bytes_at(packet, packet.start.checked_add(offset as u32 as usize)?, len as usize)
        });
        let to = std::ptr::with_exposed_provenance_mut::<u8>(to as usize);
        if let Some(bytes) = found {
            // SAFETY: the verifier proved that `len` bytes from `to` are writable; `bytes` is memory of this function.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, len as usize) };
            return Ok(0);
        }
        // SAFETY: as above.
        unsafe { std::ptr::write_bytes(to, 0, len as usize) };
        Ok(error(libc::EFAULT))
    };
    // SAFETY: compiled code and the interpreter pass the run that they were given.
    unsafe { run::shim(run, "bpf_skb_load_bytes", body) }
}

/// `long bpf_skb_store_bytes(skb, offset, from, len, flags)`; the flags concern checksums, of which there are none.
pub(super) unsafe extern "C" fn skb_store_bytes(
    _: u64,
    offset: u64,
    from: u64,
    len: u64,
    _: u64,
    run: *mut RunHeader,
) -> u64 {
    let (offset, len) = (offset as u32 as usize, len as u32 as usize);
    let body = |run: &Run<'_>| {
        let Some(packet) = run.packet() else { return Ok(error(libc::EFAULT)) };
        let at = packet.start.checked_add(offset);
        let fits = at.and_then(|at| at.checked_add(len)).is_some_and(|end| end <= packet.len);
        let (Some(at), true) = (at, fits) else { return Ok(error(libc::EFAULT)) };
        let to = std::ptr::with_exposed_provenance_mut::<u8>(packet.base + at);
        let from = std::ptr::with_exposed_provenance::<u8>(from as usize);
        // SAFETY: the verifier proved that `len` bytes from `from` are readable; those from `to` lie in the packet, which only
        // this run uses.
        unsafe { std::ptr::copy(from, to, len) };
        Ok(0)
    };
    // SAFETY: compiled code and the interpreter pass the run that they were given.
    unsafe { run::shim(run, "bpf_skb_store_bytes", body) }
}

/// `s64 bpf_csum_diff(from, from_size, to, to_size, seed)`: the change of an Internet checksum (RFC 1071), folded to 16 bits.
pub(super) unsafe extern "C" fn csum_diff(
    from: u64,
    from_size: u64,
    to: u64,
    to_size: u64,
    seed: u64,
    _: *mut RunHeader,
) -> u64 {
    let sizes = (from_size as u32, to_size as u32);
    if !sizes.0.is_multiple_of(4) || !sizes.1.is_multiple_of(4) {
        return error(libc::EINVAL);
    }
    if u64::from(sizes.0) + u64::from(sizes.1) > MAX_DIFF {
        return error(libc::EINVAL);
    }
    let sum = |address: u64, size: u32, change: fn(u32) -> u32| {
        with_scratch(size as usize, |words| {
            // SAFETY: the verifier proved that `size` bytes are readable there.
            unsafe { read_passed(address as usize, size as usize, words) };
            let halves = words.iter().flat_map(|word| [*word as u32, (*word >> 32) as u32]);
            halves.take(size as usize / 4).fold(0_u64, |sum, half| sum + u64::from(change(half)))
        })
    };
    let total = u64::from(seed as u32) + sum(from, sizes.0, |half| !half) + sum(to, sizes.1, |half| half);
    fold(total)
}

/// A sum of 16-bit digits, carries added back until none is left.
fn fold(mut sum: u64) -> u64 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}
