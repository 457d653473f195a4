//! Damaged objects: every truncation and thousands of mutations end in a result, never in a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::hosts::{FakeHost, object};
use opswap::loader::ObjectFile;
use opswap_bpf::{Btf, ProgramKind};

const OBJECTS: [&str; 4] = ["full.bpf.o", "bare.bpf.o", "core.bpf.o", "fields.bpf.o"];

/// What came of the bytes: whether they parsed, and how many programs linked.
fn load(bytes: &[u8]) -> Option<usize> {
    let object = ObjectFile::parse(bytes).ok()?;
    // The object's own types stand for the host's, so that CO-RE relocations are followed.
    let host = FakeHost { types: object.btf().map(|btf| Btf::clone(btf)), ..FakeHost::full() };
    let programs = 0..object.programs().len().min(32);
    Some(programs.filter(|&at| object.link(at, ProgramKind::Named("test".into()), &host).is_ok()).count())
}

fn survives(bytes: &[u8], what: &dyn Fn() -> String) -> Option<usize> {
    catch_unwind(AssertUnwindSafe(|| load(bytes)))
        .unwrap_or_else(|_| panic!("the loader panicked: {}", what()))
}

/// Numbers that look random and are the same in every run (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }
}

#[test]
fn every_truncation_is_an_error_or_loads() {
    for name in OBJECTS {
        let bytes = object(name);
        for len in 0..bytes.len() {
            let loaded = survives(&bytes[..len], &|| format!("{name} cut to {len} bytes"));
            // Section headers stand at the end: an object cut by more than padding cannot be whole.
            assert!(loaded.is_none() || len + 64 > bytes.len(), "{name} cut to {len} bytes was loaded");
        }
    }
}

#[test]
fn mutations_end_in_a_result() {
    const ROUNDS: u32 = 40_000;
    const VALUES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, 0x18, 0x85, 0x20];
    for (seed, name) in (1u64..).zip(OBJECTS) {
        let original = object(name);
        let mut random = Random(seed);
        let mut loaded = 0u32;
        for round in 0..ROUNDS {
            let mut bytes = original.clone();
            let changes = 1 + random.below(4);
            for _ in 0..changes {
                let at = random.below(bytes.len());
                match random.below(4) {
                    0 => bytes[at] = VALUES[random.below(VALUES.len())],
                    1 => bytes[at] ^= 1 << random.below(8),
                    2 => {
                        let end = (at + 1 + random.below(8)).min(bytes.len());
                        bytes[at..end].fill(0xff);
                    }
                    _ => {
                        let end = (at + 4).min(bytes.len());
                        let word = u32::try_from(random.below(0x4000)).expect("small").to_le_bytes();
                        bytes[at..end].copy_from_slice(&word[..end - at]);
                    }
                }
            }
            let result = survives(&bytes, &|| format!("{name}, seed {seed}, round {round}"));
            loaded += u32::from(result.is_some());
        }
        // If nothing or everything loaded, the mutations would test nothing.
        assert!((400..ROUNDS).contains(&loaded), "{name}: {loaded} of {ROUNDS} mutants loaded");
    }
}

#[test]
fn wrong_containers_are_named() {
    let good = object("bare.bpf.o");
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        bytes
    };
    let cases: [(Vec<u8>, &str); 6] = [
        (Vec::new(), "ends within the file header"),
        (b"#!/bin/sh\n".to_vec(), "a file that begins with [23, 21, 2f, 62]"),
        (with(4, 1), "ELF file of class 1 (2 is 64-bit)"),
        (with(5, 2), "byte order 2 (1 is little-endian)"),
        (with(18, 62), "for machine 62 (247 is BPF)"),
        (with(16, 2), "type 2 (1 is relocatable)"),
    ];
    for (bytes, expected) in cases {
        let error = ObjectFile::parse(&bytes).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}\nexpected: {expected}");
    }
}
