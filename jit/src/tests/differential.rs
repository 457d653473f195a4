//! Ten thousand random programs, compiled and interpreted: result, memory (into which each program writes its registers and its
//! stack) and the trace of calls must be the same.

use opswap_bpf::interp::{Args, Budget, Calls, Machine, Protection, Regions, Stop};
use opswap_bpf::random::{Features, KfuncShape, Rng, Shape, program};
use opswap_bpf::{Insn, KfuncId};

use crate::RunHeader;
use crate::tests::harness::machine::{HostFunction, address, call, mixed, record_first, take_trace};
use crate::tests::harness::{TestLinker, buffer_entry, compile_checked, prove, ways};

/// In the ordinary test run; `OPSWAP_RANDOM_PROGRAMS` asks for more.
const PROGRAMS: u64 = 10_000;
const THREADS: u64 = 4;
/// Why the verifier may refuse a program of the generator: it gives up, or sees no end of a loop.
const TOO_COMPLEX: [&str; 3] = ["is too complex", "is too large", "infinite loop"];
/// Bytes of memory that the programs are given.
const MEMORY: u32 = 256;

fn shape(seed: u64) -> Shape {
    let kfuncs = (0..=5).map(|args| KfuncShape { id: KfuncId(args), module: 0, args: args as u8 }).collect();
    // Short programs meet edges, long ones mix them.
    let statements = [3, 10, 40, 120][(seed % 4) as usize];
    Shape { memory_bytes: MEMORY, statements, kfuncs, features: Features::all() }
}

/// Kfunc `n` looks at its first `n` arguments.
fn linker() -> TestLinker {
    let functions = [
        record_first::<0> as HostFunction,
        record_first::<1>,
        record_first::<2>,
        record_first::<3>,
        record_first::<4>,
        record_first::<5>,
    ]
    .map(address);
    TestLinker { functions: functions.to_vec(), ..TestLinker::default() }
}

/// The same kfuncs for the interpreter.
#[derive(Default)]
struct Recorder(Vec<[u64; 5]>);

impl Calls for Recorder {
    fn kfunc(&mut self, id: KfuncId, _: i16, mut args: Args, _: &mut Machine<'_>) -> Result<u64, Stop> {
        args[id.index()..].fill(0);
        self.0.push(args);
        Ok(mixed(args))
    }
}

/// Whether the verifier followed a program to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Accepted,
    TooComplex,
}

/// Runs one program in every way over a few memories, if the verifier accepts it.
fn check(seed: u64) -> Verdict {
    let insns = program(seed, &shape(seed));
    let proved = match prove(&insns, buffer_entry(MEMORY), &[0, 1, 2, 3, 4, 5]) {
        Ok(proved) => proved,
        Err(why) if TOO_COMPLEX.iter().any(|text| why.contains(text)) => return Verdict::TooComplex,
        Err(why) => panic!(
            "seed {seed}: {why}
{}",
            listing(&insns)
        ),
    };
    let linker = linker();
    let images = ways().map(|way| compile_checked(&proved, &linker, way));
    let mut rng = Rng::new(!seed);
    for _ in 0..2 {
        let before: Vec<u8> = (0..MEMORY).map(|_| rng.below(256) as u8).collect();
        let mut native = before.clone();
        let base = native.as_mut_ptr() as u64;
        let mut memory = Regions::new().with("memory", base, before.clone(), Protection::ReadWrite);
        let mut recorder = Recorder::default();
        let arguments = [base, MEMORY.into(), 0, 0, 0];
        let expected =
            opswap_bpf::interp::run(&insns, arguments, &mut memory, &mut recorder, Budget::default())
                .unwrap_or_else(|trap| panic!("seed {seed}: {trap}\n{}", listing(&insns)));
        for (image, way) in images.iter().zip(ways()) {
            native.copy_from_slice(&before);
            let r0 = call(image, &mut native, &RunHeader::default());
            let what = || format!("seed {seed}, {way:?}\n{}", listing(&insns));
            assert_eq!(take_trace(), recorder.0, "calls, {}", what());
            assert_eq!(r0, expected.r0(), "result, {}", what());
            assert!(
                native == memory.bytes("memory"),
                "memory {native:x?}, expected {:x?}, {}",
                memory.bytes("memory"),
                what()
            );
        }
    }
    Verdict::Accepted
}

fn listing(insns: &[Insn]) -> String {
    opswap_bpf::display::Listing(insns).to_string()
}

#[test]
fn random_programs_do_the_same_compiled_and_interpreted() {
    let asked = std::env::var("OPSWAP_RANDOM_PROGRAMS").ok().and_then(|count| count.parse().ok());
    let programs = PROGRAMS.max(asked.unwrap_or(0));
    let share = programs / THREADS;
    let refused: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || run_share(thread, share))).collect();
        threads.into_iter().map(|thread| thread.join().expect("the thread's own message says why")).sum()
    });
    println!("{programs} programs compared, {refused} refused as too complex");
}

/// Compares one thread's share of the programs; returns how many were refused on the way.
fn run_share(thread: u64, share: u64) -> u64 {
    let (mut accepted, mut refused) = (0, 0);
    for seed in (thread..).step_by(THREADS as usize) {
        match check(seed) {
            Verdict::Accepted => accepted += 1,
            Verdict::TooComplex => refused += 1,
        }
        assert!(refused <= 20 + accepted, "the verifier refuses every second program");
        if accepted == share {
            break;
        }
    }
    refused
}
