//! The walk over all paths, depth first: budgets, states kept for comparison, pruning, endless loops.
//!
//! A kept state is *open* while some path from it is still to be walked. A path is pruned where a complete state covers it in
//! all that matters (`demand`): everything reachable from there has been proved. Against an open state that would be
//! circular; a path that is exactly where it was before therefore never ends, and is refused. Only loops that end by
//! themselves close such a circle: `may_goto`, and calls that run callbacks.
//!
//! | file | owns |
//! |---|---|
//! | `kept` | kept states: which are open, which are complete |
//! | `index` | kept states by what must be the same |
//! | `visit` | comparing a path with them; loosening what changes from round to round |

mod index;
mod kept;
mod visit;

use opswap_bpf::insn::{CallTarget, Reg};
use opswap_bpf::{Insn, InsnIdx, RecordId, SubprogId};

use crate::demand::{ContextId, Demands, Touched};
use crate::entry;
use crate::globals::Global;
use crate::limits::Pruning;
use crate::liveness::Liveness;
use crate::reject::Reason;
use crate::state::{Region, Role, VerifierState};
use crate::subject::Subject;
use crate::transfer::{Step, Way, step};
use crate::verified::{Access, Stats};
use kept::{KeptId, Store};
use visit::Visit;

/// How often an observed program is walked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rounds {
    /// Once, as any program.
    Once,
    /// Until a walk finds nothing more that matters: every state is then compared in all that [`Observer::begin`] was told.
    UntilSettled,
}

/// Sees every state that is walked, before its instruction is simulated.
pub trait Observer {
    /// How often the program is to be walked.
    fn rounds(&self) -> Rounds {
        Rounds::Once
    }

    /// A walk begins. For each slot the registers that may still be read from there on, and those of them whose numbers matter
    /// there: only these are compared and believed. Of the others it is known whether they hold a number.
    fn begin(&mut self, live: Vec<Vec<Reg>>, exact: Vec<Vec<Reg>>) {
        let _ = (live, exact);
    }

    /// `state` holds just before the instruction at `at`.
    fn before(&mut self, at: InsnIdx, state: &VerifierState);

    /// Something happened that the kernel logs.
    fn remark(&mut self, text: &str) {
        let _ = text;
    }

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
    context: ContextId,
    /// The kept state that it passed last.
    parent: Option<KeptId>,
    /// Its last fork.
    fork: Option<u32>,
    /// Instructions from the entry to here.
    steps: u32,
}

/// A path that could not be proved.
pub(crate) struct Failure {
    /// The function where the path began: the entry, or a global one.
    pub(crate) root: SubprogId,
    pub(crate) at: InsnIdx,
    pub(crate) reason: Reason,
    /// Which way the path went at each of its forks.
    pub(crate) ways: Vec<Way>,
    /// Instructions from there to the failure.
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
    /// Functions that begin on a stack of their own, and are never called back before a call returns.
    pub(crate) alone: Vec<SubprogId>,
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
    demands: &'o mut Demands<'a>,
    kept: Store,
    waiting: Vec<Path>,
    /// What begins on its own, apart from the program.
    later: Vec<(InsnIdx, VerifierState)>,
    /// Functions that callees run.
    called_back: Vec<SubprogId>,
    forks: Vec<Fork>,
    stats: Stats,
    reached: Vec<bool>,
    stack_bytes: Vec<u32>,
    /// Global functions that some path called.
    called: Vec<bool>,
    /// What each instruction followed on the paths walked so far.
    followed: Vec<Option<Followed>>,
    accesses: Vec<Access>,
    /// What the step at hand touches.
    touched: Touched,
    jumps: u32,
    /// Jumps and instructions when a state was kept last.
    last_kept: (u32, u32),
}

impl<'a, 'o> Explorer<'a, 'o> {
    pub(crate) fn new(
        subject: &'a Subject<'a>,
        liveness: &'a Liveness,
        demands: &'o mut Demands<'a>,
        observer: Option<&'o mut dyn Observer>,
    ) -> Self {
        let slots = subject.program.insns.len();
        Self {
            subject,
            liveness,
            observer,
            demands,
            kept: Store::default(),
            waiting: Vec::new(),
            later: Vec::new(),
            called_back: Vec::new(),
            forks: Vec::new(),
            stats: Stats::default(),
            reached: vec![false; slots],
            stack_bytes: vec![0; subject.cfg.functions().len()],
            called: vec![false; subject.cfg.functions().len()],
            followed: vec![None; slots],
            accesses: vec![Access::Plain; slots],
            touched: Touched::default(),
            jumps: 0,
            last_kept: (0, 0),
        }
    }

    /// Walks every path from the entry, then from each global function that one of the walked paths calls.
    pub(crate) fn run(mut self) -> (Result<Explored, Box<Failure>>, Stats) {
        let subject = self.subject;
        self.begin();
        let mut walked = self.walk_from(SubprogId(0), InsnIdx(0), entry::state(subject.entry));
        let mut verified = vec![false; self.called.len()];
        let exception_callback = subject.cfg.exception_callback();
        if let Some(callback) = exception_callback.and_then(|callback| self.called.get_mut(callback.index()))
        {
            *callback = true;
        }
        while walked.is_ok() {
            let due = self.called.iter().zip(&verified).position(|(called, verified)| *called && !verified);
            let Some(due) = due else { break };
            verified[due] = true;
            let Some(global) = u32::try_from(due).ok().and_then(|at| subject.globals.get(SubprogId(at)))
            else {
                continue;
            };
            let (name, number) = (&global.name, global.id.0);
            self.remark(&format!("Validating {name}() func#{number}..."));
            walked = self.walk_from(global.id, global.start, entry::state_of_global(subject.entry, global));
            if walked.is_ok() {
                self.remark(&format!(
                    "Func#{number} ('{name}') is safe for any args that match its prototype"
                ));
            }
        }
        let Self { reached, accesses, stack_bytes, stats, later, called_back, .. } = self;
        let mut alone: Vec<SubprogId> = later.iter().map(|(_, state)| state.frame().subprog).collect();
        alone.retain(|function| !called_back.contains(function));
        alone.extend(exception_callback);
        (walked.map(|()| Explored { reached, accesses, stack_bytes, alone }), stats)
    }

    /// Walks every path from the beginning of a function.
    fn walk_from(&mut self, root: SubprogId, at: InsnIdx, state: VerifierState) -> Result<(), Box<Failure>> {
        let context = self.demands.context(&state);
        let mut next = Some(Path { at, state, context, parent: None, fork: None, steps: 0 });
        while let Some(mut path) = next.take().or_else(|| self.waiting.pop()) {
            if let Err(reason) = self.walk(&mut path) {
                let ways = self.ways(path.fork);
                let failure = Failure { root, at: path.at, reason, ways, steps: path.steps };
                return Err(Box::new(failure));
            }
            self.note_stack(&path.state);
            self.kept.close(path.parent);
        }
        Ok(())
    }

    fn remark(&mut self, text: &str) {
        if let Some(observer) = &mut self.observer {
            observer.remark(text);
        }
    }

    /// A global function was called: it has to be verified.
    fn note_called(&mut self, global: &Global) {
        if let Some(called) = self.called.get_mut(global.id.index()) {
            *called = true;
        }
        if self.observer.is_some() {
            let Global { id, name, .. } = global;
            self.remark(&format!("Func#{} ('{name}') is global and assumed valid.", id.0));
        }
    }

    /// Tells the observer what is compared and believed.
    fn begin(&mut self) {
        let Some(observer) = &mut self.observer else { return };
        let slots = (0u32..).take(self.subject.program.insns.len()).map(InsnIdx);
        let live = |at| Reg::ALL.into_iter().filter(|reg| self.liveness.at(at).contains(*reg)).collect();
        let live: Vec<Vec<Reg>> = slots.map(live).collect();
        let exact = match self.subject.limits.pruning {
            Pruning::On => self.demands.wanted_everywhere(),
            Pruning::Off => live.clone(),
        };
        observer.begin(live, exact);
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
                Some(Insn::Jump { .. } | Insn::Branch { .. } | Insn::MayGoto { .. } | Insn::Call { .. }) => {
                    self.jumps += 1
                }
                Some(Insn::Exit) => {
                    self.jumps += 1;
                    // Frames are forgotten when they are left.
                    self.note_stack(&path.state);
                }
                Some(_) | None => {}
            }
            self.note_pointer(path)?;
            let stepped = self.step(path)?;
            path.steps += 1;
            match stepped {
                Step::To(to) => {
                    self.follow(path, to);
                }
                Step::Done => return Ok(()),
                Step::Later { to, other, state } => {
                    self.later(path, other, *state)?;
                    path.fork = Some(self.fork(path.fork, Way::Next));
                    self.follow(path, to);
                }
                Step::Fork { to, way, other, state } => {
                    let mut state = *state;
                    self.note_callback(&state);
                    if self.subject.cfg.is_round(path.at) {
                        self.widen(path, &mut state);
                    }
                    let other_way = if way == Way::Next { Way::Jump } else { Way::Next };
                    let other_fork = self.fork(path.fork, other_way);
                    let mut waiting = Path {
                        at: path.at,
                        state,
                        context: path.context,
                        parent: path.parent,
                        fork: Some(other_fork),
                        steps: path.steps,
                    };
                    self.follow(&mut waiting, other);
                    self.wait(waiting)?;
                    path.fork = Some(self.fork(path.fork, way));
                    self.follow(path, to);
                }
            }
        }
    }

    /// Simulates one instruction, and notes what it touched.
    fn step(&mut self, path: &mut Path) -> Result<Step, Reason> {
        let subject = self.subject;
        let Some(insn) = subject.program.insns.get(path.at.index()) else {
            return step(subject, &mut path.state, path.at, &mut self.touched);
        };
        self.touched.clear();
        self.touched.note(subject, &path.state, insn);
        let frames = path.state.frames().len();
        if let Insn::Branch { .. } = insn {
            let mut decided = Touched::default();
            decided.decided(&path.state, insn);
            let stepped = step(subject, &mut path.state, path.at, &mut self.touched)?;
            if matches!(stepped, Step::To(_)) {
                self.touched.relied = self.touched.relied.union(decided.relied);
            }
            self.demands.add(path.context, path.at, &self.touched);
            return Ok(stepped);
        }
        let stepped = step(subject, &mut path.state, path.at, &mut self.touched)?;
        if matches!(insn, Insn::Call { target: CallTarget::Subprog(_) }) {
            if path.state.frames().len() > frames {
                // The callee is walked itself.
                self.touched.clear();
            } else {
                self.demands.passed(path.context, path.at);
                if let Some(global) = subject.global_called(insn, path.at) {
                    self.note_called(global);
                }
            }
        }
        self.demands.add(path.context, path.at, &self.touched);
        Ok(stepped)
    }

    /// Goes on at `to`, perhaps in another function.
    fn follow(&mut self, path: &mut Path, to: InsnIdx) {
        let frames = path.state.frames().len();
        while self.demands.frames(path.context) > frames {
            self.demands.left(path.context, path.at);
            let Some(caller) = self.demands.caller(path.context) else { break };
            path.context = caller;
        }
        if self.demands.frames(path.context) < frames {
            path.context = self.demands.enter(Some(path.context), path.state.frame());
        }
        path.at = to;
    }

    /// What happens later begins in a state that depends on nothing of the path: each is walked once.
    fn later(&mut self, path: &Path, at: InsnIdx, state: VerifierState) -> Result<(), Reason> {
        let known = self.later.iter().any(|(known, begun)| *known == at && begun.frames() == state.frames());
        if known {
            return Ok(());
        }
        self.later.push((at, state.clone()));
        let fork = Some(self.fork(path.fork, Way::Jump));
        let context = self.demands.context(&state);
        self.wait(Path { at, state, context, parent: None, fork, steps: path.steps })
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
        self.kept.open(path.parent);
        self.waiting.push(path);
        let limit = self.subject.limits.jump_sequence;
        if self.waiting.len() > limit as usize {
            return Err(Reason::TooManyBranches { limit: limit + 1 });
        }
        Ok(())
    }

    /// A function that runs before a call returns, on the caller's stack.
    fn note_callback(&mut self, state: &VerifierState) {
        let frame = state.frame();
        if matches!(frame.role, Role::Callback { .. } | Role::Comparison)
            && !self.called_back.contains(&frame.subprog)
        {
            self.called_back.push(frame.subprog);
        }
    }

    /// The most stack that any activation of each function used.
    fn note_stack(&mut self, state: &VerifierState) {
        for frame in state.frames() {
            let used = u32::try_from(frame.stack.made() * 8).unwrap_or(u32::MAX);
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
            Region::Object(_) | Region::MapPtr(_) | Region::Allocated(_) | Region::Probed | Region::Arena => {
                Followed::Object
            }
            Region::Stack(_)
            | Region::MapValue(_)
            | Region::MapKey(_)
            | Region::Memory { .. }
            | Region::Packet { .. }
            | Region::PacketEnd
            | Region::Dynptr(_)
            | Region::Func(_) => Followed::Memory,
        };
        if let Some(access) = self.accesses.get_mut(path.at.index()) {
            *access = match kind {
                Followed::Record(_) => Access::Refused,
                Followed::Object if pointer.trust.is_unproved() => Access::Refused,
                // What the host says of its maps holds for Linux's.
                Followed::Object if !matches!(pointer.to, Region::Object(_)) => Access::Refused,
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
}
