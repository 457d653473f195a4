//! What a call does to the state: memory it writes, references and borrows it ends, sections it enters, what `R0` holds.

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::{Extend, Reg};
use opswap_bpf::proto::{
    ArgIdx, Demand, HelperEffects, Intrinsic, KfuncFlags, MemSize, Nullness, RetKind, RetTrust,
};
use opswap_bpf::{InsnIdx, RefId};

use super::argument::Argument;
use super::{Contract, callback, deeds, global};
use crate::demand::Touched;
use crate::domain::Scalar;
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
        Self { arguments, result, intrinsic, effects, callback: None, touched, context }
    }

    /// Adds what the call touched.
    pub(super) fn touching(self, touched: Touched) -> Self {
        Self { touched, ..self }
    }

    /// What the call touched.
    pub(crate) fn take_touched(&mut self) -> Touched {
        std::mem::take(&mut self.touched)
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

/// What `R0` holds.
enum Outcome {
    /// This.
    Value(RegState),
    /// A pointer with a reference of its own.
    Acquired(Pointer),
    /// A pointer borrowed through `&mut`: any other use of `from` ends it.
    Loan { from: RefId, pointer: Pointer },
}

pub(super) fn check(
    subject: &Subject<'_>,
    state: &VerifierState,
    contract: &Contract<'_>,
    registers: &[Option<Reg>],
    arguments: Vec<Argument>,
) -> Result<Checked, Reason> {
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
                RetTrust::Owned => Outcome::Acquired(pointer),
                RetTrust::Borrowed(tie) => borrowed(&arguments, *tie, pointer),
                RetTrust::Trusted | RetTrust::Rcu | RetTrust::Untrusted => {
                    Outcome::Value(RegState::Pointer(pointer))
                }
            }
        }
        RetKind::PercpuOf(_) => return Err(Reason::Unsupported { what: "per-CPU results" }),
        RetKind::Allocated { .. } | RetKind::ElementOf { .. } | RetKind::SameAs(_) => {
            return Err(Reason::Unsupported { what: "allocated objects" });
        }
        RetKind::KptrOf(_) => return Err(Reason::Unsupported { what: "kptr results" }),
        RetKind::Object { ty, trust } => {
            let pointer = Pointer::new(Region::Object(*ty)).nullable(null);
            match trust {
                _ if contract.effects.contains(HelperEffects::CASTS_REFERENCE) => {
                    borrowed(&arguments, ArgIdx(0), pointer)
                }
                RetTrust::Owned => Outcome::Acquired(pointer),
                RetTrust::Borrowed(tie) => borrowed(&arguments, *tie, pointer),
                RetTrust::Trusted if arguments.iter().any(deeds::guarded) => {
                    Outcome::Value(RegState::Pointer(pointer.held(Trust::Rcu)))
                }
                RetTrust::Trusted => Outcome::Value(RegState::Pointer(pointer)),
                RetTrust::Rcu => {
                    let trust = if in_rcu_section(subject, state) { Trust::Rcu } else { Trust::Untrusted };
                    Outcome::Value(RegState::Pointer(pointer.held(trust)))
                }
                RetTrust::Untrusted => Outcome::Value(RegState::Pointer(pointer.held(Trust::Untrusted))),
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
                None if contract.flags.contains(KfuncFlags::ACQUIRE) => Outcome::Acquired(pointer),
                None => Outcome::Value(RegState::Pointer(pointer)),
            }
        }
        RetKind::MapValue => {
            let map = arguments.iter().find_map(|argument| match argument {
                Argument::Map(map) => Some(*map),
                Argument::Plain
                | Argument::Callback(_)
                | Argument::Constant(_)
                | Argument::Memory(_)
                | Argument::OnStack(_)
                | Argument::Object { .. } => None,
            });
            let map =
                map.ok_or(Reason::Internal { what: "a contract returns a map's value but takes no map" })?;
            if let Some(RetKind::Record { id, trust }) = subject.host.found(subject.map(map)?.kind) {
                let record = subject.host.record(*id);
                let name = record.ok_or(Reason::Internal { what: "a map holds unknown records" })?.name;
                let pointer = Pointer::new(Region::Record { id: *id, name }).nullable(null);
                let result = match trust {
                    RetTrust::Owned => Outcome::Acquired(pointer),
                    RetTrust::Borrowed(_) | RetTrust::Trusted | RetTrust::Rcu | RetTrust::Untrusted => {
                        Outcome::Value(RegState::Pointer(pointer))
                    }
                };
                return Ok(Checked::new(contract, arguments, result));
            }
            check_value_map(subject, contract, map)?;
            Outcome::Value(RegState::Pointer(Pointer::new(Region::MapValue(map)).nullable(null)))
        }
    };
    Ok(Checked::new(contract, arguments, result))
}

/// A map whose values are plain memory of the size that its shape says.
fn check_value_map(
    subject: &Subject<'_>,
    contract: &Contract<'_>,
    map: opswap_bpf::MapId,
) -> Result<(), Reason> {
    use opswap_bpf::map::MapKind;
    let proto = subject.map(map)?;
    match proto.kind {
        MapKind::Hash
        | MapKind::Array
        | MapKind::PercpuHash
        | MapKind::PercpuArray
        | MapKind::LruHash
        | MapKind::LruPercpuHash
        | MapKind::LpmTrie
        | MapKind::CgroupStorage
        | MapKind::PercpuCgroupStorage
        | MapKind::SkStorage
        | MapKind::InodeStorage
        | MapKind::TaskStorage
        | MapKind::CgrpStorage => Ok(()),
        kind @ (MapKind::Unspec
        | MapKind::ProgArray
        | MapKind::PerfEventArray
        | MapKind::StackTrace
        | MapKind::CgroupArray
        | MapKind::ArrayOfMaps
        | MapKind::HashOfMaps
        | MapKind::Devmap
        | MapKind::Sockmap
        | MapKind::Cpumap
        | MapKind::Xskmap
        | MapKind::Sockhash
        | MapKind::ReuseportSockarray
        | MapKind::Queue
        | MapKind::Stack
        | MapKind::DevmapHash
        | MapKind::StructOps
        | MapKind::Ringbuf
        | MapKind::BloomFilter
        | MapKind::UserRingbuf
        | MapKind::Arena) => Err(Reason::WrongMapKind { kind: kind as u32, name: contract.title() }),
    }
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
        },
        Some(Argument::Memory(extent)) => match extent.root {
            Some(root) => plain(Trust::Borrowed(root)),
            // Borrowed from the program's own memory, which may change any time.
            None => plain(Trust::Untrusted),
        },
        Some(Argument::OnStack(held)) => match held.lender() {
            Some(id) => plain(Trust::Borrowed(id)),
            None => Outcome::Value(RegState::NotInit),
        },
        // NULL was given, or something without a life time.
        Some(Argument::Plain | Argument::Constant(_) | Argument::Callback(_)) => plain(Trust::Untrusted),
        Some(Argument::Map(_)) => plain(Trust::Trusted),
        None => Outcome::Value(RegState::NotInit),
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
            Argument::Plain | Argument::Constant(_) | Argument::Map(_) | Argument::Callback(_) => {}
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
    for reg in [Reg::R0].into_iter().chain(Reg::ARGS) {
        state.set(reg, RegState::NotInit);
    }
    let result = match checked.result {
        Outcome::Value(value) => state.identified(value),
        Outcome::Acquired(pointer) => {
            // A nullable pointer gets its identity first, as in the kernel's numbering.
            let value = state.identified(RegState::Pointer(pointer));
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
    match checked.intrinsic {
        Some(Intrinsic::RcuReadLock) => state.sections.rcu = state.sections.rcu.saturating_add(1),
        Some(Intrinsic::RcuReadUnlock) => {
            state.sections.rcu = state.sections.rcu.saturating_sub(1);
            state.leave_rcu(gone);
        }
        Some(Intrinsic::PreemptDisable) => state.sections.preempt = state.sections.preempt.saturating_add(1),
        Some(Intrinsic::PreemptEnable) => state.sections.preempt = state.sections.preempt.saturating_sub(1),
        _ => {}
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
