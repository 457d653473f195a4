//! Figures of the runtime: a call through a slot, a kfunc call, loading, collecting the registry.
//!
//! Rounds of all measurements are interleaved, so that a slow moment of the machine touches all of them; the fastest round of each
//! counts. `cargo bench -p opswap --bench op_call [part of a figure's name]`.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use opswap::{Btf, Runtime, Slot, StructOps, kfunc, struct_ops};

/// What operations work on.
#[derive(Btf, Clone, Default)]
#[repr(C)]
struct Packet {
    len: u32,
    mark: u32,
    budget: u64,
}

#[kfunc]
fn bench_nothing(number: u32) -> u32 {
    number
}

#[struct_ops(name = "bench_ops")]
struct BenchOps {
    empty: fn(packet: &mut Packet, weight: u32) -> u32,
    calls: fn(packet: &mut Packet, weight: u32) -> u32,
    hundred: fn(packet: &mut Packet, weight: u32) -> u32,
}

impl StructOps for BenchOps {}

fn native() -> BenchOps {
    BenchOps { empty: |_, weight| weight, calls: |_, weight| weight, hundred: |_, weight| weight }
}

/// What a host without slots would call.
trait Policy {
    fn empty(&self, packet: &mut Packet, weight: u32) -> u32;
}

struct Plain;
struct Other;

impl Policy for Plain {
    #[inline(never)]
    fn empty(&self, _packet: &mut Packet, weight: u32) -> u32 {
        weight
    }
}

impl Policy for Other {
    #[inline(never)]
    fn empty(&self, packet: &mut Packet, _weight: u32) -> u32 {
        packet.len
    }
}

fn object(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/objects").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A measurement: how often its body runs a round, and the fastest round.
struct Figure<'a> {
    name: &'static str,
    times: u32,
    best: Duration,
    body: Box<dyn FnMut(u32) + 'a>,
}

impl<'a> Figure<'a> {
    fn new(name: &'static str, times: u32, body: impl FnMut(u32) + 'a) -> Self {
        Self { name, times, best: Duration::MAX, body: Box::new(body) }
    }

    fn round(&mut self) {
        let start = Instant::now();
        (self.body)(self.times);
        self.best = self.best.min(start.elapsed());
    }

    fn report(&self) {
        let nanoseconds = self.best.as_nanos() as f64 / f64::from(self.times);
        println!("{:<44} {nanoseconds:>12.2} ns", self.name);
    }
}

fn main() {
    let runtime = Runtime::new().expect("the declarations agree");
    let bench = runtime.load(object("bench.bpf.o")).expect("it loads");
    let hundred = object("hundred.bpf.o");
    let table = bench.struct_ops::<BenchOps>("bench").expect("it fits");
    let (slot, idle) = (Slot::new(native()), Slot::new(native()));
    let link = table.attach(&slot).expect("a free slot");
    let policies: [Box<dyn Policy>; 2] = [Box::new(Plain), Box::new(Other)];
    let policy = black_box(&*policies[usize::from(std::env::args().count() > 9)]);
    let (mut a, mut b, mut c, mut d, mut e) =
        (Packet::default(), Packet::default(), Packet::default(), Packet::default(), Packet::default());
    const CALLS: u32 = 2_000_000;
    let mut figures = [
        Figure::new("dyn call", CALLS, |times| {
            for at in 0..times {
                black_box(policy.empty(black_box(&mut a), at));
            }
        }),
        Figure::new("pin and unpin", CALLS, |times| {
            for _ in 0..times {
                black_box(slot.pin());
            }
        }),
        Figure::new("op call: pin, empty program, unpin", CALLS, |times| {
            for at in 0..times {
                black_box(slot.pin().empty(black_box(&mut b), at));
            }
        }),
        Figure::new("op call: held pin, empty program", CALLS, |times| {
            let held = slot.pin();
            for at in 0..times {
                black_box(held.empty(black_box(&mut c), at));
            }
        }),
        Figure::new("op call: pin, native default", CALLS, |times| {
            for at in 0..times {
                black_box(idle.pin().empty(black_box(&mut d), at));
            }
        }),
        Figure::new("op call: pin, program calls one kfunc", CALLS, |times| {
            for at in 0..times {
                black_box(slot.pin().calls(black_box(&mut e), at));
            }
        }),
        Figure::new("update of a link", 2_000, |times| {
            for _ in 0..times {
                link.update(&table).expect("attached");
            }
        }),
        Figure::new("bytes to attached, 100 instructions", 100, |times| {
            for _ in 0..times {
                let object = runtime.load(&hundred).expect("it loads");
                let table = object.struct_ops::<BenchOps>("bench").expect("it fits");
                drop(table.attach(&idle).expect("a free slot"));
            }
        }),
        Figure::new("registry and runtime, this program", 200, |times| {
            for _ in 0..times {
                black_box(Runtime::new().expect("the declarations agree"));
            }
        }),
    ];
    // Cargo itself passes `--bench`; any other word chooses figures by name.
    let chosen: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let mut chosen: Vec<&mut Figure<'_>> = figures
        .iter_mut()
        .filter(|figure| chosen.is_empty() || chosen.iter().any(|word| figure.name.contains(word.as_str())))
        .collect();
    for _ in 0..20 {
        for figure in &mut chosen {
            figure.round();
        }
    }
    for figure in chosen {
        figure.report();
    }
}
