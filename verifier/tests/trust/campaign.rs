//! One typed program after the other: verified with and without pruning, run on several inputs, watched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use opswap_bpf::display::Listing;
use opswap_bpf::insn::{Imm64, JumpForm, Src};
use opswap_bpf::interp::{Budget, Machine, TrapKind};
use opswap_bpf::program::LoadFlags;
use opswap_bpf::random::{Features, Rng, break_rules, typed};
use opswap_bpf::{Insn, Program, ProgramKind};
use opswap_verifier::host::{Host, UninitStack};
use opswap_verifier::limits::Pruning;

use opswap_verifier::{
    Category, Limits, Reason, Rejection, Rounds, VerifiedProgram, verify_observed, verify_with,
};

use crate::bed::{Bed, Kind};
use crate::calls::World;
use crate::watch::{Believed, Faith, Strictness, Watcher};

/// Instructions that the walk without pruning may take; what needs more is not compared.
const UNPRUNED: u32 = 12_000;
/// Instructions that the ordinary walk may take.
const PRUNED: u32 = 60_000;

/// What a campaign counted.
#[derive(Default, Debug)]
pub(crate) struct Counts {
    pub(crate) programs: u64,
    pub(crate) accepted: u64,
    /// Verdicts with and without pruning that were compared.
    pub(crate) compared: u64,
    pub(crate) runs: u64,
    /// Runs whose every register and stack byte was compared, as no path had been pruned.
    pub(crate) strict_runs: u64,
    /// Refused with pruning only, for what was widened in a loop that ends by itself.
    pub(crate) too_strict: u64,
    /// Accepted with pruning only, for an access to part of a pointer that the covering state had forgotten: a store, what is
    /// left is unreadable in both; or a read where addresses may be known. Or for a store over a copy of a dynptr that it did
    /// not have.
    pub(crate) forgotten: u64,
    /// Rejections by code and name.
    pub(crate) reasons: BTreeMap<String, u64>,
    /// Accepted programs that called a function in some run, by its name.
    pub(crate) called: BTreeMap<String, u64>,
}

impl Counts {
    /// Share of accepted programs, in hundredths.
    pub(crate) fn rate(&self) -> u64 {
        self.accepted * 100 / self.programs.max(1)
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { programs, accepted, compared, runs, strict_runs, too_strict, forgotten, .. } = self;
        write!(
            f,
            "{accepted} of {programs} programs accepted ({} %), {compared} compared without pruning ({too_strict} widened too far, {forgotten} over forgotten pointers), {runs} runs ({strict_runs} strict)",
            self.rate()
        )
    }
}

/// Something that must not be.
#[derive(Debug)]
pub(crate) struct Escape {
    pub(crate) what: String,
    pub(crate) insns: Vec<Insn>,
}

/// The hosts, and what programs are made of.
pub(crate) struct Campaign {
    beds: Vec<Bed>,
    pub(crate) runs: u64,
    faith: Faith,
}

impl Campaign {
    pub(crate) fn new(runs: u64, faith: Faith) -> Self {
        Self { beds: Kind::ALL.map(Bed::new).into_iter().collect(), runs, faith }
    }

    fn bed(&self, seed: u64) -> &Bed {
        &self.beds[usize::try_from(seed % 3).unwrap_or(0)]
    }

    /// The program of a seed: two of three break a rule.
    pub(crate) fn program(&self, seed: u64) -> Vec<Insn> {
        let mut rng = Rng::new(!seed);
        let statements = rng.pick(&[4, 8, 8, 12, 16, 24]);
        let features = Features::all() - Features::RFC_IMMEDIATES - Features::ACQUIRE_RELEASE;
        // Loops that end by themselves are walked without pruning, the others are not.
        let features = if rng.percent(75) { features - Features::MAY_GOTO } else { features };
        let slips = rng.pick(&[0, 0, 4, 12]);
        let world = self.bed(seed).world(features, statements, slips);
        let mut insns = typed(seed, &world);
        if rng.percent(60) {
            break_rules(&mut rng, &mut insns);
        }
        insns
    }

    /// Judges and runs the program of a seed.
    pub(crate) fn seed(&self, seed: u64, counts: &mut Counts) -> Result<(), Box<Escape>> {
        let insns = self.program(seed);
        let failed =
            |what: String| Box::new(Escape { what: format!("seed {seed}: {what}"), insns: insns.clone() });
        self.judge(seed, &insns, counts).map_err(failed)
    }

    fn judge(&self, seed: u64, insns: &[Insn], counts: &mut Counts) -> Result<(), String> {
        let bed = self.bed(seed);
        counts.programs += 1;
        let mut believed = Believed::walked(Rounds::UntilSettled, self.faith);
        let (verdict, _) = verify_observed(self.input(bed, insns), bed, &limits(Pruning::On), &mut believed);
        let mut unpruned = Believed::walked(Rounds::Once, self.faith);
        let (walked, stats) =
            verify_observed(self.input(bed, insns), bed, &limits(Pruning::Off), &mut unpruned);
        let complete = stats.insns_processed < UNPRUNED;
        if complete {
            counts.compared += 1;
            if loosened(insns) && verdict.is_err() && walked.is_ok() {
                counts.too_strict += 1;
            } else if verdict.is_ok() && walked.as_ref().is_err_and(|missed| over_pointer(bed, missed)) {
                counts.forgotten += 1;
            } else {
                compare(verdict.as_ref().err(), walked.as_ref().err())?;
            }
            if !walked.as_ref().is_err_and(|missed| over_pointer(bed, missed)) {
                self.often(seed, bed, insns, walked.as_ref().err())?;
            }
        }
        let proof = match &verdict {
            Ok(proof) => proof,
            Err(rejection) => {
                let reason = format!("{} {}", rejection.code(), rejection.reason.name());
                *counts.reasons.entry(reason).or_default() += 1;
                return Ok(());
            }
        };
        counts.accepted += 1;
        let (believed, strictness) = if complete && walked.is_ok() {
            (&unpruned, Strictness::Everything)
        } else {
            (&believed, Strictness::Live)
        };
        let mut called = BTreeSet::new();
        for number in 0..self.runs {
            counts.runs += 1;
            counts.strict_runs += u64::from(strictness == Strictness::Everything);
            let input = seed.wrapping_mul(0x9e37_79b9).wrapping_add(number);
            called.extend(run(bed, proof, believed, strictness, input)?);
        }
        for name in called {
            *counts.called.entry(name).or_default() += 1;
        }
        Ok(())
    }

    fn input(&self, bed: &Bed, insns: &[Insn]) -> Program {
        let mut program = Program::bare("typed", ProgramKind::Named("typed".into()), insns.to_vec());
        program.maps.clone_from(&bed.maps);
        program.btf = Some(Arc::clone(&bed.own));
        program
    }

    /// The same with a state kept at every place where one can be.
    fn often(&self, seed: u64, bed: &Bed, insns: &[Insn], walked: Option<&Rejection>) -> Result<(), String> {
        if !seed.is_multiple_of(4) || loosened(insns) {
            return Ok(());
        }
        let mut program = self.input(bed, insns);
        program.flags |= LoadFlags::TEST_STATE_FREQ;
        let (often, _) = verify_with(program, bed, &limits(Pruning::On));
        compare(often.as_ref().err(), walked).map_err(|what| format!("with a state everywhere: {what}"))
    }

    /// The shortest program that still fails.
    pub(crate) fn minimise(&self, seed: u64, escape: &Escape) -> Vec<Insn> {
        let class = |text: &str| {
            text.split([' ', ':']).find(|word| word.chars().all(char::is_uppercase)).map(str::to_owned)
        };
        let wanted = class(&escape.what);
        let fails = |insns: &[Insn]| {
            let result = self.judge(seed, insns, &mut Counts::default());
            result.err().is_some_and(|what| class(&what) == wanted)
        };
        let mut best = escape.insns.clone();
        let nop = Insn::Jump { form: JumpForm::Short, offset: 0 };
        for _ in 0..3 {
            for at in 0..best.len() {
                let mut shorter = best.clone();
                shorter[at] = nop;
                if let (Insn::LoadImm64 { .. }, Some(tail)) = (best[at], shorter.get_mut(at + 1)) {
                    *tail = nop;
                }
                if best[at] != nop && best[at] != Insn::LoadImm64Tail && fails(&shorter) {
                    best = shorter;
                }
            }
        }
        best
    }
}

/// Rejections that say nothing about safety: the walk gave up.
fn gave_up(rejection: &Rejection) -> bool {
    rejection.category() == Category::Budget
        || matches!(rejection.reason.name(), "InfiniteLoop" | "TooComplex" | "TooManyBranches")
}

/// Whether the walk may have widened numbers: there is a `may_goto` or a callback.
fn loosened(insns: &[Insn]) -> bool {
    let widens =
        |insn: &Insn| matches!(insn, Insn::MayGoto { .. } | Insn::LoadImm64 { imm: Imm64::Func(_), .. });
    insns.iter().any(widens)
}

/// A store over part of a spilled pointer; or, where unwritten stack may be read and addresses may leak, a read of part of it.
/// Or a store over a copy of a dynptr: what it belongs to is still to be given back, and whoever uses its slices is compared.
fn over_pointer(bed: &Bed, rejection: &Rejection) -> bool {
    // What a callee is given to write may lie over it as well.
    let whole = &rejection.reason;
    let reason = if let Reason::InvalidMemoryPair { cause, .. } = whole { cause } else { whole };
    match reason.name() {
        "CorruptsSpill" | "OverwritesDynptr" => true,
        // Read where nothing was written it is a number, which may be stored in parts.
        "PartialFill" | "PartialSpill" => bed.policy().uninit_stack == UninitStack::Allowed,
        _ => false,
    }
}

/// Pruning may change no verdict.
fn compare(pruned: Option<&Rejection>, walked: Option<&Rejection>) -> Result<(), String> {
    match (pruned, walked) {
        (None, Some(missed)) if !gave_up(missed) => {
            Err(format!("PRUNED: accepted, but without pruning: {missed} at {}", missed.at))
        }
        (Some(refused), None) if !gave_up(refused) => {
            Err(format!("REFUSED: {refused} at {}, but accepted without pruning", refused.at))
        }
        _ => Ok(()),
    }
}

fn limits(pruning: Pruning) -> Limits {
    let insns_processed = match pruning {
        Pruning::On => PRUNED,
        Pruning::Off => UNPRUNED,
    };
    Limits { pruning, insns_processed, ..Limits::default() }
}

/// Runs an accepted program once; the functions that it called.
fn run(
    bed: &Bed,
    proof: &VerifiedProgram,
    believed: &Believed,
    strictness: Strictness,
    seed: u64,
) -> Result<BTreeSet<String>, String> {
    let insns = &proof.program().insns;
    let likely: Vec<u64> = insns.iter().filter_map(number_of).collect();
    let (mut world, [context, second]) = World::new(bed, seed, &likely);
    let heap = world.heap.clone();
    let packet = match bed.kind {
        Kind::Packet => {
            let at =
                |offset| heap.0.borrow_mut().read(context + offset, opswap_bpf::insn::Size::W).unwrap_or(0);
            (at(12), at(16))
        }
        Kind::Buffer | Kind::Objects => (0, 0),
    };
    let mut watcher = Watcher::new(believed, strictness, heap.clone(), context, packet, insns);
    let mut memory = heap.clone();
    let budget = Budget { instructions: 1 << 18, may_goto: 6, ..Budget::default() };
    let machine = Machine::new(insns, &mut memory, budget).observed_by(&mut watcher);
    match machine.run([context, second, 0, 0, 0], &mut world) {
        Ok(_) => {
            let heap = heap.0.borrow();
            match (heap.owned(), heap.ledger.left()) {
                (0, None) => Ok(world.called),
                (left, kept) => Err(format!("ESCAPE: the run left {left} references, {kept:?}")),
            }
        }
        Err(trap) if harmless(&trap.kind) => Ok(world.called),
        Err(trap) => Err(format!("ESCAPE ({strictness:?}, input {seed:#x}): {trap}")),
    }
}

/// Calls can multiply rounds beyond what is run here, and a function may end the run for reasons of its own.
fn harmless(kind: &TrapKind) -> bool {
    if let TrapKind::Callback(inside) = kind {
        return harmless(&inside.kind);
    }
    let aborted = matches!(kind, TrapKind::Aborted { reason } if !reason.contains("ESCAPE"));
    aborted || matches!(kind, TrapKind::Instructions)
}

/// The number that an instruction brings along: near it, comparisons change.
fn number_of(insn: &Insn) -> Option<u64> {
    let of = |imm: i32| Some(i64::from(imm).cast_unsigned());
    if let Insn::Alu { src: Src::Imm(imm), .. }
    | Insn::Mov { src: Src::Imm(imm), .. }
    | Insn::Branch { src: Src::Imm(imm), .. } = insn
    {
        return of(*imm);
    }
    if let Insn::LoadImm64 { imm: Imm64::Value(value), .. } = insn { Some(*value) } else { None }
}

/// The text of a failure.
pub(crate) fn describe(campaign: &Campaign, seed: u64, escape: &Escape) -> String {
    let short = campaign.minimise(seed, escape);
    format!("{}\nminimised:\n{}", escape.what, Listing(&short))
}
