//! What a call does to the state: memory it writes, references and borrows it ends, sections it enters, what `R0` holds.

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::{Extend, Reg};
use opswap_bpf::map::SpecialField;
use opswap_bpf::proto::{
    ArgIdx, Demand, HelperEffects, Intrinsic, KfuncFlags, MemSize, NodeUse, Nullness, RetKind, RetTrust,
};
use opswap_bpf::{BtfId, BtfSpace, InsnIdx, RefId};

use super::argument::Argument;
use super::graph::{self, Graph};
use super::{Contract, argument, callback, cast, deeds, found, global, lock};
use crate::demand::Touched;
use crate::domain::Scalar;
use crate::host::Aliasing;
use crate::reject::Reason;
use crate::state::{Identity, Pointer, RefKind, RegState, Region, Trust, VerifierState};
use crate::subject::Subject;
use crate::transfer::{ended_pointer, in_rcu_section};

/// Greatest error number (Linux: `MAX_ERRNO`).
const MAX_ERRNO: i64 = 4095;

/// A legal call and everything it does.
pub(crate) struct Checked {
    arguments: Vec<Argument>,
    result: Outcome,
    intrinsic: Option<Intrinsic>,
    effects: HelperEffects,
    callback: Option<callback::Entered>,
    lock: Option<lock::Change>,
    graph: Option<Graph>,
    touched: Touched,
    context: Context,
}

/// What a call does to what the entry's exclusive arguments have lent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    /// Nothing.
    Untouched,
    /// A function of the program is given the context, and may borrow them anew.
    Reborrowed,
}

impl Checked {
    fn new(contract: &Contract<'_>, arguments: Vec<Argument>, result: Outcome) -> Self {
        let (intrinsic, effects) = (contract.intrinsic, contract.effects);
        let reborrowed = global::takes_context(contract);
        let context = if reborrowed { Context::Reborrowed } else { Context::Untouched };
        let touched = Touched::default();
        let (callback, lock, graph) = (None, None, None);
        Self { arguments, result, intrinsic, effects, callback, lock, graph, touched, context }
    }

    /// Adds what the call touched.
    pub(super) fn touching(self, touched: Touched) -> Self {
        Self { touched, ..self }
    }

    /// What the call touched.
    pub(crate) fn take_touched(&mut self) -> Touched {
        std::mem::take(&mut self.touched)
    }

    /// Adds what the call does with a lock.
    pub(super) fn locking(self, lock: Option<lock::Change>) -> Self {
        Self { lock, ..self }
    }

    /// Whether the call ends the program.
    pub(crate) fn throws(&self) -> bool {
        self.intrinsic == Some(Intrinsic::Throw)
    }

    /// Adds the callback that the call runs.
    pub(super) fn running(self, callback: Option<callback::Entered>) -> Self {
        Self { callback, ..self }
    }

    /// The callback that the call runs.
    pub(crate) fn take_callback(&mut self) -> Option<callback::Entered> {
        self.callback.take()
    }
}

/// Which identity a pointer gets that no other has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fresh {
    /// None: nobody asks which one it is.
    Nothing,
    /// That of the map.
    Map,
    /// That of the value or object.
    Value,
}

/// What `R0` holds.
pub(super) enum Outcome {
    /// This.
    Value(RegState),
    /// A pointer that was found in a map.
    Found(Pointer, Fresh),
    /// A pointer with a reference of its own.
    Acquired(Pointer, Fresh),
    /// A pointer borrowed through `&mut`: any other use of `from` ends it.
    Loan { from: RefId, pointer: Pointer },
}

pub(super) fn check(
    call: &argument::Call<'_>,
    arguments: Vec<Argument>,
    graph: Option<&Graph>,
) -> Result<Checked, Reason> {
    let argument::Call { subject, state, contract, registers } = *call;
    let null = contract.ret.null;
    let result = match &contract.ret.kind {
        RetKind::Void => Outcome::Value(RegState::NotInit),
        RetKind::Scalar { size, signed } => {
            let extend = match signed {
                Signedness::Unsigned => Extend::Zero,
                Signedness::Signed => Extend::Sign,
            };
            Outcome::Value(RegState::scalar(Scalar::from_load(*size, extend)))
        }
        RetKind::Range { min, max } => Outcome::Value(RegState::scalar(Scalar::signed_range(*min, *max))),
        RetKind::CountOrErrno(index) => {
            let most = registers.get(usize::from(index.0)).copied().flatten();
            let most = most.and_then(|reg| state.reg(reg).as_scalar()).map_or(i64::MAX, |size| size.smax());
            Outcome::Value(RegState::scalar(Scalar::signed_range(-MAX_ERRNO, most.max(0))))
        }
        RetKind::Record { id, trust } => {
            let record = subject.host.record(*id);
            let name = record.ok_or(Reason::Internal { what: "a contract names an unknown record" })?.name;
            let pointer = Pointer::new(Region::Record { id: *id, name }).nullable(null);
            match trust {
                _ if contract.effects.contains(HelperEffects::CASTS_REFERENCE) => {
                    borrowed(&arguments, ArgIdx(0), pointer)
                }
                RetTrust::Owned => Outcome::Acquired(pointer, Fresh::Nothing),
                RetTrust::Borrowed(tie) => borrowed(&arguments, *tie, pointer),
                RetTrust::Trusted | RetTrust::Rcu | RetTrust::Untrusted => {
                    Outcome::Value(RegState::Pointer(pointer))
                }
            }
        }
        RetKind::PercpuOf(_) => return Err(Reason::Unsupported { what: "per-CPU results" }),
        RetKind::Allocated { ty, by } => graph::allocate(subject, &arguments, *ty, *by, null)?,
        RetKind::ElementOf { trust, .. } => graph::element(subject, state, graph, *trust, null)?,
        RetKind::SameAs(index) => graph::count(&arguments, *index)?,
        RetKind::KptrOf(index) => kptr(subject, &arguments, *index, null)?,
        RetKind::Cast { ty } => {
            let to = cast::target(subject, constant(contract, &arguments, *ty)?)?;
            Outcome::Value(RegState::Pointer(Pointer::new(to).held(Trust::Untrusted)))
        }
        RetKind::Object { ty, trust } => {
            let pointer = Pointer::new(Region::Object(*ty)).nullable(null);
            match trust {
                _ if contract.effects.contains(HelperEffects::CASTS_REFERENCE) => {
                    borrowed(&arguments, ArgIdx(0), pointer)
                }
                RetTrust::Owned => Outcome::Acquired(pointer, Fresh::Nothing),
                RetTrust::Borrowed(tie) => borrowed(&arguments, *tie, pointer),
                RetTrust::Trusted if arguments.iter().any(deeds::guarded) => {
                    Outcome::Value(RegState::Pointer(pointer.held(Trust::Rcu)))
                }
                RetTrust::Trusted => Outcome::Value(RegState::Pointer(pointer)),
                RetTrust::Rcu => {
                    let trust = if in_rcu_section(subject, state) { Trust::Rcu } else { Trust::Untrusted };
                    Outcome::Value(RegState::Pointer(pointer.held(trust)))
                }
                RetTrust::Untrusted => {
                    Outcome::Value(RegState::Pointer(pointer.held(subject.policy.walked())))
                }
            }
        }
        RetKind::Memory { size, access, tie } => {
            let size = match size {
                MemSize::Fixed(size) => *size,
                MemSize::Arg(index) => constant(contract, &arguments, *index)?,
            };
            let pointer = Pointer::new(Region::Memory { size, access: *access }).nullable(null);
            match tie {
                Some(tie) => borrowed(&arguments, *tie, pointer),
                None if contract.flags.contains(KfuncFlags::ACQUIRE) => {
                    Outcome::Acquired(pointer, Fresh::Nothing)
                }
                None => Outcome::Value(RegState::Pointer(pointer)),
            }
        }
        RetKind::MapValue => found::check(subject, state, contract, registers, &arguments)?,
    };
    Ok(Checked { graph: graph.copied(), ..Checked::new(contract, arguments, result) })
}

fn constant(contract: &Contract<'_>, arguments: &[Argument], index: ArgIdx) -> Result<u32, Reason> {
    match arguments.get(usize::from(index.0)) {
        Some(Argument::Constant(size)) => {
            u32::try_from(*size).map_err(|_| Reason::ResultTooLarge { name: contract.name.to_owned() })
        }
        Some(
            Argument::Plain
            | Argument::Callback(_)
            | Argument::Map(_)
            | Argument::Field(_)
            | Argument::Node(_)
            | Argument::Memory(_)
            | Argument::OnStack(_)
            | Argument::Object { .. },
        )
        | None => {
            let reg = Reg::ARGS.get(usize::from(index.0)).copied().unwrap_or(Reg::R1);
            Err(Reason::NotConstant { reg })
        }
    }
}

/// A result that lives as long as the argument it came from.
fn borrowed(arguments: &[Argument], tie: ArgIdx, pointer: Pointer) -> Outcome {
    let plain = |trust| Outcome::Value(RegState::Pointer(pointer.held(trust)));
    match arguments.get(usize::from(tie.0)) {
        Some(Argument::Object { pointer: parent, demand, .. }) => match (demand, parent.trust) {
            (Demand::Exclusive, Trust::Exclusive(from)) => Outcome::Loan { from, pointer },
            // The argument was given away: what was borrowed from it went with it.
            (Demand::Owned, _) => Outcome::Value(RegState::NotInit),
            (_, Trust::Exclusive(root) | Trust::Owned(root) | Trust::Borrowed(root)) => {
                plain(Trust::Borrowed(root))
            }
            (_, Trust::Trusted) => plain(Trust::Trusted),
            (_, Trust::Rcu) => plain(Trust::Rcu),
            (_, Trust::Untrusted) => plain(Trust::Untrusted),
            (_, Trust::Walked) => plain(Trust::Walked),
        },
        Some(Argument::Memory(extent)) => match extent.root {
            Some(root) => plain(Trust::Borrowed(root)),
            // A second way to what the verifier tracks byte by byte: pointers may lie there later, and it ends with its frame.
            None if extent.is_tracked() => Outcome::Value(RegState::NotInit),
            None => plain(Trust::Untrusted),
        },
        Some(Argument::OnStack(held)) => match held.lender() {
            Some(id) => plain(Trust::Borrowed(id)),
            None => Outcome::Value(RegState::NotInit),
        },
        // NULL was given, or something without a life time.
        Some(
            Argument::Plain
            | Argument::Constant(_)
            | Argument::Callback(_)
            | Argument::Field(_)
            | Argument::Node(_),
        ) => plain(Trust::Untrusted),
        Some(Argument::Map(_)) => plain(Trust::Trusted),
        None => Outcome::Value(RegState::NotInit),
    }
}

/// The object that a kptr held before: the program owns it now.
fn kptr(
    subject: &Subject<'_>,
    arguments: &[Argument],
    index: ArgIdx,
    null: Nullness,
) -> Result<Outcome, Reason> {
    let place = arguments.get(usize::from(index.0)).and_then(Argument::place);
    let Some(SpecialField::Kptr { ty, .. }) = place.map(|place| place.field.field) else {
        return Err(Reason::Internal { what: "a contract returns a kptr but takes none" });
    };
    let (to, fresh) = if ty.space == BtfSpace::Program {
        (Region::Allocated(ty.id), fresh_object(subject, ty.id))
    } else {
        (Region::Object(ty), Fresh::Nothing)
    };
    Ok(Outcome::Acquired(Pointer::new(to).nullable(null), fresh))
}

/// Whether it matters which of several objects of a struct of the program it is.
pub(super) fn fresh_object(subject: &Subject<'_>, ty: BtfId) -> Fresh {
    let locked = subject.struct_fields(ty).is_some_and(|fields| found::has_lock(&fields));
    if locked { Fresh::Value } else { Fresh::Nothing }
}

/// Gives a new pointer its identities: one number serves them all.
fn identified(state: &mut VerifierState, pointer: Pointer, fresh: Fresh) -> RegState {
    let value = state.identified(RegState::Pointer(pointer));
    let RegState::Pointer(mut pointer) = value else { return value };
    let mut one = || if pointer.id.is_some() { pointer.id } else { state.fresh_identity() };
    match fresh {
        Fresh::Nothing => {}
        Fresh::Map => pointer.origin.map = one(),
        Fresh::Value => pointer.origin.value = one(),
    }
    RegState::Pointer(pointer)
}

/// Sections that the call enters or leaves; behind a loop, the next one begins to count anew.
fn count_sections(state: &mut VerifierState, intrinsic: Option<Intrinsic>, gone: RegState) {
    match intrinsic {
        Some(Intrinsic::RcuReadLock) => state.sections.rcu = state.sections.rcu.saturating_add(1),
        Some(Intrinsic::RcuReadUnlock) => {
            state.sections.rcu = state.sections.rcu.saturating_sub(1);
            state.leave_rcu(gone);
        }
        Some(Intrinsic::PreemptDisable) => state.sections.preempt = state.sections.preempt.saturating_add(1),
        Some(Intrinsic::PreemptEnable) => state.sections.preempt = state.sections.preempt.saturating_sub(1),
        Some(Intrinsic::Loop) if state.frame().rounds != 0 => state.frame_mut().rounds = 0,
        _ => {}
    }
}

/// Carries out a legal call.
///
/// Where an iterator was asked for its next element, the state goes on without one; the other, with one, comes back.
pub(crate) fn apply(
    subject: &Subject<'_>,
    state: &mut VerifierState,
    checked: Checked,
    at: InsnIdx,
) -> Option<Box<VerifierState>> {
    let gone = ended_pointer(subject);
    for argument in &checked.arguments {
        match argument {
            Argument::Memory(extent) => {
                extent.apply(state, gone);
                if let Some(root) = extent.root {
                    state.end_loans(root, gone);
                }
            }
            Argument::Object { pointer, demand, .. } => {
                let Some(root) = pointer.trust.root() else { continue };
                match demand {
                    Demand::Exclusive => state.end_borrows(root, gone),
                    Demand::Owned => state.end(root, gone),
                    // Any use of an object ends what was borrowed from it through `&mut`.
                    Demand::Trusted | Demand::Rcu | Demand::Untrusted => state.end_loans(root, gone),
                }
            }
            Argument::OnStack(held) => deeds::apply(subject, state, *held, &checked.arguments, at, gone),
            Argument::Node(node) => {
                let Some((root, graph)) = node.pointer.trust.root().zip(checked.graph) else { continue };
                if node.taken == NodeUse::Given {
                    state.hand_over(root, graph.lock, gone);
                }
            }
            Argument::Plain
            | Argument::Constant(_)
            | Argument::Map(_)
            | Argument::Field(_)
            | Argument::Callback(_) => {}
        }
    }
    if checked.context == Context::Reborrowed {
        for id in state.refs().exclusive_arguments() {
            state.end_borrows(id, gone);
        }
    }
    // Another program may run, and come back here if this is a subprogram.
    let leaves = checked.intrinsic == Some(Intrinsic::TailCall);
    let moved = deeds::moves_packet(checked.intrinsic, &checked.arguments);
    if leaves || moved || checked.effects.contains(HelperEffects::CHANGES_PACKET) {
        state.end_packet(gone);
    }
    if let (Some(graph), Outcome::Acquired(..), Aliasing::Exclusive) =
        (checked.graph, &checked.result, subject.policy.aliasing)
    {
        // Nothing delays the end of an object that is taken out and dropped: it may be any of those that were seen.
        state.end_borrows(graph.lock, gone);
    }
    for reg in [Reg::R0].into_iter().chain(Reg::ARGS) {
        state.set(reg, RegState::NotInit);
    }
    let result = match checked.result {
        Outcome::Value(value) => state.identified(value),
        Outcome::Found(pointer, fresh) => identified(state, pointer, fresh),
        Outcome::Acquired(pointer, fresh) => {
            // A nullable pointer gets its identity first, as in the kernel's numbering.
            let value = identified(state, pointer, fresh);
            let id = state.begin(RefKind::Owned, at);
            match value {
                RegState::Pointer(pointer) => RegState::Pointer(pointer.held(Trust::Owned(id))),
                RegState::NotInit | RegState::Scalar(_) => value,
            }
        }
        Outcome::Loan { from, pointer } => {
            let id = state.begin(RefKind::Loan { from }, at);
            state.identified(RegState::Pointer(pointer.held(Trust::Borrowed(id))))
        }
    };
    state.set(Reg::R0, result);
    count_sections(state, checked.intrinsic, gone);
    if let Some(change) = checked.lock {
        lock::apply(subject, state, change, at);
    }
    let mut more = deeds::advance(state, &checked.arguments);
    if let Some(more) = &mut more {
        let element = *more.reg(Reg::R0);
        if let RegState::Pointer(pointer) = element {
            let found = Pointer { null: Nullness::NonNull, id: Identity::NONE, ..pointer };
            more.set(Reg::R0, RegState::Pointer(found));
        }
    }
    if checked.arguments.iter().any(deeds::advances) {
        if let Some(Trust::Owned(id)) = state.reg(Reg::R0).as_pointer().map(|pointer| pointer.trust) {
            state.end(id, gone);
        }
        state.set(Reg::R0, RegState::constant(0));
    }
    more
}
