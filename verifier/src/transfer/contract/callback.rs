//! Subprograms that a callee runs: any number of times, with the arguments that the contract names.
//!
//! The call forks: one path goes on behind it, the other runs the callback once and comes back to the call. Rounds that are
//! alike end the circle, as with `may_goto`: the callee itself makes an end.

use opswap_bpf::insn::Reg;
use opswap_bpf::proto::{ArgKind, Demand, DynptrKind, DynptrMemory, Intrinsic, Nullness};
use opswap_bpf::{InsnIdx, MapId, SubprogId};

use super::argument::Argument;
use super::{Callee, Contract};
use crate::host::Aliasing;
use crate::reject::Reason;
use crate::state::{Frame, Pointer, RefKind, RegState, Region, Role, Trust, VerifierState};
use crate::subject::Subject;

/// A callback about to run.
pub(crate) struct Entered {
    start: InsnIdx,
    frame: Frame,
}

impl Entered {
    /// The state in which the callback begins, and where. `caller` is that of the call.
    pub(crate) fn state(self, caller: &VerifierState) -> (InsnIdx, VerifierState) {
        let mut state = caller.clone();
        let mut frame = self.frame;
        for reg in Reg::ARGS {
            let value = state.identified(*frame.reg(reg));
            frame.set(reg, value);
        }
        let at = frame.return_to.unwrap_or(self.start);
        state.push(frame);
        for reg in Reg::ARGS {
            // What the callee lends ends when the callback returns.
            if let RegState::Pointer(pointer @ Pointer { to: Region::Dynptr(_), .. }) = *state.reg(reg) {
                let id = state.begin(RefKind::Lent, at);
                state.set(reg, RegState::Pointer(pointer.held(Trust::Borrowed(id))));
            }
        }
        state.may_goto_depth = state.may_goto_depth.saturating_add(1);
        (self.start, state)
    }
}

/// The callback of a call at `at`, if it takes one.
pub(super) fn check(
    subject: &Subject<'_>,
    state: &VerifierState,
    contract: &Contract<'_>,
    registers: &[Option<Reg>],
    arguments: &[Argument],
    at: InsnIdx,
) -> Result<Option<Entered>, Reason> {
    let mut taken = contract.args.iter().zip(arguments).filter_map(|(arg, given)| match (&arg.kind, given) {
        (ArgKind::Callback { args }, Argument::Callback(id)) => Some((args, *id)),
        _ => None,
    });
    let Some((kinds, id)) = taken.next() else { return Ok(None) };
    if taken.next().is_some() {
        return Err(Reason::Unsupported { what: "two callbacks of one call" });
    }
    if subject.policy.aliasing == Aliasing::Exclusive && arguments.iter().any(is_lent) {
        // The callback may reach the same memory while the callee holds a reference to it.
        return Err(Reason::Unsupported { what: "callbacks beside arguments that are references" });
    }
    let frames = state.frames().len() + 1;
    if frames > subject.limits.call_frames as usize {
        return Err(Reason::CallTooDeep { frames });
    }
    let role = match (contract.callee, contract.intrinsic) {
        (Callee::Helper(_), Some(Intrinsic::Loop | Intrinsic::ForEach | Intrinsic::CallOnce)) => {
            Role::Callback { min: 0, max: 1 }
        }
        (Callee::Kfunc(_) | Callee::Helper(_) | Callee::Global(_), _) => {
            Role::Callback { min: i64::MIN, max: i64::MAX }
        }
    };
    let frame = frame(state, registers, arguments, kinds, id, (at, role))?;
    let start = subject.cfg.functions().get(id.index()).map(|function| function.start);
    let start = start.ok_or(Reason::Internal { what: "a callback that is no function" })?;
    Ok(Some(Entered { start, frame }))
}

/// Whether the callee holds a reference to memory of the program or to an object that the program may reach.
fn is_lent(argument: &Argument) -> bool {
    match argument {
        Argument::Memory(_) => true,
        Argument::Object { pointer, .. } => pointer.trust.root().is_some(),
        // The callback may use or end the object under the callee's hands.
        Argument::OnStack(held) => held.spot.is_some(),
        Argument::Plain | Argument::Constant(_) | Argument::Map(_) | Argument::Callback(_) => false,
    }
}

fn frame(
    state: &VerifierState,
    registers: &[Option<Reg>],
    arguments: &[Argument],
    kinds: &[ArgKind],
    id: SubprogId,
    (at, role): (InsnIdx, Role),
) -> Result<Frame, Reason> {
    let map = arguments.iter().find_map(|argument| match argument {
        Argument::Map(map) => Some(*map),
        Argument::Plain
        | Argument::Constant(_)
        | Argument::Memory(_)
        | Argument::Callback(_)
        | Argument::OnStack(_)
        | Argument::Object { .. } => None,
    });
    let number = state.depth().saturating_add(1);
    let mut frame = Frame::new(number, id, Some(at));
    frame.role = role;
    for (reg, kind) in Reg::ARGS.into_iter().zip(kinds) {
        frame.set(reg, given(state, registers, map, kind)?);
    }
    Ok(frame)
}

/// What the callee passes to the callback.
#[expect(clippy::wildcard_enum_match_arm, reason = "callees pass no others")]
fn given(
    state: &VerifierState,
    registers: &[Option<Reg>],
    map: Option<MapId>,
    kind: &ArgKind,
) -> Result<RegState, Reason> {
    let map =
        || map.ok_or(Reason::Internal { what: "a callback is passed a map that the call does not have" });
    let pointer = |to| RegState::Pointer(Pointer::new(to));
    Ok(match kind {
        ArgKind::Scalar { .. } | ArgKind::Any | ArgKind::Ignored => RegState::unknown(),
        ArgKind::Passed(index) => match registers.get(usize::from(index.0)).copied().flatten() {
            Some(reg) => *state.reg(reg),
            None => RegState::NotInit,
        },
        ArgKind::Map { .. } => pointer(Region::MapPtr(map()?)),
        ArgKind::MapKey => pointer(Region::MapKey(map()?)),
        ArgKind::MapValue { .. } => pointer(Region::MapValue(map()?)),
        ArgKind::Dynptr(DynptrKind::Read) => pointer(Region::Dynptr(DynptrMemory::Local)),
        ArgKind::Object { ty, demand: Demand::Trusted } => {
            RegState::Pointer(Pointer::new(Region::Object(*ty)).nullable(Nullness::NonNull))
        }
        // Valid during the call; what is known of them ends there.
        ArgKind::Object { ty, demand: Demand::Untrusted } => {
            RegState::Pointer(Pointer::new(Region::Object(*ty)).held(Trust::Untrusted))
        }
        _ => return Err(Reason::Unsupported { what: "callbacks with such arguments" }),
    })
}
