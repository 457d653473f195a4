//! Accepted programs do what the verifier believes: the interpreter never faults on them, and every register it sees lies
//! within one of the states that the walk came to at that instruction. Pruning changes no verdict.

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::Reg;
use opswap_bpf::insn::{Insn, Size, Src};
use opswap_bpf::interp::{
    Args, Budget, Calls, Machine, NoCalls, Observer as Watch, Protection, Regions, Registers,
};
use opswap_bpf::proto::{ContextLayout, EntryProto, MemAccess, ReturnRule, Sleepable};
use opswap_bpf::random::{self, Features, Rng, Shape};
use opswap_bpf::{InsnIdx, Program, ProgramKind};
use opswap_verifier::limits::{ImmediateRules, Pruning, UnreachableCode};
use opswap_verifier::state::{RegState, Region, VerifierState};
use opswap_verifier::{Category, Limits, Observer, Rounds, verify_observed, verify_with};

use crate::lab::{Lab, WithEntry};

const MEMORY: u64 = 0x1000_0000;
const BYTES: usize = 1024;

/// States by slot, as the walk came to them.
#[derive(Default)]
struct Believed {
    states: Vec<Vec<VerifierState>>,
    /// Registers that may still be read, by slot.
    live: Vec<Vec<Reg>>,
    /// Registers whose numbers matter, by slot.
    exact: Vec<Vec<Reg>>,
}

/// States kept per slot; programs with more are not checked there.
const MAX_STATES: usize = 2_000;

impl Observer for Believed {
    fn rounds(&self) -> Rounds {
        Rounds::UntilSettled
    }

    fn begin(&mut self, live: Vec<Vec<Reg>>, exact: Vec<Vec<Reg>>) {
        *self = Self { states: Vec::new(), live, exact };
    }

    fn before(&mut self, at: InsnIdx, state: &VerifierState) {
        if self.states.len() <= at.index() {
            self.states.resize_with(at.index() + 1, Vec::new);
        }
        if self.states[at.index()].len() <= MAX_STATES {
            self.states[at.index()].push(state.clone());
        }
    }
}

/// Compares a run with what was believed.
struct Watcher<'a> {
    believed: &'a Believed,
    /// Frame pointers of the active frames.
    frames: Vec<u64>,
}

impl Watcher<'_> {
    fn within(&self, reg: &RegState, value: u64) -> bool {
        let base = match reg {
            RegState::NotInit => return true,
            RegState::Scalar(number) => return number.value.contains(value),
            RegState::Pointer(pointer) => match pointer.to {
                Region::Context => MEMORY,
                Region::Stack(frame) => self.frames[usize::from(frame)],
                Region::MapPtr(_)
                | Region::MapValue(_)
                | Region::MapKey(_)
                | Region::Object(_)
                | Region::Memory { .. }
                | Region::Packet { .. }
                | Region::PacketEnd
                | Region::Record { .. }
                | Region::Dynptr(_)
                | Region::Allocated(_)
                | Region::Probed
                | Region::Arena
                | Region::Func(_) => panic!("no such pointer is given: {pointer:?}"),
            },
        };
        let RegState::Pointer(pointer) = reg else { return false };
        let fixed = i64::from(pointer.offset).cast_unsigned();
        pointer.var.contains(value.wrapping_sub(base).wrapping_sub(fixed))
    }
}

impl Watch for Watcher<'_> {
    fn before(&mut self, at: InsnIdx, frame: u32, registers: &Registers) -> Result<(), String> {
        self.frames.truncate(frame as usize);
        self.frames.push(registers[Reg::FP.index()]);
        let states = self.believed.states.get(at.index()).map_or(&[][..], Vec::as_slice);
        if states.len() > MAX_STATES {
            return Ok(());
        }
        let (live, exact) = (&self.believed.live[at.index()], &self.believed.exact[at.index()]);
        let possible = states.iter().any(|state| {
            let within = |reg: Reg| match state.reg(reg) {
                // Nothing relies on this number: any is as good.
                RegState::Scalar(_) if !exact.contains(&reg) => true,
                value @ (RegState::NotInit | RegState::Scalar(_) | RegState::Pointer(_)) => {
                    self.within(value, registers[reg.index()])
                }
            };
            state.frames().len() == frame as usize + 1 && live.iter().all(|&reg| within(reg))
        });
        if possible { Ok(()) } else { Err(format!("{at}: no believed state has {registers:x?}")) }
    }
}

fn entry() -> EntryProto {
    EntryProto {
        name: "random".into(),
        context: ContextLayout::Buffer {
            size: u32::try_from(BYTES).expect("small"),
            access: MemAccess::ReadWrite,
        },
        ret: ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned },
        sleepable: Sleepable::No,
        declared_at: None,
    }
}

/// Runs an accepted program once; says what went wrong.
fn run(insns: &[Insn], believed: &Believed, seed: u64) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let content = (0..BYTES).map(|_| u8::try_from(rng.edge() & 0xff).unwrap_or(0)).collect();
    let mut memory = Regions::new().with("context", MEMORY, content, Protection::ReadWrite);
    let mut watcher = Watcher { believed, frames: Vec::new() };
    let args: Args = [MEMORY, BYTES as u64, 0, 0, 0];
    let calls: &mut dyn Calls = &mut NoCalls;
    let machine = Machine::new(insns, &mut memory, Budget { instructions: 200_000, ..Budget::default() });
    machine.observed_by(&mut watcher).run(args, calls).map(|_| ()).map_err(|trap| trap.to_string())
}

fn limits() -> Limits {
    let (immediates, unreachable) = (ImmediateRules::Rfc9669, UnreachableCode::Allowed);
    Limits { immediates, unreachable, ..Limits::default() }
}

/// Changes a few instructions, so that some programs break the rules.
fn mutate(insns: &mut [Insn], rng: &mut Rng) {
    for _ in 0..=rng.below(2) {
        let at = rng.below(u32::try_from(insns.len()).expect("small")) as usize;
        let other = insns[rng.below(u32::try_from(insns.len()).expect("small")) as usize];
        let fixed = |insn: &Insn| matches!(insn, Insn::LoadImm64 { .. } | Insn::LoadImm64Tail);
        let (change, edge) = (rng.below(4), rng.edge_imm());
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others stay as they are")]
        match &mut insns[at] {
            Insn::Alu { src: src @ Src::Imm(_), .. } | Insn::Branch { src: src @ Src::Imm(_), .. }
                if change == 0 =>
            {
                *src = Src::Imm(edge);
            }
            Insn::Load { offset, .. } | Insn::Store { offset, .. } if change == 1 => {
                *offset = offset.wrapping_add(8);
            }
            Insn::Branch { op, .. } if change == 2 => {
                if let Insn::Branch { op: new, .. } = other {
                    *op = new;
                }
            }
            insn if !fixed(insn) && !fixed(&other) => *insn = other,
            _ => {}
        }
    }
}

/// Verifies and runs `count` programs; returns how many were accepted.
fn campaign(first: u64, count: u64, mutants: bool) -> u64 {
    let lab = Lab::new();
    let host = WithEntry { lab: &lab, entry: entry() };
    let shape = Shape {
        memory_bytes: u32::try_from(BYTES).expect("small"),
        statements: 25,
        features: Features::all(),
        ..Shape::default()
    };
    let mut accepted = 0;
    for seed in first..first + count {
        let mut insns = random::program(seed, &shape);
        if mutants {
            mutate(&mut insns, &mut Rng::new(seed));
        }
        let program = || Program::bare("random", ProgramKind::Named("random".into()), insns.clone());
        let mut believed = Believed::default();
        let (verdict, _) = verify_observed(program(), &host, &limits(), &mut believed);
        match verdict {
            Ok(_) => accepted += 1,
            Err(rejection) if mutants || rejection.category() == Category::Budget => continue,
            Err(rejection) => panic!("seed {seed}: {rejection} at {}", rejection.at),
        }
        for input in 0..2 {
            if let Err(fault) = run(&insns, &believed, seed ^ input << 32) {
                panic!(
                    "seed {seed}, input {input}: accepted, but {fault}\n{}",
                    opswap_bpf::display::Listing(&insns)
                );
            }
        }
    }
    accepted
}

#[test]
fn random_programs_stay_within_what_is_believed() {
    let accepted = campaign(0, 600, false);
    assert!(accepted >= 590, "only {accepted} of 600 were accepted");
}

#[test]
fn accepted_mutants_stay_within_what_is_believed() {
    let accepted = campaign(1_000_000, 3_000, true);
    assert!(accepted > 300, "only {accepted} of 3,000 were accepted");
}

#[test]
fn pruning_changes_no_verdict() {
    let lab = Lab::new();
    let host = WithEntry { lab: &lab, entry: entry() };
    let shape = Shape {
        memory_bytes: u32::try_from(BYTES).expect("small"),
        statements: 8,
        features: Features::all() - Features::LOOPS - Features::MAY_GOTO,
        ..Shape::default()
    };
    let mut compared = 0;
    for seed in 0..2_000 {
        let mut insns = random::program(seed, &shape);
        mutate(&mut insns, &mut Rng::new(seed));
        let program = || Program::bare("random", ProgramKind::Named("random".into()), insns.clone());
        let small = Limits { insns_processed: 50_000, ..limits() };
        let (pruned, _) = verify_with(program(), &host, &small);
        let (walked, stats) = verify_with(program(), &host, &Limits { pruning: Pruning::Off, ..small });
        if stats.insns_processed < 50_000 {
            compared += 1;
            assert_eq!(pruned.is_ok(), walked.is_ok(), "seed {seed}");
        }
    }
    assert!(compared > 1_500, "only {compared} programs were small enough");
}
