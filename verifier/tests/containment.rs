//! What the verifier believes against what happens: random programs and mutants of them are verified, those that are accepted run
//! in the interpreter, and before each instruction every register that it reads must be what some abstract state says.
//!
//! `OPSWAP_CONTAINMENT=N` runs seeds up to `N`; the ordinary run takes a few hundred.

use std::collections::HashMap;

use opswap_bpf::btf::Signedness;
use opswap_bpf::display::Listing;
use opswap_bpf::insn::{AtomicOp, CallTarget, PacketMode, Reg, Size, Src};
use opswap_bpf::interp::{self, Budget, Machine, NoCalls, Protection, Regions, Registers, STACK_TOP};
use opswap_bpf::proto::{
    ContextLayout, FieldAccess, FieldPolicy, MemAccess, PointerPolicy, ReturnRule, Sleepable,
};
use opswap_bpf::random::{Rng, Shape, program};
use opswap_bpf::{
    Btf, BtfSpace, EntryProto, HelperId, HelperProto, Insn, InsnIdx, KfuncId, KfuncProto, Program,
    ProgramKind, TypeRef, decode, encode,
};
use opswap_verifier::host::Unavailable;
use opswap_verifier::state::{RegState, Region, VerifierState};
use opswap_verifier::{Host, Limits, Observer, Rounds, verify_observed};

const MEMORY: u64 = 0x1000_0000;
const MEMORY_BYTES: u32 = 256;
/// Distance of the interpreter's stack frames.
const FRAME_STRIDE: u64 = 0x10_0000;
/// Mutants of each random program.
const MUTANTS: u64 = 6;

struct TestHost(EntryProto);

impl Host for TestHost {
    fn btf(&self, _: BtfSpace) -> Option<&Btf> {
        None
    }
    fn entry(&self, _: &ProgramKind) -> Option<&EntryProto> {
        Some(&self.0)
    }
    fn kfunc(&self, _: KfuncId, _: i16, _: &ProgramKind) -> Result<&KfuncProto, Unavailable> {
        Err(Unavailable::Unknown)
    }
    fn helper(&self, _: HelperId, _: &ProgramKind) -> Result<&HelperProto, Unavailable> {
        Err(Unavailable::Unknown)
    }
    fn field(&self, _: TypeRef, _: u32, _: &ProgramKind) -> FieldPolicy {
        FieldPolicy { access: FieldAccess::Hidden, pointer: PointerPolicy::Untrusted }
    }
}

fn host() -> TestHost {
    TestHost(EntryProto {
        name: "test".to_owned(),
        context: ContextLayout::Buffer { size: MEMORY_BYTES, access: MemAccess::ReadWrite },
        ret: ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned },
        sleepable: Sleepable::No,
        declared_at: None,
    })
}

/// The registers of every state that the verifier came to.
#[derive(Default)]
struct Believed {
    /// By instruction and frame.
    states: HashMap<(InsnIdx, u32), Vec<[RegState; 11]>>,
    /// Registers whose numbers matter, by instruction.
    exact: Vec<Vec<Reg>>,
}

impl Observer for Believed {
    fn rounds(&self) -> Rounds {
        Rounds::UntilSettled
    }

    fn begin(&mut self, _: Vec<Vec<Reg>>, exact: Vec<Vec<Reg>>) {
        *self = Self { states: HashMap::new(), exact };
    }

    fn before(&mut self, at: InsnIdx, state: &VerifierState) {
        let regs = Reg::ALL.map(|reg| *state.reg(reg));
        self.states.entry((at, state.depth().into())).or_default().push(regs);
    }
}

impl Believed {
    fn holds(&self, at: InsnIdx, frame: u32, read: &[Reg], concrete: &Registers) -> bool {
        let states = self.states.get(&(at, frame)).map_or(&[][..], Vec::as_slice);
        let exact = self.exact.get(at.index()).map_or(&[][..], Vec::as_slice);
        let within = |state: &[RegState; 11], reg: &Reg| match &state[reg.index()] {
            // Nothing relies on this number: any is as good.
            RegState::Scalar(_) if !exact.contains(reg) => true,
            value @ (RegState::NotInit | RegState::Scalar(_) | RegState::Pointer(_)) => {
                contains(value, concrete[reg.index()])
            }
        };
        states.iter().any(|state| read.iter().all(|reg| within(state, reg)))
    }
}

fn contains(abstract_value: &RegState, concrete: u64) -> bool {
    match abstract_value {
        RegState::NotInit => false,
        RegState::Scalar(number) => number.value.contains(concrete),
        RegState::Pointer(pointer) => {
            let base = match pointer.to {
                Region::Stack(frame) => STACK_TOP - u64::from(frame) * FRAME_STRIDE,
                Region::Context | Region::Memory { .. } => MEMORY,
                Region::MapPtr(_)
                | Region::MapValue(_)
                | Region::MapKey(_)
                | Region::Object(_)
                | Region::Allocated(_)
                | Region::Func(_)
                | Region::Dynptr(_)
                | Region::Probed
                | Region::Arena
                | Region::Packet { .. }
                | Region::PacketEnd
                | Region::Record { .. } => return false,
            };
            let fixed = base.wrapping_add_signed(pointer.offset.into());
            pointer.var.contains(concrete.wrapping_sub(fixed))
        }
    }
}

/// Registers that an instruction reads; of a call, none, as its arguments are the callee's business.
fn reads(insn: Insn) -> Vec<Reg> {
    let with = |mut regs: Vec<Reg>, src: Src| {
        if let Src::Reg(reg) = src {
            regs.push(reg);
        }
        regs
    };
    match insn {
        Insn::Alu { dst, src, .. } | Insn::Branch { dst, src, .. } => with(vec![dst], src),
        Insn::Mov { src, .. } => with(Vec::new(), src),
        Insn::MovSx { src, .. } | Insn::AddressCast { src, .. } => vec![src],
        Insn::Neg { dst, .. } | Insn::ByteSwap { dst, .. } => vec![dst],
        Insn::Load { base, .. } | Insn::LoadAcquire { base, .. } => vec![base],
        Insn::Store { base, src, .. } => with(vec![base], src),
        Insn::StoreRelease { base, src, .. } => vec![base, src],
        Insn::Atomic { op: AtomicOp::Cmpxchg, base, src, .. } => vec![base, src, Reg::R0],
        Insn::Atomic { base, src, .. } => vec![base, src],
        Insn::LoadPacket { mode: PacketMode::Ind(reg), .. } => vec![Reg::R6, reg],
        Insn::LoadPacket { mode: PacketMode::Abs, .. } => vec![Reg::R6],
        Insn::CallReg { reg } => vec![reg],
        Insn::Exit => vec![Reg::R0],
        Insn::LoadImm64 { .. }
        | Insn::LoadImm64Tail
        | Insn::Jump { .. }
        | Insn::MayGoto { .. }
        | Insn::Call { target: CallTarget::Helper(_) | CallTarget::Subprog(_) | CallTarget::Kfunc { .. } } => {
            Vec::new()
        }
    }
}

struct Check<'a> {
    insns: &'a [Insn],
    believed: &'a Believed,
}

impl interp::Observer for Check<'_> {
    fn before(&mut self, at: InsnIdx, frame: u32, concrete: &Registers) -> Result<(), String> {
        let read = match self.insns.get(at.index()) {
            // A static subprogram may return without a result, if its caller never looks.
            Some(Insn::Exit) if frame > 0 => Vec::new(),
            Some(insn) => reads(*insn),
            None => Vec::new(),
        };
        if self.believed.holds(at, frame, &read, concrete) {
            return Ok(());
        }
        let values: Vec<String> =
            read.iter().map(|reg| format!("{reg} = {:#x}", concrete[reg.index()])).collect();
        Err(format!("no state of the verifier has {} here", values.join(", ")))
    }
}

/// A program that differs from `insns` in one to three slots, if it can be encoded at all.
fn mutant(rng: &mut Rng, insns: &[Insn]) -> Option<Vec<Insn>> {
    let mut bytes = encode(insns).ok()?;
    let slots = u32::try_from(insns.len()).ok()?;
    for _ in 0..=rng.below(3) {
        let at = rng.below(slots) as usize * 8;
        match rng.below(5) {
            // Another register.
            0 => bytes[at + 1] = (bytes[at + 1] & 0xf0) | u8::try_from(rng.below(11)).ok()?,
            1 => bytes[at + 1] = (bytes[at + 1] & 0x0f) | (u8::try_from(rng.below(11)).ok()? << 4),
            // Another offset or immediate.
            2 => bytes[at + 2] ^= 1 << rng.below(8),
            3 => bytes[at + 4..at + 8].copy_from_slice(&rng.edge_imm().to_le_bytes()),
            // Another slot's instruction.
            _ => {
                let from = rng.below(slots) as usize * 8;
                bytes.copy_within(from..from + 8, at);
            }
        }
    }
    decode(&bytes).ok()
}

/// Verifies a program and, if it is accepted, runs it on a few memories. Whether it was accepted.
fn accepted_and_contained(insns: &[Insn], rng: &mut Rng, name: &str) -> bool {
    let limits = Limits { insns_processed: 60_000, ..Limits::default() };
    let mut believed = Believed::default();
    let kind = ProgramKind::Named("test".to_owned());
    let (proof, _) =
        verify_observed(Program::bare("test", kind, insns.to_vec()), &host(), &limits, &mut believed);
    if proof.is_err() {
        return false;
    }
    for _ in 0..3 {
        let content = (0..MEMORY_BYTES / 8).flat_map(|_| rng.edge().to_le_bytes()).collect();
        let mut memory = Regions::new().with("memory", MEMORY, content, Protection::ReadWrite);
        let mut check = Check { insns, believed: &believed };
        // An accepted program ends: it may not run longer than the verifier walked, loops with `may_goto` aside.
        let budget = Budget { instructions: 1 << 24, may_goto: 1_000, ..Budget::default() };
        let machine = Machine::new(insns, &mut memory, budget).observed_by(&mut check);
        if let Err(trap) = machine.run([MEMORY, MEMORY_BYTES.into(), 0, 0, 0], &mut NoCalls) {
            panic!("{name}: {trap}\n{}", Listing(insns));
        }
    }
    true
}

#[test]
fn accepted_programs_do_what_the_verifier_believes() {
    let seeds = std::env::var("OPSWAP_CONTAINMENT").ok().and_then(|text| text.parse().ok()).unwrap_or(400);
    let shape = Shape { memory_bytes: MEMORY_BYTES, statements: 16, ..Shape::default() };
    let (mut accepted, mut mutants, mut accepted_mutants) = (0_u64, 0_u64, 0_u64);
    for seed in 0..seeds {
        let insns = program(seed, &shape);
        let mut rng = Rng::new(seed ^ 0x5eed);
        accepted += u64::from(accepted_and_contained(&insns, &mut rng, &format!("seed {seed}")));
        for number in 0..MUTANTS {
            let Some(insns) = mutant(&mut rng, &insns) else { continue };
            mutants += 1;
            let name = format!("mutant {number} of seed {seed}");
            accepted_mutants += u64::from(accepted_and_contained(&insns, &mut rng, &name));
        }
    }
    println!(
        "{accepted} of {seeds} programs and {accepted_mutants} of {mutants} mutants accepted, all contained"
    );
    assert!(accepted * 100 >= seeds * 90, "only {accepted} of {seeds} were accepted");
    assert!(accepted_mutants > mutants / 20 && accepted_mutants < mutants, "{accepted_mutants} of {mutants}");
}
