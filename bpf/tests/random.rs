//! Random programs run to their end in the interpreter, whatever the seed, and use the whole instruction set.

use std::collections::BTreeSet;

use opswap_bpf::insn::{AluOp, AtomicOp, Insn, JmpOp};
use opswap_bpf::interp::{Args, Budget, Calls, Machine, POISON, Protection, Regions, Stop, run};
use opswap_bpf::random::{Features, KfuncShape, Rng, Shape, program};
use opswap_bpf::{KfuncId, decode, encode};

const MEMORY: u64 = 0x1000_0000;

struct Sum;

impl Calls for Sum {
    fn kfunc(&mut self, id: KfuncId, _: i16, args: Args, _: &mut Machine<'_>) -> Result<u64, Stop> {
        let count = if id == KfuncId(1) { 2 } else { 5 };
        // An argument that the program did not set would hold poison.
        if args[..count].contains(&POISON) {
            return Err(Stop::abort("an argument is undefined"));
        }
        Ok(args[..count].iter().fold(0, |sum, arg| sum.wrapping_mul(3).wrapping_add(*arg)))
    }
}

fn shapes() -> [Shape; 4] {
    let kfuncs = vec![
        KfuncShape { id: KfuncId(1), module: 0, args: 2 },
        KfuncShape { id: KfuncId(2), module: 0, args: 5 },
    ];
    [
        Shape { kfuncs: kfuncs.clone(), ..Shape::default() },
        Shape { memory_bytes: Shape::MIN_MEMORY, statements: 10, kfuncs, ..Shape::default() },
        Shape { features: Features::empty(), ..Shape::default() },
        Shape { features: Features::all(), statements: 120, ..Shape::default() },
    ]
}

#[test]
fn programs_run_to_their_end() {
    let mut sizes = 0;
    for shape in shapes() {
        for seed in 0..1_500 {
            let insns = program(seed, &shape);
            sizes += insns.len();
            let content = vec![0x5a; shape.memory_bytes as usize];
            let mut memory = Regions::new().with("mem", MEMORY, content, Protection::ReadWrite);
            let budget = Budget { instructions: 1_000_000, ..Budget::default() };
            let outcome = run(&insns, [MEMORY, 0, 0, 0, 0], &mut memory, &mut Sum, budget);
            if let Err(trap) = outcome {
                panic!("seed {seed}: {trap}\n{}", opswap_bpf::display::Listing(&insns));
            }
            assert_eq!(program(seed, &shape), insns);
        }
    }
    println!("{} instructions on average", sizes / 6_000);
}

#[test]
fn programs_can_be_encoded() {
    for shape in shapes() {
        for seed in 0..300 {
            let insns = program(seed, &shape);
            let bytes = encode(&insns).expect("encodes");
            assert_eq!(decode(&bytes), Ok(insns));
        }
    }
}

#[test]
fn programs_use_the_whole_instruction_set() {
    let mut seen = BTreeSet::new();
    for seed in 0..2_000 {
        for insn in program(seed, &shapes()[0]) {
            seen.insert(if let Insn::Alu { op, width, .. } = insn {
                format!("{op:?} {width:?}")
            } else if let Insn::Branch { op, width, .. } = insn {
                format!("if {op:?} {width:?}")
            } else if let Insn::Atomic { op, width, .. } = insn {
                format!("atomic {op:?} {width:?}")
            } else {
                // The first word of the debug form names the kind.
                format!("{insn:?}").split([' ', '{']).next().unwrap_or_default().to_owned()
            });
        }
    }
    let operations = 2 * (AluOp::ALL.len() + JmpOp::ALL.len() + AtomicOp::ALL.len());
    // Mov, MovSx, Neg, ByteSwap, LoadImm64 and its tail, Load, Store, LoadAcquire, StoreRelease, Jump, MayGoto, Call, Exit
    assert_eq!(seen.len(), operations + 14, "{seen:?}");
}

#[test]
fn numbers_stay_below_their_limit() {
    let mut rng = Rng::new(1);
    let mut counts = [0; 10];
    for _ in 0..10_000 {
        counts[rng.below(10) as usize] += 1;
    }
    assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    assert_eq!(rng.below(0), 0);
    assert_eq!(rng.below(1), 0);
}
