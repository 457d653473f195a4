//! What of a state matters to what comes later: numbers that some rule relies on, and stack that is read.
//!
//! Two states that differ in nothing else are alike: what is proved from one holds from the other. So a state is compared
//! with an explored one only in what matters, which is why loops over unknown data and long programs end (Linux: precision
//! tracking and stack liveness).
//!
//! **What is known, and when.** While a path is walked, each step notes for its instruction what it touched ([`Touched`]): the
//! registers whose numbers a rule relied on (a number that became part of a pointer, a size, an argument that must be constant,
//! a comparison that could go one way only, …), the stack that it read, and the stack that it overwrote for sure. A backward
//! data flow over the instructions carries these *wants* to wherever the values came from: through arithmetic and moves, through
//! spills and fills, from a callee's arguments and result to its caller's registers, and from a number to all its copies where a
//! branch teaches something about all of them. Wants are kept for each instruction of each call chain, so that one caller's
//! needs do not burden another. They only ever grow.
//!
//! | file | owns |
//! |---|---|
//! | `places` | [`Halves`]: half slots of a stack; [`Wants`] |
//! | `record` | [`Touched`]: what a step touched |
//! | `contexts` | call chains |
//! | `flow` | the data flow |
//!
//! **Why pruning is sound.** Say that a concrete state is *like* an abstract state `S` at an instruction if each live register
//! and each live half slot holds a value of the kind that `S` says (the same pointer, or any number), if the wanted ones among
//! the numbers lie within what `S` says, and if wanted copies of one number are equal.
//!
//! Claim: from a concrete state that is like a *complete* state nothing illegal happens, and the program ends. A state is
//! complete when every path from it was walked to its end, or was pruned by a complete state. Take such a state and let
//! the concrete state make one step. The step is legal: whatever number a rule relied on is wanted here, so it is
//! within what was judged. The result is like one of the abstract state's successors: a number wanted afterwards was computed
//! from numbers that are wanted before, by the flow; a comparison that could go one way only relied on its operands, and one
//! that could go both ways was walked both ways; what a branch taught about a wanted number is true, for then both operands and all
//! copies are wanted before the branch, hence within what was known and equal. Slots that are read later are live. And the
//! successor is either walked, or covered in all that was wanted when it was pruned: at that time the covering state was
//! complete, so that everything its own continuation wants had been found. Wants that are found later belong to other paths.
//!
//! Within loops that end by themselves (`may_goto`, callbacks, iterators) a path may be pruned by a state that is not complete: by one
//! that it came from, or one that leads there. There the wants are not all known yet, and the walk compares everything
//! (`explore/kept.rs`).
//!
//! **What is on the safe side by default.** A number in an argument of a call is relied on unless the contract takes any number. A
//! pointer to the stack in an argument reads from there to the frame's top unless the contract says how much. A chain of
//! calls too many (`contexts`) wants everything. Objects on the stack are compared whether they are live or not (`state/covers.rs`).

mod contexts;
mod flow;
mod places;
mod record;

use opswap_bpf::insn::Reg;
use opswap_bpf::{Insn, InsnIdx, Program};

pub(crate) use contexts::ContextId;
pub(crate) use places::{Halves, Wants};
pub(crate) use record::{Access, Touched};

use crate::cfg::Cfg;
use crate::liveness::{LiveRegs, Liveness};
use crate::state::{Frame, VerifierState};
use contexts::{Contexts, Frames};
use record::{Grown, Record, Turn};

/// One instruction of one call chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NodeId(pub(crate) usize);

/// What is kept of one instruction of one call chain.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    /// Number of its record, plus 1.
    record: u32,
    stepped: bool,
    /// A call of a subprogram that was not walked into.
    passed: bool,
    queued: bool,
}

/// The wants of all instructions, as far as they are known.
pub(crate) struct Demands<'a> {
    program: &'a Program,
    cfg: &'a Cfg,
    liveness: &'a Liveness,
    contexts: Contexts,
    nodes: Vec<Node>,
    wants: Frames,
    records: Vec<Record>,
    /// Nodes whose wants must be computed anew.
    queue: Vec<(ContextId, InsnIdx)>,
    /// Whether any wants grew since the last call of [`Demands::settled`].
    grown: bool,
}

impl<'a> Demands<'a> {
    pub(crate) fn new(program: &'a Program, cfg: &'a Cfg, liveness: &'a Liveness) -> Self {
        Self {
            program,
            cfg,
            liveness,
            contexts: Contexts::default(),
            nodes: Vec::new(),
            wants: Frames::new(),
            records: Vec::new(),
            queue: Vec::new(),
            grown: false,
        }
    }

    /// The call chain of a state.
    pub(crate) fn context(&mut self, state: &VerifierState) -> ContextId {
        let mut context = None;
        for frame in state.frames() {
            context = Some(self.enter(context, frame));
        }
        context.unwrap_or(ContextId(0))
    }

    /// The call chain that goes on from `caller` with `frame`.
    pub(crate) fn enter(&mut self, caller: Option<ContextId>, frame: &Frame) -> ContextId {
        let function = self.cfg.functions().get(frame.subprog.index());
        let slots = function.map_or(0..0, |function| function.start.0..function.end.0);
        let found = self.contexts.enter(caller, frame, slots);
        if found.new {
            self.nodes.resize(self.contexts.nodes(), Node::default());
            self.wants.resize(self.contexts.wanted(), Wants::default());
            let origin = self.contexts.get(found.id).and_then(|context| context.origin);
            if let Some(origin) = origin {
                self.enqueue(origin.caller, origin.site());
            }
        }
        found.id
    }

    /// The chain without its last call.
    pub(crate) fn caller(&self, context: ContextId) -> Option<ContextId> {
        self.contexts.get(context)?.origin.map(|origin| origin.caller)
    }

    /// Frames of a chain.
    pub(crate) fn frames(&self, context: ContextId) -> usize {
        self.contexts.get(context).map_or(0, |context| context.frames)
    }

    /// Control went from `at` back to the caller.
    pub(crate) fn left(&mut self, context: ContextId, at: InsnIdx) {
        let Some(chain) = self.contexts.get_mut(context) else { return };
        if !chain.exits.contains(&at) {
            chain.exits.push(at);
            self.enqueue(context, at);
        }
    }

    /// The subprogram that is called at `at` was not walked into.
    pub(crate) fn passed(&mut self, context: ContextId, at: InsnIdx) {
        let Some(node) = self.node_mut(context, at) else { return };
        if !std::mem::replace(&mut node.passed, true) {
            self.enqueue(context, at);
        }
    }

    /// The node of an instruction.
    pub(crate) fn node(&self, context: ContextId, at: InsnIdx) -> Option<NodeId> {
        self.contexts
            .get(context)
            .filter(|context| context.slots.contains(&at.0))
            .map(|it| NodeId(it.node(at)))
    }

    fn node_mut(&mut self, context: ContextId, at: InsnIdx) -> Option<&mut Node> {
        let node = self.contexts.get(context)?.node(at);
        self.nodes.get_mut(node)
    }

    /// Adds what a step at `at` touched.
    pub(crate) fn add(&mut self, context: ContextId, at: InsnIdx, touched: &Touched) {
        let Some(node) = self.contexts.get(context).and_then(|context| self.nodes.get_mut(context.node(at)))
        else {
            return;
        };
        let turn = if std::mem::replace(&mut node.stepped, true) { Turn::Later } else { Turn::First };
        if node.record == 0 {
            if touched.is_empty() {
                return;
            }
            self.records.push(Record::default());
            node.record = u32::try_from(self.records.len()).unwrap_or(0);
        }
        let record = (node.record as usize).checked_sub(1).and_then(|at| self.records.get_mut(at));
        if record.is_some_and(|record| record.add(touched, turn) == Grown::Yes) {
            self.enqueue(context, at);
        }
    }

    /// What is wanted before `at`, frame by frame; `None` for everything.
    pub(crate) fn at(&self, context: ContextId, at: InsnIdx) -> Option<&[Wants]> {
        self.wants.get(self.contexts.get(context)?.wants(at)?)
    }

    /// Whether no wants grew since this was asked last.
    pub(crate) fn settled(&mut self) -> bool {
        self.settle();
        !std::mem::replace(&mut self.grown, false)
    }

    /// For each slot the registers whose numbers are wanted there in every call chain that came there.
    pub(crate) fn wanted_everywhere(&self) -> Vec<Vec<Reg>> {
        let mut wanted = vec![LiveRegs::ALL; self.program.insns.len()];
        for id in self.contexts.ids() {
            let Some(context) = self.contexts.get(id) else { continue };
            for slot in context.slots.clone() {
                let at = InsnIdx(slot);
                let stepped = self.nodes.get(context.node(at)).is_some_and(|node| node.stepped);
                let here = self.at(id, at).and_then(<[Wants]>::last);
                if let (true, Some(here), Some(wanted)) = (stepped, here, wanted.get_mut(at.index())) {
                    *wanted = wanted.and(here.regs);
                }
            }
        }
        let regs = |set: LiveRegs| Reg::ALL.into_iter().filter(|reg| set.contains(*reg)).collect();
        wanted.into_iter().map(regs).collect()
    }

    fn insn(&self, at: InsnIdx) -> Option<&'a Insn> {
        self.program.insns.get(at.index())
    }
}
