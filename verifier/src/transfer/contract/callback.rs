//! Subprograms that a callee runs: any number of times, with the arguments that the contract names.
//!
//! The call forks: one path goes on behind it, the other runs the callback once and comes back to the call. Rounds that are
//! alike end the circle, as with `may_goto`: the callee itself makes an end.

use opswap_bpf::insn::Reg;
use opswap_bpf::proto::{
    ArgKind, Demand, DynptrKind, DynptrMemory, FieldKind, Intrinsic, Nullness, Sleepable,
};
use opswap_bpf::{InsnIdx, MapId};

use super::argument::{Argument, Call};
use super::graph::{self, Graph};
use super::{Callee, Contract, found};
use crate::host::Aliasing;
use crate::reject::Reason;
use crate::state::{Frame, Home, Origin, Pointer, RefKind, RegState, Region, Role, Trust, VerifierState};
use crate::subject::Subject;

/// When a callback runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum When {
    /// Before the call returns.
    Now,
    /// Some time later, on its own.
    Later,
}

/// A callback about to run.
pub(crate) struct Entered {
    start: InsnIdx,
    frame: Frame,
    when: When,
    /// The registers that hold an element of a map: another one each time.
    elements: Vec<Reg>,
    /// Rounds of the caller's loop, this one included.
    rounds: u32,
}

impl Entered {
    /// The state in which the callback begins, and where. `caller` is that of the call.
    pub(crate) fn state(
        self,
        subject: &Subject<'_>,
        caller: &VerifierState,
    ) -> (When, InsnIdx, VerifierState) {
        let Self { start, mut frame, when, elements, rounds } = self;
        let mut state = match when {
            When::Now => caller.clone(),
            // Nothing of the caller is left by then, its maps' identities included.
            When::Later => VerifierState::alone(Frame::new(0, frame.subprog, None)),
        };
        if when == When::Now && state.frame().rounds != rounds {
            state.frame_mut().rounds = rounds;
        }
        let own_map = (when == When::Later).then(|| state.fresh_identity());
        for reg in Reg::ARGS {
            let mut value = state.identified(*frame.reg(reg));
            if let RegState::Pointer(pointer) = &mut value
                && let Region::MapValue(map) | Region::MapPtr(map) = pointer.to
            {
                let fields = subject.map(map).map_or(&[][..], |map| &map.fields);
                if let Some(own) = own_map.filter(|_| subject.is_inner(map)) {
                    pointer.origin.map = own;
                }
                if elements.contains(&reg) && found::has_lock(fields) {
                    pointer.origin.value = state.fresh_identity();
                }
            }
            frame.set(reg, value);
        }
        match when {
            When::Now => {
                let at = frame.return_to.unwrap_or(start);
                state.push(frame);
                lend(&mut state, at);
                state.may_goto_depth = state.may_goto_depth.saturating_add(1);
            }
            When::Later => state = VerifierState::alone(frame).with_ids_of(&state),
        }
        (when, start, state)
    }
}

/// What the callee lends ends when the callback returns.
fn lend(state: &mut VerifierState, at: InsnIdx) {
    for reg in Reg::ARGS {
        if let RegState::Pointer(pointer @ Pointer { to: Region::Dynptr(_), .. }) = *state.reg(reg) {
            let id = state.begin(RefKind::Lent, at);
            state.set(reg, RegState::Pointer(pointer.held(Trust::Borrowed(id))));
        }
    }
}

/// The callback of a call at `at`, if it takes one.
pub(super) fn check(
    call: &Call<'_>,
    arguments: &[Argument],
    graph: Option<&Graph>,
    at: InsnIdx,
) -> Result<Option<Entered>, Reason> {
    let Call { subject, state, contract, registers } = *call;
    let mut taken = contract.args.iter().zip(arguments).filter_map(|(arg, given)| match (&arg.kind, given) {
        (ArgKind::Callback { args }, Argument::Callback(id)) => Some((args, *id)),
        _ => None,
    });
    let Some((kinds, id)) = taken.next() else { return Ok(None) };
    if taken.next().is_some() {
        return Err(Reason::Unsupported { what: "two callbacks of one call" });
    }
    let when = if contract.intrinsic == Some(Intrinsic::CallLater) { When::Later } else { When::Now };
    if when == When::Now && subject.policy.aliasing == Aliasing::Exclusive && arguments.iter().any(is_lent) {
        // The callback may reach the same memory while the callee holds a reference to it.
        return Err(Reason::Unsupported { what: "callbacks beside arguments that are references" });
    }
    let Some(rounds) = next_round(state, contract, registers) else { return Ok(None) };
    let frames = state.frames().len() + 1;
    if when == When::Now && frames > subject.limits.call_frames as usize {
        return Err(Reason::CallTooDeep { frames });
    }
    let role = match (contract.callee, contract.intrinsic) {
        _ if kinds.iter().any(|kind| matches!(kind, ArgKind::Node { .. })) => Role::Comparison,
        (_, Some(Intrinsic::CallLater)) => Role::Later { sleepable: may_sleep(arguments)? },
        (Callee::Helper(_), Some(Intrinsic::Loop | Intrinsic::ForEach | Intrinsic::CallOnce)) => {
            Role::Callback { min: 0, max: 1 }
        }
        (Callee::Kfunc(_) | Callee::Helper(_) | Callee::Global(_), _) => {
            Role::Callback { min: i64::MIN, max: i64::MAX }
        }
    };
    let map = match when {
        When::Now => found::map_argument(state, registers, arguments),
        // The map that the timer or workqueue lies in.
        When::Later => arguments.iter().find_map(Argument::place).and_then(|place| match place.home {
            Home::Map(map) => Some((map, Origin::default())),
            Home::Allocated(_) => None,
        }),
    };
    let number = if when == When::Now { state.depth().saturating_add(1) } else { 0 };
    let mut frame = Frame::new(number, id, (when == When::Now).then_some(at));
    frame.role = role;
    let mut elements = Vec::new();
    for (reg, kind) in Reg::ARGS.into_iter().zip(kinds) {
        let element = if let ArgKind::Node { .. } = kind { graph.and_then(graph::compared) } else { None };
        frame.set(reg, element.map_or_else(|| given(subject, state, registers, map, kind), Ok)?);
        if matches!(kind, ArgKind::MapValue { .. }) {
            elements.push(reg);
        }
    }
    let start = subject.cfg.functions().get(id.index()).map(|function| function.start);
    let start = start.ok_or(Reason::Internal { what: "a callback that is no function" })?;
    Ok(Some(Entered { start, frame, when, elements, rounds }))
}

/// Workqueues run where sleeping is allowed, timers where it is not.
fn may_sleep(arguments: &[Argument]) -> Result<Sleepable, Reason> {
    match arguments.iter().find_map(Argument::place).map(|place| place.kind) {
        Some(FieldKind::Workqueue) => Ok(Sleepable::Yes),
        Some(FieldKind::Timer) => Ok(Sleepable::No),
        Some(_) | None => Err(Reason::Unsupported { what: "callbacks that run later for such a field" }),
    }
}

/// How many rounds of a loop there will have been after one more; `None` when that is more than the program asks for.
fn next_round(state: &VerifierState, contract: &Contract<'_>, registers: &[Option<Reg>]) -> Option<u32> {
    let rounds = state.frame().rounds;
    if !is_counted(contract) {
        return Some(rounds);
    }
    let asked = registers.first().copied().flatten().and_then(|reg| state.reg(reg).as_scalar());
    let more = asked.is_none_or(|asked| u64::from(rounds) < asked.umax());
    more.then(|| rounds.saturating_add(1))
}

/// Whether the callee runs the callback as often as its first argument says.
pub(super) fn is_counted(contract: &Contract<'_>) -> bool {
    matches!(contract.callee, Callee::Helper(_)) && contract.intrinsic == Some(Intrinsic::Loop)
}

/// Whether the callee holds a reference to memory of the program or to an object that the program may reach.
fn is_lent(argument: &Argument) -> bool {
    match argument {
        Argument::Memory(_) | Argument::Field(_) | Argument::Node(_) => true,
        Argument::Object { pointer, .. } => pointer.trust.root().is_some(),
        // The callback may use or end the object under the callee's hands.
        Argument::OnStack(held) => held.spot.is_some(),
        Argument::Plain | Argument::Constant(_) | Argument::Map(_) | Argument::Callback(_) => false,
    }
}

/// What the callee passes to the callback.
#[expect(clippy::wildcard_enum_match_arm, reason = "callees pass no others")]
fn given(
    subject: &Subject<'_>,
    state: &VerifierState,
    registers: &[Option<Reg>],
    map: Option<(MapId, Origin)>,
    kind: &ArgKind,
) -> Result<RegState, Reason> {
    let map =
        || map.ok_or(Reason::Internal { what: "a callback is passed a map that the call does not have" });
    // An element of its own each time, but always of this map.
    let pointer = |to, (_, origin): (MapId, Origin)| {
        RegState::Pointer(Pointer::new(to).from_origin(Origin { map: origin.map, ..Origin::default() }))
    };
    Ok(match kind {
        ArgKind::Scalar { .. } | ArgKind::Any | ArgKind::Ignored => RegState::unknown(),
        ArgKind::Passed(index) => match registers.get(usize::from(index.0)).copied().flatten() {
            Some(reg) => *state.reg(reg),
            None => RegState::NotInit,
        },
        ArgKind::Map { .. } => pointer(Region::MapPtr(map()?.0), map()?),
        ArgKind::MapKey => pointer(Region::MapKey(map()?.0), map()?),
        ArgKind::MapValue { .. } => pointer(Region::MapValue(map()?.0), map()?),
        ArgKind::Dynptr(DynptrKind::Read) => {
            RegState::Pointer(Pointer::new(Region::Dynptr(DynptrMemory::Local)))
        }
        ArgKind::Object { ty, demand: Demand::Trusted } => {
            RegState::Pointer(Pointer::new(Region::Object(*ty)).nullable(Nullness::NonNull))
        }
        // Valid during the call; what is known of them ends there.
        ArgKind::Object { ty, demand: Demand::Untrusted } => {
            RegState::Pointer(Pointer::new(Region::Object(*ty)).held(subject.policy.walked()))
        }
        _ => return Err(Reason::Unsupported { what: "callbacks with such arguments" }),
    })
}
