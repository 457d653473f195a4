//! Stack slots that the optimiser remembers, and what must make it forget them.

use crate::tests::harness::machine::{address, record};
use crate::tests::harness::{TestLinker, run};

/// Runs with a buffer that holds 1: a number that the verifier does not know.
fn result(text: &str) -> u64 {
    let linker = TestLinker { functions: vec![address(record)], arities: vec![1], cfi_hash: 0 };
    run(text, &mut 1_u64.to_le_bytes(), &linker)
}

#[test]
fn a_store_at_an_unknown_distance_is_seen() {
    let text = "
        r6 = *(u64 *)(r1 + 0)
        *(u64 *)(r10 - 8) = r6
        *(u64 *)(r10 - 16) = r6
        r2 = r6
        r2 &= 1
        r2 <<= 3
        r3 = r10
        r3 += r2
        *(u64 *)(r3 - 16) = 7
        r0 = *(u64 *)(r10 - 8)
        exit";
    assert_eq!(result(text), 7);
}

#[test]
fn a_store_by_a_subprogram_is_seen() {
    let text = "
        r6 = *(u64 *)(r1 + 0)
        *(u64 *)(r10 - 8) = r6
        r1 = r10
        r1 += -8
        call write
        r0 = *(u64 *)(r10 - 8)
        exit
    write:
        *(u64 *)(r1 + 0) = 7
        r0 = 0
        exit";
    assert_eq!(result(text), 7);
}

#[test]
fn a_store_that_overlaps_is_seen() {
    let text = "
        r6 = *(u64 *)(r1 + 0)
        *(u64 *)(r10 - 8) = r6
        *(u8 *)(r10 - 1) = 7
        r0 = *(u64 *)(r10 - 8)
        exit";
    assert_eq!(result(text), 1 + (7 << 56));
}

#[test]
fn a_register_that_changed_is_not_the_slot() {
    let text = "
        r6 = *(u64 *)(r1 + 0)
        *(u64 *)(r10 - 8) = r6
        r6 += 1
        r0 = *(u64 *)(r10 - 8)
        r0 += r6
        exit";
    assert_eq!(result(text), 3);
}
