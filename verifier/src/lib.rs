//! Proves BPF programs safe against a host's contracts.
//!
//! [`verify`] walks every path of a [`Program`], keeps what is known of each register, stack slot and reference, and either
//! returns a [`VerifiedProgram`] or the [`Rejection`] of the first instruction that it cannot prove. It executes nothing, sees
//! no address and never panics on a program.

#![forbid(unsafe_code)]

mod access;
mod cfg;
mod demand;
#[doc(hidden)]
pub mod domain;
mod entry;
mod exceptions;
mod explore;
mod globals;
pub mod history;
pub mod host;
pub mod limits;
mod liveness;
mod log;
pub mod reject;
mod report;
#[doc(hidden)]
pub mod state;
mod structs;
mod subject;
mod transfer;
pub mod verified;

#[doc(hidden)]
pub use explore::{Observer, Rounds};
pub use host::Host;
pub use limits::Limits;
pub use reject::{Category, Reason, Rejection};
pub use verified::VerifiedProgram;

use opswap_bpf::{EntryProto, InsnIdx, Program, ProgramKind};

use cfg::Cfg;
use demand::Demands;
use explore::Explorer;
use globals::Globals;
use liveness::Liveness;
use report::Scene;
use subject::Subject;
use verified::Stats;

/// Proves `program` safe for `host`, with the ordinary [`Limits`].
///
/// # Errors
/// The first instruction that could not be proved safe, with the reason.
pub fn verify(program: Program, host: &dyn Host) -> Result<VerifiedProgram, Rejection> {
    verify_with(program, host, &Limits::default()).0
}

/// Like [`verify`], with limits of the caller's choice; what was counted comes back in either case.
pub fn verify_with(
    program: Program,
    host: &dyn Host,
    limits: &Limits,
) -> (Result<VerifiedProgram, Rejection>, Stats) {
    let (proof, stats) = prove(&program, host, limits, None);
    (proof.map(|proof| proof.with(program)), stats)
}

/// Like [`verify_with`]; the walk comes along in the format of the kernel's log at level 2.
pub fn verify_logged(
    program: Program,
    host: &dyn Host,
    limits: &Limits,
) -> (Result<VerifiedProgram, Rejection>, Stats, String) {
    let mut log = log::Log::new(&program, host);
    let (proof, stats) = prove(&program, host, limits, Some(&mut log));
    let text = log.finish(proof.as_ref().err().map(|rejection| rejection.reason.to_string()), stats);
    (proof.map(|proof| proof.with(program)), stats, text)
}

/// Like [`verify_with`]; `observer` sees every state that the walk comes to.
#[doc(hidden)]
pub fn verify_observed(
    program: Program,
    host: &dyn Host,
    limits: &Limits,
    observer: &mut dyn Observer,
) -> (Result<VerifiedProgram, Rejection>, Stats) {
    let (proof, stats) = prove(&program, host, limits, Some(observer));
    (proof.map(|proof| proof.with(program)), stats)
}

/// How often a program is walked for an observer. Wants grow, so it would end by itself.
const MAX_ROUNDS: u32 = 100;

/// What a proof yields, the program itself aside.
struct Proof {
    entry: EntryProto,
    subprogs: Vec<verified::SubprogFacts>,
    facts: Vec<verified::InsnFacts>,
    stats: Stats,
}

impl Proof {
    fn with(self, program: Program) -> VerifiedProgram {
        let Self { entry, subprogs, mut facts, stats } = self;
        let xlated = verified::xlate(&program, &entry, &mut facts);
        VerifiedProgram { program, xlated, entry, subprogs, facts, stats }
    }
}

fn prove(
    program: &Program,
    host: &dyn Host,
    limits: &Limits,
    mut observer: Option<&mut dyn Observer>,
) -> (Result<Proof, Rejection>, Stats) {
    let refuse = |(at, reason): (InsnIdx, Reason)| {
        let scene = Box::new(Scene::of(program, at, &reason));
        Rejection { at, reason, scene }
    };
    if let Some(why) = host.refuses(program) {
        return (Err(refuse((InsnIdx(0), Reason::NoEntry { why }))), Stats::default());
    }
    let Some(entry) = host.entry(&program.kind) else {
        let what = match &program.kind {
            ProgramKind::StructOps { ops, op } => format!("member {op} of struct {ops}"),
            ProgramKind::Named(name) => format!("program type {name}"),
        };
        return (Err(refuse((InsnIdx(0), Reason::UnknownEntry { what }))), Stats::default());
    };
    let limits = &limits.expressible();
    let mut cfg = match Cfg::build(program, limits) {
        Ok(cfg) => cfg,
        Err(refused) => return (Err(refuse(refused)), Stats::default()),
    };
    cfg.mark_iterators(program, host);
    let globals = Globals::read(program, host, &cfg);
    let liveness = Liveness::analyse(program, &globals);
    let (policy, sleepable) = (host.policy(), host.sleepable(program, entry));
    let structs = structs::Structs::default();
    let subject =
        Subject { program, host, entry, cfg: &cfg, globals: &globals, limits, policy, sleepable, structs };
    if let Err(refused) = exceptions::check(&subject) {
        return (Err(refuse(refused)), Stats::default());
    }
    let mut demands = Demands::new(program, &cfg, &liveness);
    let mut rounds = 0;
    let (explored, stats) = loop {
        let watching = observer.as_mut().map(|observer| &mut **observer as &mut dyn Observer);
        let again = watching.as_ref().is_some_and(|observer| observer.rounds() == Rounds::UntilSettled);
        let explorer = Explorer::new(&subject, &liveness, &mut demands, watching);
        let (explored, stats) = explorer.run();
        rounds += 1;
        if explored.is_err() || demands.settled() || !again || rounds == MAX_ROUNDS {
            break (explored, stats);
        }
    };
    let explored = match explored {
        Ok(explored) => explored,
        Err(failure) => return (Err(history::tell(&subject, *failure)), stats),
    };
    let depth = verified::check_stack_depth(&subject, &explored.stack_bytes, &explored.alone);
    if let Err(refused) = depth {
        return (Err(refuse(refused)), stats);
    }
    let proof = Proof {
        entry: entry.clone(),
        subprogs: verified::subprogs(&cfg, &explored.stack_bytes),
        facts: verified::facts(&explored.reached, &explored.accesses),
        stats,
    };
    (Ok(proof), stats)
}
