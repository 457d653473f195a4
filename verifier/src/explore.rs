//! The walk over all paths, depth first: budgets, states kept for comparison, pruning, endless loops.
//!
//! A kept state is *open* while some path from it is still to be walked. A path is pruned where a closed state covers it:
//! everything reachable from there has been proved. Against an open state that would be circular; a path that is exactly
//! where it was before therefore never ends, and is refused. Only `may_goto`, which ends by itself, closes such a circle.

use opswap_bpf::insn::Reg;
use opswap_bpf::{Insn, InsnIdx, RecordId};

use crate::limits::Pruning;
use crate::liveness::Liveness;
use crate::reject::Reason;
use crate::state::covers::covers;
use crate::state::{Region, Role, Trust, VerifierState, widen};
use crate::subject::Subject;
use crate::transfer::{Step, Way, step};
use crate::verified::{Access, Stats};

/// Sees every state that is walked, before its instruction is simulated.
pub trait Observer {
    /// For each slot the registers that may still be read from there on: only these are compared and believed.
    fn begin(&mut self, live: Vec<Vec<Reg>>) {
        let _ = live;
    }

    /// `state` holds just before the instruction at `at`.
    fn before(&mut self, at: InsnIdx, state: &VerifierState);

    /// The path was pruned: an explored state covers `state`.
    fn pruned(&mut self, at: InsnIdx, state: &VerifierState) {
        let _ = (at, state);
    }
}

/// A fork on a path: which way it went, and the fork before.
#[derive(Clone, Copy)]
struct Fork {
    before: Option<u32>,
    way: Way,
}

/// A path being walked, or waiting to be.
struct Path {
    at: InsnIdx,
    state: VerifierState,
    /// The kept state that it passed last.
    parent: Option<u32>,
    /// Its last fork.
    fork: Option<u32>,
    /// Instructions from the entry to here.
    steps: u32,
}

/// A state kept for comparison.
struct Kept {
    state: VerifierState,
    parent: Option<u32>,
    /// Paths from here that are not finished.
    open: u32,
    hits: u32,
    misses: u32,
    may_goto_depth: u32,
}

/// A path that could not be proved.
pub(crate) struct Failure {
    pub(crate) at: InsnIdx,
    pub(crate) reason: Reason,
    /// Which way the path went at each of its forks.
    pub(crate) ways: Vec<Way>,
    /// Instructions from the entry to the failure.
    pub(crate) steps: u32,
}

/// What a successful walk found.
pub(crate) struct Explored {
    /// Slots that some path reached.
    pub(crate) reached: Vec<bool>,
    /// How engines make the memory access of each slot.
    pub(crate) accesses: Vec<Access>,
    /// Bytes of stack that each function uses.
    pub(crate) stack_bytes: Vec<u32>,
}

/// What a comparison with kept states says.
enum Visit {
    Go,
    Covered,
    Endless,
}

/// What kind of pointer an instruction follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Followed {
    Context,
    Record(RecordId),
    Object,
    /// Stack, maps, packets and other plain memory.
    Memory,
}

/// The register through which an instruction accesses memory.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others access no memory")]
fn base(insn: &Insn) -> Option<Reg> {
    match insn {
        Insn::Load { base, .. }
        | Insn::Store { base, .. }
        | Insn::Atomic { base, .. }
        | Insn::LoadAcquire { base, .. }
        | Insn::StoreRelease { base, .. } => Some(*base),
        _ => None,
    }
}

/// The walk.
pub(crate) struct Explorer<'a, 'o> {
    subject: &'a Subject<'a>,
    liveness: &'a Liveness,
    observer: Option<&'o mut dyn Observer>,
    kept: Vec<Kept>,
    /// Kept states by slot.
    by_slot: Vec<Vec<u32>>,
    waiting: Vec<Path>,
    forks: Vec<Fork>,
    stats: Stats,
    reached: Vec<bool>,
    stack_bytes: Vec<u32>,
    /// What each instruction followed on the paths walked so far.
    followed: Vec<Option<Followed>>,
    accesses: Vec<Access>,
    jumps: u32,
    /// Jumps and instructions when a state was kept last.
    last_kept: (u32, u32),
}

impl<'a, 'o> Explorer<'a, 'o> {
    pub(crate) fn new(
        subject: &'a Subject<'a>,
        liveness: &'a Liveness,
        observer: Option<&'o mut dyn Observer>,
    ) -> Self {
        let slots = subject.program.insns.len();
        Self {
            subject,
            liveness,
            observer,
            kept: Vec::new(),
            by_slot: vec![Vec::new(); slots],
            waiting: Vec::new(),
            forks: Vec::new(),
            stats: Stats::default(),
            reached: vec![false; slots],
            stack_bytes: vec![0; subject.cfg.functions().len()],
            followed: vec![None; slots],
            accesses: vec![Access::Plain; slots],
            jumps: 0,
            last_kept: (0, 0),
        }
    }

    /// Walks every path from `entry`.
    pub(crate) fn run(mut self, entry: VerifierState) -> (Result<Explored, Failure>, Stats) {
        let first = Path { at: InsnIdx(0), state: entry, parent: None, fork: None, steps: 0 };
        let mut next = Some(first);
        if let Some(observer) = &mut self.observer {
            let slots = (0u32..).take(self.subject.program.insns.len()).map(InsnIdx);
            let live = |at| Reg::ALL.into_iter().filter(|reg| self.liveness.at(at).contains(*reg)).collect();
            observer.begin(slots.map(live).collect());
        }
        while let Some(mut path) = next.take().or_else(|| self.waiting.pop()) {
            if let Err(reason) = self.walk(&mut path) {
                let ways = self.ways(path.fork);
                let failure = Failure { at: path.at, reason, ways, steps: path.steps };
                return (Err(failure), self.stats);
            }
            self.note_stack(&path.state);
            self.close(path.parent);
        }
        let Self { reached, accesses, stack_bytes, stats, .. } = self;
        (Ok(Explored { reached, accesses, stack_bytes }), stats)
    }

    /// Walks one path to its end; forks wait.
    fn walk(&mut self, path: &mut Path) -> Result<(), Reason> {
        loop {
            self.stats.insns_processed += 1;
            if self.stats.insns_processed > self.subject.limits.insns_processed {
                return Err(Reason::TooComplex { processed: self.stats.insns_processed });
            }
            if self.subject.limits.pruning == Pruning::On && self.subject.cfg.is_prune_point(path.at) {
                match self.visit(path) {
                    Visit::Go => {}
                    Visit::Covered => {
                        if let Some(observer) = &mut self.observer {
                            observer.pruned(path.at, &path.state);
                        }
                        return Ok(());
                    }
                    Visit::Endless => return Err(Reason::InfiniteLoop { at: path.at }),
                }
            }
            if let Some(observer) = &mut self.observer {
                observer.before(path.at, &path.state);
            }
            if let Some(reached) = self.reached.get_mut(path.at.index()) {
                *reached = true;
            }
            let insn = self.subject.program.insns.get(path.at.index());
            match insn {
                Some(Insn::Jump { .. } | Insn::Branch { .. } | Insn::MayGoto { .. }) => self.jumps += 1,
                // Frames are forgotten when they are left.
                Some(Insn::Exit) => self.note_stack(&path.state),
                Some(_) | None => {}
            }
            self.note_pointer(path)?;
            let stepped = step(self.subject, &mut path.state, path.at)?;
            path.steps += 1;
            match stepped {
                Step::To(to) => path.at = to,
                Step::Done => return Ok(()),
                Step::Fork { to, way, other, state } => {
                    let mut state = *state;
                    if self.subject.cfg.is_round(path.at) {
                        self.widen(path.at, &mut state);
                    }
                    let other_way = if way == Way::Next { Way::Jump } else { Way::Next };
                    let other_fork = self.fork(path.fork, other_way);
                    self.wait(Path {
                        at: other,
                        state,
                        parent: path.parent,
                        fork: Some(other_fork),
                        steps: path.steps,
                    })?;
                    path.fork = Some(self.fork(path.fork, way));
                    path.at = to;
                }
            }
        }
    }

    fn fork(&mut self, before: Option<u32>, way: Way) -> u32 {
        self.forks.push(Fork { before, way });
        u32::try_from(self.forks.len() - 1).unwrap_or(u32::MAX)
    }

    fn ways(&self, fork: Option<u32>) -> Vec<Way> {
        let mut ways = Vec::new();
        let mut at = fork;
        while let Some(fork) = at.and_then(|at| self.forks.get(at as usize)) {
            ways.push(fork.way);
            at = fork.before;
        }
        ways.reverse();
        ways
    }

    fn wait(&mut self, path: Path) -> Result<(), Reason> {
        if let Some(kept) = path.parent.and_then(|parent| self.kept.get_mut(parent as usize)) {
            kept.open += 1;
        }
        self.waiting.push(path);
        let limit = self.subject.limits.jump_sequence;
        if self.waiting.len() > limit as usize {
            return Err(Reason::TooManyBranches { limit: limit + 1 });
        }
        Ok(())
    }

    /// A path has ended: the states on it that have no other open path are proved.
    fn close(&mut self, mut parent: Option<u32>) {
        while let Some(kept) = parent.and_then(|parent| self.kept.get_mut(parent as usize)) {
            kept.open = kept.open.saturating_sub(1);
            if kept.open > 0 {
                break;
            }
            parent = kept.parent;
        }
    }

    /// The most stack that any activation of each function used.
    fn note_stack(&mut self, state: &VerifierState) {
        for frame in state.frames() {
            let used = u32::try_from(frame.stack.slots().len() * 8).unwrap_or(u32::MAX);
            if let Some(bytes) = self.stack_bytes.get_mut(frame.subprog.index()) {
                *bytes = (*bytes).max(used);
            }
        }
    }

    /// An instruction that follows a context, record or object on one path follows the same kind on all: engines read each
    /// kind in a way of its own.
    fn note_pointer(&mut self, path: &Path) -> Result<(), Reason> {
        let Some(base) = self.subject.program.insns.get(path.at.index()).and_then(base) else {
            return Ok(());
        };
        let Some(pointer) = path.state.reg(base).as_pointer() else { return Ok(()) };
        let kind = match pointer.to {
            Region::Context => Followed::Context,
            Region::Record { id, .. } => Followed::Record(id),
            Region::Object(_) => Followed::Object,
            Region::Stack(_)
            | Region::MapPtr(_)
            | Region::MapValue(_)
            | Region::MapKey(_)
            | Region::Memory { .. }
            | Region::Packet { .. }
            | Region::PacketEnd
            | Region::Func(_) => Followed::Memory,
        };
        if let Some(access) = self.accesses.get_mut(path.at.index()) {
            *access = match kind {
                Followed::Record(_) => Access::Refused,
                Followed::Object if pointer.trust == Trust::Untrusted => Access::Refused,
                Followed::Context if *access == Access::Plain => Access::Context,
                Followed::Context | Followed::Object | Followed::Memory => *access,
            };
        }
        let Some(slot) = self.followed.get_mut(path.at.index()) else { return Ok(()) };
        match slot.replace(kind) {
            Some(before) if before != kind => Err(Reason::MixedPointers),
            Some(_) | None => Ok(()),
        }
    }

    /// Compares a path with the states kept at its instruction, and perhaps keeps its state.
    fn visit(&mut self, path: &mut Path) -> Visit {
        let subject = self.subject;
        let slot = path.at.index();
        let round = subject.cfg.is_round(path.at);
        let every = subject.program.flags.contains(opswap_bpf::program::LoadFlags::TEST_STATE_FREQ);
        let (jumps, insns) = (self.jumps - self.last_kept.0, self.stats.insns_processed - self.last_kept.1);
        let mut keep = every || round || (jumps >= 2 && insns >= 8);
        let Some(list) = self.by_slot.get_mut(slot) else { return Visit::Go };
        let liveness = self.liveness;
        let mut index = list.len();
        while index > 0 {
            index -= 1;
            let Some(kept) = self.kept.get_mut(list[index] as usize) else { continue };
            let live = |frame: usize| live_regs(liveness, &path.state, path.at, frame);
            if kept.open > 0 {
                let turned = kept.may_goto_depth != path.state.may_goto_depth;
                if round && turned && covers(&kept.state, &path.state, live) {
                    kept.hits += 1;
                    return Visit::Covered;
                }
                let same = !turned
                    && covers(&kept.state, &path.state, live)
                    && covers(&path.state, &kept.state, live);
                if same {
                    return Visit::Endless;
                }
                if !every && !round && jumps < 20 && insns < 100 {
                    keep = false;
                }
            } else if covers(&kept.state, &path.state, live) {
                kept.hits += 1;
                return Visit::Covered;
            }
            kept.misses += 1;
            let patience = if round && kept.open > 0 { 64 } else { 3 };
            if kept.misses > kept.hits * patience + patience {
                list.remove(index);
            }
        }
        if keep {
            let id = u32::try_from(self.kept.len()).unwrap_or(u32::MAX);
            self.kept.push(Kept {
                state: path.state.clone(),
                parent: path.parent,
                open: 1,
                hits: 0,
                misses: 0,
                may_goto_depth: path.state.may_goto_depth,
            });
            list.push(id);
            path.parent = Some(id);
            self.last_kept = (self.jumps, self.stats.insns_processed);
            self.stats.total_states += 1;
            self.stats.peak_states = self.stats.peak_states.max(self.stats.total_states);
        }
        Visit::Go
    }

    /// Loosens what changes from round to round of a `may_goto` loop, so that the rounds become alike.
    fn widen(&self, at: InsnIdx, state: &mut VerifierState) {
        let open = self.by_slot.get(at.index()).into_iter().flatten().rev();
        let before = open
            .filter_map(|id| self.kept.get(*id as usize))
            .find(|kept| kept.open > 0 && kept.may_goto_depth + 1 < state.may_goto_depth);
        if let Some(before) = before {
            widen(&before.state, state);
        }
    }
}

/// Registers of a frame that still matter: in the running frame at `at`, in others where their callees return to.
fn live_regs(
    liveness: &Liveness,
    state: &VerifierState,
    at: InsnIdx,
    frame: usize,
) -> crate::liveness::LiveRegs {
    match state.frames().get(frame + 1) {
        Some(callee) => match (callee.return_to, callee.role) {
            (Some(to), Role::Called) => liveness.of_caller(to),
            // The call is simulated again when the callback returns: with the same arguments.
            (Some(to), Role::Callback { .. }) => liveness.at(to),
            (None, _) => crate::liveness::LiveRegs::ALL,
        },
        None => liveness.at(at),
    }
}
