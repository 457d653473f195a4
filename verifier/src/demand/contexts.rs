//! Activations by call chain: each chain of calls that the walk took has wants of its own for every instruction of its last
//! function.

use std::collections::HashMap;
use std::ops::Range;

use opswap_bpf::{InsnIdx, SubprogId};

use super::places::Wants;
use crate::state::{Frame, Role};

/// A call chain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct ContextId(pub(super) u32);

/// Wants that are kept at most, over all call chains: 50 MB. Chains beyond that are treated as if everything mattered.
const MAX_WANTS: usize = 1 << 20;

/// Where the last function of a call chain came from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Origin {
    pub(super) caller: ContextId,
    /// Where its caller goes on. A callback goes back to the call that runs it.
    pub(super) return_to: InsnIdx,
    pub(super) callback: Callback,
}

/// Whether the program or the host called.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Callback {
    No,
    Yes,
}

impl Origin {
    /// The call.
    pub(super) fn site(&self) -> InsnIdx {
        match self.callback {
            Callback::Yes => self.return_to,
            Callback::No => InsnIdx(self.return_to.0.saturating_sub(1)),
        }
    }
}

/// A call chain with its wants.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) origin: Option<Origin>,
    /// Slots of the function.
    pub(super) slots: Range<u32>,
    /// Frames of the chain.
    pub(super) frames: usize,
    /// Number of the function's first node.
    node: usize,
    /// Where the wants of the first node begin; none are kept for a chain too many.
    wants: Option<usize>,
    /// Chains that go on from here.
    pub(super) callees: Vec<ContextId>,
    /// Instructions from where control went back to the caller.
    pub(super) exits: Vec<InsnIdx>,
}

impl Context {
    /// The number of the node at a slot.
    pub(super) fn node(&self, at: InsnIdx) -> usize {
        self.node + (at.0.saturating_sub(self.slots.start)) as usize
    }

    /// Where the wants at a slot are kept.
    pub(super) fn wants(&self, at: InsnIdx) -> Option<Range<usize>> {
        if !self.slots.contains(&at.0) {
            return None;
        }
        let offset = (at.0 - self.slots.start) as usize * self.frames;
        let start = self.wants? + offset;
        Some(start..start + self.frames)
    }
}

/// All call chains so far.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    all: Vec<Context>,
    known: HashMap<(Option<Origin>, SubprogId), ContextId>,
    nodes: usize,
    wants: usize,
}

/// A call chain, and whether it is a new one.
pub(super) struct Found {
    pub(super) id: ContextId,
    pub(super) new: bool,
}

impl Contexts {
    pub(super) fn get(&self, id: ContextId) -> Option<&Context> {
        self.all.get(id.0 as usize)
    }

    pub(super) fn get_mut(&mut self, id: ContextId) -> Option<&mut Context> {
        self.all.get_mut(id.0 as usize)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ContextId> + use<> {
        (0..u32::try_from(self.all.len()).unwrap_or(u32::MAX)).map(ContextId)
    }

    /// Nodes of all chains.
    pub(super) fn nodes(&self) -> usize {
        self.nodes
    }

    /// Wants to be kept for all chains.
    pub(super) fn wanted(&self) -> usize {
        self.wants
    }

    /// The chain that runs `frame`, called by that of `caller`.
    pub(super) fn enter(&mut self, caller: Option<ContextId>, frame: &Frame, slots: Range<u32>) -> Found {
        let callback = match frame.role {
            // One that runs later has no caller.
            Role::Called | Role::Later { .. } => Callback::No,
            Role::Callback { .. } | Role::Comparison => Callback::Yes,
        };
        let origin =
            caller.zip(frame.return_to).map(|(caller, return_to)| Origin { caller, return_to, callback });
        let key = (origin, frame.subprog);
        if let Some(&id) = self.known.get(&key) {
            return Found { id, new: false };
        }
        let id = ContextId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        let frames = caller.and_then(|id| self.get(id)).map_or(0, |caller| caller.frames) + 1;
        let (node, len) = (self.nodes, slots.len());
        let kept = caller.and_then(|id| self.get(id)).is_none_or(|caller| caller.wants.is_some());
        let fits = kept && self.wants + len * frames <= MAX_WANTS;
        let wants = fits.then_some(self.wants);
        if fits {
            self.wants += len * frames;
        }
        self.nodes += len;
        let (callees, exits) = (Vec::new(), Vec::new());
        self.all.push(Context { origin, slots, frames, node, wants, callees, exits });
        self.known.insert(key, id);
        if let Some(caller) = origin.and_then(|origin| self.get_mut(origin.caller)) {
            caller.callees.push(id);
        }
        Found { id, new: true }
    }
}

/// Wants of some frames, the entry's first.
pub(super) type Frames = Vec<Wants>;
