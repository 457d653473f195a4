//! Comparing a path with kept states, and making the rounds of a loop alike.

use opswap_bpf::InsnIdx;
use opswap_bpf::program::LoadFlags;

use super::index::{self, Index};
use super::kept::{KeptId, Progress};
use super::{Explorer, Path};
use crate::demand::Wants;
use crate::liveness::{LiveRegs, Liveness};
use crate::state::covers::{Compared, covers};
use crate::state::{Role, VerifierState, widen};

/// What a comparison with kept states says.
pub(super) enum Visit {
    Go,
    Covered,
    Endless,
}

/// Rounds of a loop after which every number that changes is loosened.
const MANY_ROUNDS: usize = 32;

impl Explorer<'_, '_> {
    /// Compares a path with the states kept at its instruction, and perhaps keeps its state.
    pub(super) fn visit(&mut self, path: &mut Path) -> Visit {
        self.demands.settle();
        let round = self.subject.cfg.is_round(path.at);
        let every = self.subject.program.flags.contains(LoadFlags::TEST_STATE_FREQ);
        let (jumps, insns) = (self.jumps - self.last_kept.0, self.stats.insns_processed - self.last_kept.1);
        let mut keep = every || round || (jumps >= 2 && insns >= 8);
        let Some(place) = self.demands.node(path.context, path.at) else { return Visit::Go };
        let mut states = self.kept.take(place);
        let mut index = states.list.len();
        while index > 0 {
            index -= 1;
            let id = states.list[index];
            let progress = self.kept.progress(id);
            match self.compare(path, id, progress, round) {
                Visit::Go => {}
                found @ (Visit::Covered | Visit::Endless) => {
                    self.kept.put(place, states);
                    return found;
                }
            }
            let open = progress == Progress::Open;
            if open && !every && !round && jumps < 20 && insns < 100 {
                keep = false;
            }
            let Some(kept) = self.kept.get_mut(id) else { continue };
            kept.misses += 1;
            let patience = if round && open { 64 } else { 3 };
            if kept.misses > kept.hits * patience + patience {
                states.list.remove(index);
                self.index(path, id, &mut states.index);
            }
        }
        if let found @ (Visit::Covered | Visit::Endless) = self.look_up(path, &mut states.index, round) {
            self.kept.put(place, states);
            return found;
        }
        if keep {
            let id = self.kept.keep(path.state.clone(), path.parent);
            states.list.push(id);
            path.parent = Some(id);
            self.last_kept = (self.jumps, self.stats.insns_processed);
            self.stats.total_states += 1;
            self.stats.peak_states = self.stats.peak_states.max(self.stats.total_states);
        }
        self.kept.put(place, states);
        Visit::Go
    }

    /// The key of a state at the place where `path` is.
    fn key(&self, path: &Path, state: &VerifierState) -> u64 {
        let wants = self.demands.at(path.context, path.at);
        index::key(state, |frame| Compared {
            live: live_regs(self.liveness, state, path.at, frame),
            wants: frame_wants(wants, frame),
        })
    }

    /// Puts a state where it is found by its key.
    fn index(&self, path: &Path, id: KeptId, index: &mut Index) {
        self.refresh(path, index);
        if let Some(kept) = self.kept.get(id) {
            index.add(self.key(path, &kept.state), id);
        }
    }

    fn refresh(&self, path: &Path, index: &mut Index) {
        let wants = self.demands.at(path.context, path.at).unwrap_or_default();
        index.refresh(wants, |id| Some(self.key(path, &self.kept.get(id)?.state)));
    }

    /// Compares a path with the states that have its key.
    fn look_up(&mut self, path: &Path, index: &mut Index, round: bool) -> Visit {
        if index.is_empty() {
            return Visit::Go;
        }
        self.refresh(path, index);
        for &id in index.same(self.key(path, &path.state)).iter().rev() {
            let progress = self.kept.progress(id);
            if let found @ (Visit::Covered | Visit::Endless) = self.compare(path, id, progress, round) {
                return found;
            }
        }
        Visit::Go
    }

    /// Compares a path with one kept state.
    fn compare(&mut self, path: &Path, id: KeptId, progress: Progress, round: bool) -> Visit {
        let Some(kept) = self.kept.get(id) else { return Visit::Go };
        let uninit = self.subject.policy.uninit_stack;
        let live = |frame: usize| live_regs(self.liveness, &path.state, path.at, frame);
        let whole = |frame: usize| Compared { live: live(frame), wants: Wants::ALL };
        let within = |old: &VerifierState, new: &VerifierState| covers(old, new, uninit, whole);
        let leads = match progress {
            Progress::Open => {
                if !path.state.advanced_since(&kept.state) {
                    let same = within(&kept.state, &path.state) && within(&path.state, &kept.state);
                    return if same { Visit::Endless } else { Visit::Go };
                }
                if !round || !within(&kept.state, &path.state) {
                    return Visit::Go;
                }
                Some(id)
            }
            Progress::Loops(to) => {
                if !self.keeps_pace(path, id) || !within(&kept.state, &path.state) {
                    return Visit::Go;
                }
                Some(to)
            }
            Progress::Complete => {
                let wants = self.demands.at(path.context, path.at);
                let compared =
                    |frame: usize| Compared { live: live(frame), wants: frame_wants(wants, frame) };
                if !covers(&kept.state, &path.state, uninit, compared) {
                    return Visit::Go;
                }
                None
            }
        };
        if let Some(to) = leads {
            self.kept.leads(path.parent, to);
        }
        if let Some(kept) = self.kept.get_mut(id) {
            kept.hits += 1;
        }
        Visit::Covered
    }

    /// Whether a state that leads back into a loop may stand for the path: its way back counted on iterators that the loop
    /// advances, and the path has these, too, as far on.
    fn keeps_pace(&self, path: &Path, id: KeptId) -> bool {
        let (Some(kept), Some(loops)) = (self.kept.get(id), self.kept.open_above(id)) else { return false };
        path.state.as_far_as(&kept.state, &loops.state)
    }

    /// Loosens what changes from round to round of a loop that ends by itself, so that the rounds become alike.
    ///
    /// Numbers that some rule relies on are left alone at first: they may count the rounds of another loop.
    pub(super) fn widen(&mut self, path: &Path, state: &mut VerifierState) {
        self.demands.settle();
        let Some(place) = self.demands.node(path.context, path.at) else { return };
        let mut before = self
            .kept
            .latest(place)
            .filter(|id| self.kept.progress(*id) == Progress::Open)
            .filter_map(|id| self.kept.get(id))
            .filter(|kept| state.rounds_since(&kept.state) >= 2);
        let Some(last) = before.next() else { return };
        let wants = self.demands.at(path.context, path.at);
        let many = before.nth(MANY_ROUNDS).is_some();
        widen(&last.state, state, |frame| if many { Wants::default() } else { frame_wants(wants, frame) });
    }
}

/// What is wanted of a frame; everything where that is not known.
fn frame_wants(wants: Option<&[Wants]>, frame: usize) -> Wants {
    wants.and_then(|wants| wants.get(frame)).copied().unwrap_or(Wants::ALL)
}

/// Registers of a frame that still matter: in the running frame at `at`, in others where their callees return to.
fn live_regs(liveness: &Liveness, state: &VerifierState, at: InsnIdx, frame: usize) -> LiveRegs {
    match state.frames().get(frame + 1) {
        Some(callee) => match (callee.return_to, callee.role) {
            (Some(to), Role::Called) => liveness.of_caller(to),
            // The call is simulated again when the callback returns: with the same arguments.
            (Some(to), Role::Callback { .. } | Role::Comparison) => liveness.at(to),
            (None, _) | (Some(_), Role::Later { .. }) => LiveRegs::ALL,
        },
        None => liveness.at(at),
    }
}
