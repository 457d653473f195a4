//! Asks the live kernel about typed programs and compares its verdict with ours.
//!
//! `cargo run --release -p opswap-linux --example kernel_diff -- FIRST COUNT [division]` (root; loads only, and lets every program go at
//! once). With a count of 1: the program, our verdict, the kernel's whole log. Otherwise prints each program that the kernel rejects and we accept with the kernel's message, then all disagreements grouped by
//! kind of program and message, then the four counts. A kernel may crash on a hostile program: have everything saved before.

mod kernel;

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use opswap_bpf::btf::{Func, IntEncoding, IntType};
use opswap_bpf::display::Listing;
use opswap_bpf::insn::{AluOp, CallTarget, Imm64, MapRef, Src};
use opswap_bpf::program::Linkage;
use opswap_bpf::program::LoadFlags;
use opswap_bpf::proto::Sleepable;
use opswap_bpf::random::{Callable, Features, Rng, World, break_rules, plain_maps, typed};
use opswap_bpf::{Btf, BtfType, HelperId, Insn, InsnIdx, MapProto, Program, ProgramKind, encode};
use opswap_linux::Linux;
use opswap_verifier::verified::Reach;
use opswap_verifier::{Host, Limits, VerifiedProgram, verify_with};

/// A kind of program: section name, the kernel's number, its load flags.
struct Kind {
    section: &'static str,
    number: u32,
    flags: LoadFlags,
}

impl Kind {
    fn sleepable(&self) -> Sleepable {
        if self.flags.contains(LoadFlags::SLEEPABLE) { Sleepable::Yes } else { Sleepable::No }
    }
}

const KINDS: [Kind; 4] = [
    Kind { section: "socket", number: 1, flags: LoadFlags::empty() },
    Kind { section: "tc", number: 3, flags: LoadFlags::empty() },
    Kind { section: "xdp", number: 6, flags: LoadFlags::empty() },
    Kind { section: "syscall", number: 31, flags: LoadFlags::SLEEPABLE },
];

/// Helpers that programs call: maps, clocks, packets, ring buffers, loops.
const HELPERS: [u32; 22] =
    [1, 2, 3, 5, 7, 8, 14, 15, 26, 28, 34, 39, 44, 51, 87, 88, 118, 131, 132, 133, 134, 181];
/// Kfuncs that programs call, where they may.
const KFUNCS: [&str; 9] = [
    "bpf_task_from_pid",
    "bpf_task_acquire",
    "bpf_task_release",
    "bpf_cpumask_create",
    "bpf_cpumask_acquire",
    "bpf_cpumask_release",
    "bpf_cpumask_set_cpu",
    "bpf_cpumask_test_cpu",
    "bpf_cpumask_clear",
];

/// Types for the functions of any program: ids of the entry's FUNC and of every other function's.
fn types() -> Result<(Vec<u8>, [u32; 2]), String> {
    let mut btf = Btf::new();
    let encoding = IntEncoding::Signed;
    let int =
        btf.push(BtfType::Int(IntType { name: "int".into(), size: 4, encoding, bit_offset: 0, bits: 32 }));
    let proto = btf.push(BtfType::FuncProto { ret: int, params: Vec::new() });
    let func = |name: &str, linkage| BtfType::Func(Func { name: name.into(), proto, linkage });
    let entry = btf.push(func("entry", Linkage::Global));
    let other = btf.push(func("other", Linkage::Static));
    let bytes = btf.to_bytes().map_err(|error| error.to_string())?;
    Ok((bytes, [entry.0, other.0]))
}

/// Where functions begin, with the types that they get.
fn functions(insns: &[Insn], [entry, other]: [u32; 2]) -> Vec<[u32; 2]> {
    let mut starts: Vec<u32> = (0..)
        .zip(insns)
        .filter_map(|(at, insn)| {
            if let Insn::Call { target: CallTarget::Subprog(offset) }
            | Insn::LoadImm64 { imm: Imm64::Func(offset), .. } = insn
            {
                return InsnIdx(at).jump(*offset).map(|to| to.0);
            }
            None
        })
        .filter(|start| *start != 0 && (*start as usize) < insns.len())
        .collect();
    starts.sort_unstable();
    starts.dedup();
    [[0, entry]].into_iter().chain(starts.into_iter().map(|start| [start, other])).collect()
}

/// What programs of a kind may use.
fn world(linux: &Linux, kind: &ProgramKind, sleepable: Sleepable, maps: &[Arc<MapProto>]) -> Option<World> {
    let helpers =
        HELPERS.iter().filter_map(|id| linux.helper(HelperId(*id), kind).ok()).map(|proto| Callable {
            target: CallTarget::Helper(proto.id),
            args: proto.args.clone(),
            ret: proto.ret.clone(),
            flags: proto.flags,
            intrinsic: proto.intrinsic,
        });
    let kfuncs = KFUNCS.iter().filter_map(|name| {
        let id = linux.kfunc_named(name)?;
        let proto = linux.kfunc(id, 0, kind).ok()?;
        Some(Callable {
            target: CallTarget::Kfunc { id, module: 0 },
            args: proto.args.clone(),
            ret: proto.ret.clone(),
            flags: proto.flags,
            intrinsic: proto.intrinsic,
        })
    });
    Some(World {
        context: linux.entry(kind)?.context.clone(),
        packet_writable: true,
        maps: maps.to_vec(),
        functions: helpers.chain(kfuncs).collect(),
        fields: Vec::new(),
        iterators: Vec::new(),
        structs: Vec::new(),
        sleepable,
        slips: 0,
        features: Features::all() - Features::RFC_IMMEDIATES - Features::ACQUIRE_RELEASE,
        statements: 12,
        returns: (i32::MIN, i32::MAX),
    })
}

/// Everything that stays the same.
struct Setup {
    linux: Linux,
    maps: Vec<Arc<MapProto>>,
    fds: Vec<OwnedFd>,
    btf: OwnedFd,
    types: [u32; 2],
    worlds: Vec<World>,
    /// Whether programs divide.
    division: bool,
}

impl Setup {
    fn new(division: bool) -> Result<Self, String> {
        let path = "/sys/kernel/btf/vmlinux";
        let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
        let vmlinux = Btf::parse(&bytes).map_err(|error| error.to_string())?;
        let linux = Linux::new(Arc::new(vmlinux)).map_err(|error| error.to_string())?;
        let maps = plain_maps();
        let made: std::io::Result<Vec<OwnedFd>> = maps.iter().map(|proto| kernel::map(proto)).collect();
        let fds = made.map_err(|error| format!("the kernel makes no maps for us: {error}"))?;
        let (bytes, types) = types()?;
        let btf = kernel::btf(&bytes).map_err(|error| format!("the kernel refuses our BTF: {error}"))?;
        let mut worlds: Vec<World> =
            KINDS.iter().filter_map(|kind| world(&linux, &named(kind), kind.sleepable(), &maps)).collect();
        worlds.iter_mut().for_each(|world| world.features.set(Features::DIVISION, division));
        Ok(Self { linux, maps, fds, btf, types, worlds, division })
    }

    fn program(&self, seed: u64) -> (&'static Kind, Vec<Insn>) {
        let mut rng = Rng::new(!seed);
        let at = usize::try_from(seed % 4).unwrap_or(0);
        let statements = rng.pick(&[6, 10, 16, 24]);
        let mut insns = typed(seed, &World { statements, ..self.worlds[at].clone() });
        if rng.percent(60) {
            let whole = insns.clone();
            break_rules(&mut rng, &mut insns);
            // What the kernel knows nothing of comes only where it was asked for.
            if !self.division && insns.iter().any(divides) {
                insns = whole;
            }
        }
        (&KINDS[at], insns)
    }

    fn ours(&self, kind: &Kind, insns: &[Insn]) -> Result<VerifiedProgram, String> {
        let mut program = Program::bare("typed", named(kind), insns.to_vec());
        program.maps.clone_from(&self.maps);
        program.flags = kind.flags;
        verify_with(program, &self.linux, &Limits::default()).0.map_err(|refused| refused.to_string())
    }

    /// The kernel's verdict: its error and message.
    fn kernel(&self, kind: &Kind, insns: &[Insn], log: &mut [u8]) -> Result<(), String> {
        let linked: Vec<Insn> = insns.iter().map(|insn| self.linked(*insn)).collect();
        let code = encode(&linked).map_err(|error| format!("not encoded: {error}"))?;
        let functions = functions(insns, self.types);
        let (number, flags) = (kind.number, kind.flags.bits());
        let image = kernel::Image { kind: number, flags, code: &code, btf: &self.btf, functions: &functions };
        kernel::load(&image, log).map_err(|(error, log)| format!("{} ({error})", message(&log)))
    }

    /// One program with everything that is known of it.
    fn show(&self, seed: u64) {
        let (kind, insns) = self.program(seed);
        println!("{} {}", kind.section, Listing(&insns));
        println!("ours: {:?}", self.ours(kind, &insns));
        let mut log = vec![0; 1 << 22];
        let verdict = self.kernel(kind, &insns, &mut log);
        let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
        println!("kernel: {verdict:?}\n{}", String::from_utf8_lossy(&log[..end]));
    }

    fn linked(&self, insn: Insn) -> Insn {
        if let Insn::LoadImm64 { dst, imm: Imm64::Map(MapRef::Idx(id)) } = insn
            && let Some(fd) = self.fds.get(id.index())
        {
            return Insn::LoadImm64 { dst, imm: Imm64::Map(MapRef::Fd(fd.as_raw_fd())) };
        }
        insn
    }
}

/// Whether the kernel knows nothing of an operation's result: quotients, remainders, shifts by a register.
fn divides(insn: &Insn) -> bool {
    let ops = [AluOp::Div, AluOp::Mod, AluOp::Sdiv, AluOp::Smod];
    let shifts = [AluOp::Lsh, AluOp::Rsh, AluOp::Arsh];
    let shift = matches!(insn, Insn::Alu { op, src: Src::Reg(_), .. } if shifts.contains(op));
    shift || matches!(insn, Insn::Alu { op, .. } if ops.contains(op))
}

fn named(kind: &Kind) -> ProgramKind {
    ProgramKind::Named(kind.section.into())
}

/// What a log says at its end, without the counts.
fn message(log: &str) -> String {
    let told = log.lines().rev().find(|line| {
        !line.is_empty()
            && !line.starts_with("processed ")
            && !line.starts_with("verification time")
            && !line.starts_with("stack depth")
    });
    told.unwrap_or("no message").to_owned()
}

/// Whether the kernel stumbled over an instruction that no path reaches, as our ranges show.
fn is_dead(proof: &VerifiedProgram, why: &str, log: &[u8]) -> bool {
    let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
    let text = String::from_utf8_lossy(&log[..end]);
    let slot = |line: &str| line.split_once(": (")?.0.rsplit(' ').next()?.parse::<u32>().ok();
    // Calls are looked up before the walk.
    let unknown =
        why.strip_prefix("kernel btf_id ").and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok());
    let at = match unknown {
        Some(id) => proof.program().insns.iter().position(
            |insn| matches!(insn, Insn::Call { target: CallTarget::Kfunc { id: own, .. } } if own.0 == id),
        ),
        None => {
            let walked = text.lines().rev().filter(|line| !line.starts_with("mark_precise"));
            walked.filter_map(slot).next().and_then(|slot| usize::try_from(slot).ok())
        }
    };
    let at = at.and_then(|at| u32::try_from(at).ok()).map(InsnIdx);
    at.and_then(|at| proof.facts(at)).is_some_and(|facts| facts.reach == Reach::Dead)
}

/// A message without its numbers.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    for sign in text.chars().take(90) {
        if !sign.is_ascii_digit() {
            shape.push(sign);
        } else if !shape.ends_with('#') {
            shape.push('#');
        }
    }
    shape
}

#[derive(Default)]
struct Counts {
    both_accept: u64,
    both_reject: u64,
    missed: BTreeMap<String, u64>,
    /// The kernel rejects an instruction that no path reaches, as our ranges show.
    dead: u64,
    refused: BTreeMap<String, u64>,
}

fn main() -> ExitCode {
    let division = std::env::args().nth(3).is_some_and(|word| word == "division");
    let numbers: Option<Vec<u64>> = std::env::args().skip(1).take(2).map(|word| word.parse().ok()).collect();
    let Some([first, count]) = numbers.as_deref() else {
        eprintln!("expected FIRST COUNT [division]");
        return ExitCode::from(2);
    };
    let setup = match Setup::new(division) {
        Ok(setup) => setup,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    if *count == 1 {
        setup.show(*first);
        return ExitCode::SUCCESS;
    }
    let (mut counts, start) = (Counts::default(), Instant::now());
    let mut log = vec![0; 1 << 20];
    for seed in *first..first.saturating_add(*count) {
        let (kind, insns) = setup.program(seed);
        let ours = setup.ours(kind, &insns);
        match (ours, setup.kernel(kind, &insns, &mut [])) {
            (Ok(_), Ok(())) => counts.both_accept += 1,
            (Err(_), Err(_)) => counts.both_reject += 1,
            (Ok(proof), Err(_)) => {
                let why = setup
                    .kernel(kind, &insns, &mut log)
                    .err()
                    .unwrap_or_else(|| "accepted when asked again".into());
                let dead = is_dead(&proof, &why, &log);
                if dead {
                    counts.dead += 1;
                    continue;
                }
                let shown = counts.missed.entry(format!("{:<8}{}", kind.section, shape(&why))).or_default();
                *shown += 1;
                if *shown <= 2 {
                    println!("MISSED seed {seed} {}: {why}\n{}", kind.section, Listing(&insns));
                }
            }
            (Err(ours), Ok(())) => {
                let shown = counts.refused.entry(shape(&ours)).or_default();
                *shown += 1;
                if *shown <= 1 {
                    println!("REFUSED seed {seed} {}: {ours}\n{}", kind.section, Listing(&insns));
                }
            }
        }
    }
    report(&counts, *first, *count);
    println!("{:?}", start.elapsed());
    ExitCode::SUCCESS
}

fn report(counts: &Counts, first: u64, count: u64) {
    let sorted = |of: &BTreeMap<String, u64>| {
        let mut rows: Vec<_> = of.iter().map(|(shape, count)| (*count, shape.clone())).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.0));
        rows
    };
    println!("\nkernel rejects, we accept:");
    sorted(&counts.missed).iter().for_each(|(count, shape)| println!("{count:>8} {shape}"));
    println!("\nkernel accepts, we reject:");
    sorted(&counts.refused).iter().for_each(|(count, shape)| println!("{count:>8} {shape}"));
    let (missed, refused): (u64, u64) = (counts.missed.values().sum(), counts.refused.values().sum());
    println!(
        "\nseeds {first} to {}: both accept {}, both reject {}, kernel rejects and we accept {missed} (and {} for an instruction that no path reaches), kernel accepts and we reject {refused}",
        first + count - 1,
        counts.both_accept,
        counts.both_reject,
        counts.dead
    );
}
