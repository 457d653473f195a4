//! Mutated programs at volume: no panic, no hang, and accepted ones do the same in every engine.
//!
//! `cargo run --release -p opswap-linux --example mutate -- FIRST COUNT [DIR]` mutates the programs of the object files below
//! `DIR` (Linux's self-tests, say) and generated ones, by seeds from `FIRST` on: bytes and instructions changed, taken out, put
//! in, spliced from another program. Each mutant is decoded and verified as what its original is for; those that call nothing
//! also as programs of a plain buffer, and what is accepted there runs in the interpreter and compiled.

mod native;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use opswap::loader::ObjectFile;
use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::Size;
use opswap_bpf::proto::{ContextLayout, FieldPolicy, MemAccess, ReturnRule, Sleepable};
use opswap_bpf::random::{Rng, Shape, break_rules, program};
use opswap_bpf::{
    Btf, BtfSpace, EntryProto, HelperId, HelperProto, Insn, KfuncId, KfuncProto, Program, ProgramKind,
    TypeRef, decode, encode,
};
use opswap_linux::Linux;
use opswap_verifier::host::Unavailable;
use opswap_verifier::limits::ImmediateRules;
use opswap_verifier::{Host, Limits, verify_with};

/// Larger programs are left out: a mutant is to take a millisecond.
const MAX_SLOTS: usize = 400;
/// Longer than this is a hang.
const TOO_LONG: Duration = Duration::from_secs(2);

/// A host that gives a program a buffer and nothing else.
struct Plain(EntryProto);

impl Host for Plain {
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
        let access = opswap_bpf::proto::FieldAccess::Hidden;
        FieldPolicy { access, pointer: opswap_bpf::proto::PointerPolicy::Untrusted }
    }
}

fn plain() -> Plain {
    Plain(EntryProto {
        name: "plain".into(),
        context: ContextLayout::Buffer { size: native::MEMORY, access: MemAccess::ReadWrite },
        ret: ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned },
        sleepable: Sleepable::No,
        declared_at: None,
    })
}

/// The programs of all objects below a folder.
fn corpus(dir: &Path, linux: &Linux) -> Vec<Program> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|ext| ext == "o")) {
        let Some(object) = std::fs::read(path).ok().and_then(|bytes| ObjectFile::parse(&bytes).ok()) else {
            continue;
        };
        for (index, image) in object.programs().iter().enumerate() {
            let kind = ProgramKind::Named(image.section.clone());
            if let Ok(linked) = object.link(index, kind, linux)
                && linked.insns.len() <= MAX_SLOTS
            {
                found.push(Program { lines: Vec::new(), ..linked });
            }
        }
    }
    found
}

/// Changes the bytes of a program; `other` is where more comes from.
fn mutated(rng: &mut Rng, insns: &[Insn], other: &[Insn]) -> Option<Vec<u8>> {
    let mut insns = insns.to_vec();
    if rng.percent(55) {
        break_rules(rng, &mut insns);
        if rng.percent(70) {
            return encode(&insns).ok();
        }
    }
    let mut bytes = encode(&insns).ok()?;
    let length = u32::try_from(bytes.len()).ok()?;
    let slot = |rng: &mut Rng| rng.below(length / 8) as usize * 8;
    for _ in 0..=rng.below(4) {
        let at = rng.below(u32::try_from(bytes.len()).ok()?) as usize;
        match rng.below(6) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = u8::try_from(rng.below(256)).ok()?,
            2 if bytes.len() > 16 => {
                let from = at / 8 * 8;
                bytes.drain(from..from + 8);
            }
            3 => {
                let (from, to) = (slot(rng).min(bytes.len() - 8), at / 8 * 8);
                bytes.copy_within(from..from + 8, to);
            }
            4 => {
                let more = encode(other).ok()?;
                let from = rng.below(u32::try_from(more.len() / 8).ok()?) as usize * 8;
                let until = more.len().min(from + 8 * (1 + rng.below(6) as usize));
                let to = at / 8 * 8;
                bytes.splice(to..to, more[from..until].iter().copied());
            }
            _ => {
                let to = at / 8 * 8;
                bytes[to + 4..to + 8].copy_from_slice(&rng.edge_imm().to_le_bytes());
            }
        }
    }
    Some(bytes)
}

#[derive(Default)]
struct Counts {
    mutants: u64,
    decoded: u64,
    accepted: u64,
    compared: u64,
    slowest: Duration,
    failures: u64,
}

struct Setup {
    linux: Linux,
    plain: Plain,
    programs: Vec<Program>,
    limits: Limits,
}

impl Setup {
    /// One mutant.
    fn mutant(&self, seed: u64, counts: &mut Counts) -> Result<(), String> {
        let mut rng = Rng::new(seed);
        let generated;
        let count = u32::try_from(self.programs.len()).unwrap_or(0);
        let original = if count == 0 || rng.percent(25) {
            let shape = Shape { statements: 1 + rng.below(20), ..Shape::default() };
            generated = Program::bare("generated", ProgramKind::Named("plain".into()), program(seed, &shape));
            &generated
        } else {
            &self.programs[rng.below(count) as usize]
        };
        let other = if count == 0 { original } else { &self.programs[rng.below(count) as usize] };
        let Some(bytes) = mutated(&mut rng, &original.insns, &other.insns) else { return Ok(()) };
        counts.mutants += 1;
        let Ok(insns) = decode(&bytes) else { return Ok(()) };
        counts.decoded += 1;
        let mutant = Program { insns, ..original.clone() };
        let bare = Program::bare("mutant", ProgramKind::Named("plain".into()), mutant.insns.clone());
        let start = Instant::now();
        let (verdict, _) = verify_with(mutant, &self.linux, &self.limits);
        counts.accepted += u64::from(verdict.is_ok());
        if native::alone(&bare.insns)
            && let (Ok(proof), _) = verify_with(bare, &self.plain, &self.limits)
        {
            counts.accepted += u64::from(verdict.is_err());
            counts.compared += 1;
            native::compare(&proof, &mut rng)?;
        }
        counts.slowest = counts.slowest.max(start.elapsed());
        if start.elapsed() > TOO_LONG { Err(format!("took {:?}", start.elapsed())) } else { Ok(()) }
    }
}

/// The seed that is being judged, for the thread that looks after hangs.
static CURRENT: AtomicU64 = AtomicU64::new(0);

fn watch_for_hangs() {
    std::thread::spawn(|| {
        let mut last = u64::MAX;
        loop {
            std::thread::sleep(Duration::from_secs(20));
            let now = CURRENT.load(Ordering::Relaxed);
            if now == last {
                eprintln!("HANG: seed {now} is not finished after 20 s");
            }
            last = now;
        }
    });
}

fn setup(dir: Option<&str>) -> Result<Setup, String> {
    let path = "/sys/kernel/btf/vmlinux";
    let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let vmlinux = Btf::parse(&bytes).map_err(|error| error.to_string())?;
    let linux = Linux::new(Arc::new(vmlinux)).map_err(|error| error.to_string())?;
    let programs = dir.map_or_else(Vec::new, |dir| corpus(Path::new(dir), &linux));
    let immediates = ImmediateRules::Rfc9669;
    let limits = Limits { insns_processed: 4_000, immediates, ..Limits::default() };
    Ok(Setup { linux, plain: plain(), programs, limits })
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
    let (Some(first), Some(count)) = (number(0), number(1)) else {
        eprintln!("expected FIRST COUNT [DIR]");
        return ExitCode::from(2);
    };
    let setup = match setup(words.get(2).map(String::as_str)) {
        Ok(setup) => setup,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    println!("{} programs to mutate", setup.programs.len());
    watch_for_hangs();
    let (mut counts, start) = (Counts::default(), Instant::now());
    for seed in first..first.saturating_add(count) {
        CURRENT.store(seed, Ordering::Relaxed);
        let judged = catch_unwind(AssertUnwindSafe(|| setup.mutant(seed, &mut counts)));
        let failure = match judged {
            Ok(Ok(())) => continue,
            Ok(Err(what)) => what,
            Err(_) => "PANIC".to_owned(),
        };
        counts.failures += 1;
        println!("seed {seed}: {failure}");
    }
    let took = start.elapsed();
    let Counts { mutants, decoded, accepted, compared, slowest, failures } = counts;
    println!(
        "seeds {first} to {}: {mutants} mutants, {decoded} decoded, {accepted} accepted, {compared} run in both engines, {failures} failures, slowest {slowest:?}, {took:?}",
        first + count - 1
    );
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
