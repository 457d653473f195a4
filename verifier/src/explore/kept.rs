//! States kept for comparison: which are open, which are complete, and which cover a path.
//!
//! The walk is depth first, so the open states are those that the path at hand came through. A closed state from which some
//! path was pruned by an open one leads back into a loop that is still being walked: it is not *complete* before that one
//! closes. Each state remembers the earliest state that its paths lead back to (`leads_to`, as in Tarjan's search for strongly
//! connected components). What matters of a state that is not complete is not all known yet, so everything is compared.

use super::index::Index;
use crate::demand::NodeId;
use crate::state::VerifierState;

/// A kept state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct KeptId(u32);

/// A state kept for comparison.
pub(super) struct Kept {
    pub(super) state: VerifierState,
    parent: Option<KeptId>,
    /// Paths from here that are not finished.
    open: u32,
    /// The earliest state by which a path from here was pruned while that was open.
    leads_to: Option<KeptId>,
    pub(super) hits: u32,
    pub(super) misses: u32,
}

/// How far a kept state has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// Some path from it is still to be walked.
    Open,
    /// Every path was walked, but some lead back to this open state.
    Loops(KeptId),
    /// Everything from here is proved.
    Complete,
}

/// All kept states.
#[derive(Default)]
pub(super) struct Store {
    all: Vec<Kept>,
    /// For each instruction of each call chain the number of its place, plus 1; 0 where no state was kept.
    numbers: Vec<u32>,
    places: Vec<Place>,
}

impl Drop for Store {
    /// The youngest first: allocators take back cheaply what they gave last.
    fn drop(&mut self) {
        while self.all.pop().is_some() {}
    }
}

/// The states kept at one instruction of one call chain.
#[derive(Default)]
pub(super) struct Place {
    /// Those that every path is compared with; the oldest first.
    pub(super) list: Vec<KeptId>,
    /// Those with which it would seldom help.
    pub(super) index: Index,
}

impl Store {
    pub(super) fn get(&self, id: KeptId) -> Option<&Kept> {
        self.all.get(id.0 as usize)
    }

    pub(super) fn get_mut(&mut self, id: KeptId) -> Option<&mut Kept> {
        self.all.get_mut(id.0 as usize)
    }

    /// The states to compare with at a place, taken out while that goes on.
    pub(super) fn take(&mut self, node: NodeId) -> Place {
        self.number(node).and_then(|at| self.places.get_mut(at)).map(std::mem::take).unwrap_or_default()
    }

    /// Puts them back.
    pub(super) fn put(&mut self, node: NodeId, states: Place) {
        if let Some(place) = self.number(node).and_then(|at| self.places.get_mut(at)) {
            *place = states;
        } else if !states.list.is_empty() || !states.index.is_empty() {
            if self.numbers.len() <= node.0 {
                self.numbers.resize(node.0 + 1, 0);
            }
            self.places.push(states);
            self.numbers[node.0] = u32::try_from(self.places.len()).unwrap_or(0);
        }
    }

    fn number(&self, node: NodeId) -> Option<usize> {
        (*self.numbers.get(node.0)? as usize).checked_sub(1)
    }

    /// The states at a place, the latest first.
    pub(super) fn latest(&self, node: NodeId) -> impl Iterator<Item = KeptId> {
        let place = self.number(node).and_then(|at| self.places.get(at));
        place.into_iter().flat_map(|states| &states.list).rev().copied()
    }

    /// Keeps a state with one open path.
    pub(super) fn keep(&mut self, state: VerifierState, parent: Option<KeptId>) -> KeptId {
        let id = KeptId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.all.push(Kept { state, parent, open: 1, leads_to: None, hits: 0, misses: 0 });
        id
    }

    /// One more path from a state.
    pub(super) fn open(&mut self, id: Option<KeptId>) {
        if let Some(kept) = id.and_then(|id| self.get_mut(id)) {
            kept.open += 1;
        }
    }

    /// How far a state has come.
    pub(super) fn progress(&self, id: KeptId) -> Progress {
        let mut at = id;
        // The states lead ever further back.
        while let Some(kept) = self.get(at) {
            if kept.open > 0 {
                return if at == id { Progress::Open } else { Progress::Loops(at) };
            }
            match kept.leads_to {
                Some(to) => at = to,
                None => return Progress::Complete,
            }
        }
        Progress::Complete
    }

    /// The nearest open state that a closed one came from.
    pub(super) fn open_above(&self, id: KeptId) -> Option<&Kept> {
        let mut kept = self.get(id)?;
        while kept.open == 0 {
            kept = self.get(kept.parent?)?;
        }
        Some(kept)
    }

    /// A path from `parent` was pruned by a state that is open, or leads back to one: `to`.
    pub(super) fn leads(&mut self, parent: Option<KeptId>, to: KeptId) {
        if let Some(kept) = parent.and_then(|parent| self.get_mut(parent)) {
            kept.leads_to = Some(kept.leads_to.map_or(to, |known| known.min(to)));
        }
    }

    /// A path from `parent` has ended: states without any other open path close.
    pub(super) fn close(&mut self, parent: Option<KeptId>) {
        let mut next = parent;
        while let Some(id) = next {
            let Some(kept) = self.get_mut(id) else { break };
            kept.open = kept.open.saturating_sub(1);
            if kept.open > 0 {
                break;
            }
            next = kept.parent;
            // A loop that comes back no further than here ends here.
            kept.leads_to = kept.leads_to.filter(|to| *to < id);
            if let Some(to) = kept.leads_to {
                self.leads(next, to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(store: &mut Store, parent: Option<KeptId>) -> KeptId {
        store.keep(VerifierState::entry(), parent)
    }

    #[test]
    fn a_state_that_leads_back_is_complete_when_its_loop_is() {
        let mut store = Store::default();
        let outer = kept(&mut store, None);
        let inner = kept(&mut store, Some(outer));
        let body = kept(&mut store, Some(inner));
        // Another path waits at the outer and at the inner state.
        store.open(Some(outer));
        store.open(Some(inner));
        store.leads(Some(body), inner);
        store.close(Some(body));
        assert_eq!(store.progress(body), Progress::Loops(inner));
        assert_eq!(store.progress(inner), Progress::Open);
        // The rest of the inner loop leads to the outer one.
        store.leads(Some(inner), outer);
        store.close(Some(inner));
        assert_eq!(store.progress(body), Progress::Loops(outer));
        assert_eq!(store.progress(inner), Progress::Loops(outer));
        store.close(Some(outer));
        for state in [outer, inner, body] {
            assert_eq!(store.progress(state), Progress::Complete);
        }
    }

    #[test]
    fn a_state_without_a_way_back_is_complete_within_a_loop() {
        let mut store = Store::default();
        let outer = kept(&mut store, None);
        store.open(Some(outer));
        let side = kept(&mut store, Some(outer));
        store.close(Some(side));
        assert_eq!(store.progress(side), Progress::Complete);
        assert_eq!(store.progress(outer), Progress::Open);
    }
}
