//! Calls during a swap storm: threads call without pause while one exchanges the table every so often, and loads a new object now
//! and then, so that code is unmapped behind the callers' backs. Prints what was counted; stops when a call is lost or stale.
//! `cargo bench -p opswap --bench storm [seconds]`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use opswap::{Btf, KRef, Runtime, Slot, StructOps, kfunc, struct_ops};

/// What operations work on.
#[derive(Btf, Clone, Default)]
#[repr(C)]
struct Packet {
    len: u32,
    mark: u32,
    budget: u64,
}

/// An object that programs count references to.
#[derive(Btf)]
#[repr(C)]
struct Token {
    value: u32,
}

#[kfunc(acquire, ret_null)]
fn token_get(packet: &Packet) -> Option<KRef<Token>> {
    Some(KRef::new(Token { value: packet.len }))
}

#[kfunc(release)]
fn token_put(token: KRef<Token>) {
    drop(token);
}

#[kfunc]
fn token_value(token: &Token) -> u32 {
    token.value
}

#[kfunc]
fn step(packet: &Packet, at: u32) -> u32 {
    packet.len + at
}

#[struct_ops(name = "filter_ops")]
struct FilterOps {
    #[op(required)]
    classify: fn(packet: &mut Packet, weight: u32) -> u32,
    begin: Option<fn(packet: &mut Packet)>,
    exchange: fn(token: KRef<Token>) -> Option<KRef<Token>>,
    #[op(unsupported)]
    undo: fn(packet: &mut Packet) -> u32,
    name: [u8; 16],
    flags: u32,
}

impl StructOps for FilterOps {}

const NATIVE: u32 = 7;

/// Bytes of memory that the process occupies.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default();
    pages * 4096
}

fn main() {
    let seconds = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(5);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/objects/filter.bpf.o");
    let runtime = Runtime::new().expect("the declarations agree");
    let load = || runtime.load(&path).expect("it loads");
    let slot = Slot::new(FilterOps {
        classify: |packet, _| {
            packet.mark = 99;
            NATIVE
        },
        begin: None,
        exchange: |_| None,
        undo: |_| 0,
        name: [0; 16],
        flags: 0,
    });
    let stop = AtomicBool::new(false);
    let answered = AtomicU64::new(0);
    let (mut swaps, mut loads, mut first, mut last) = (0_u64, 0_u64, 0, 0);
    let start = Instant::now();
    thread::scope(|scope| {
        for caller in 0..3 {
            let (slot, stop, answered) = (&slot, &stop, &answered);
            scope.spawn(move || {
                let mut packet = Packet { len: 1, ..Packet::default() };
                let mut calls = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    for _ in 0..100 {
                        let answer = slot.pin().classify(&mut packet, caller);
                        let version = (answer, packet.mark);
                        assert!([(101, 1), (102, 2), (NATIVE, 99)].contains(&version), "{version:?}");
                        calls += 1;
                    }
                }
                answered.fetch_add(calls, Ordering::Relaxed);
            });
        }
        let mut object = load();
        while start.elapsed() < Duration::from_secs(seconds) {
            let one = object.struct_ops::<FilterOps>("one").expect("it fits");
            let two = object.struct_ops::<FilterOps>("two").expect("it fits");
            let link = one.attach(&slot).expect("a free slot");
            for _ in 0..10 {
                link.update(&two).expect("attached");
                link.update(&one).expect("attached");
                swaps += 2;
                thread::sleep(Duration::from_micros(200));
            }
            drop(link);
            swaps += 2;
            object = load();
            loads += 1;
            last = resident();
            if loads == 20 {
                first = last;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let (answered, counted) = (answered.into_inner(), slot.calls());
    println!("{answered} calls, {swaps} swaps, {loads} objects in {:.1} s", start.elapsed().as_secs_f64());
    println!("{} by programs, {} native, {} faulted", counted.program, counted.native, counted.faulted);
    println!("memory: {first} bytes after 20 objects, {last} at the end");
    assert_eq!(counted.total(), answered, "a call was lost, or counted twice");
    assert_eq!(counted.faulted, 0);
}
