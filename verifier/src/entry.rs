//! What is true before the first instruction, from the entry's contract.

use opswap_bpf::EntryProto;
use opswap_bpf::insn::Reg;
use opswap_bpf::proto::{ArgKind, ArgProto, ContextLayout, ContextValue, Demand, DynptrMemory, MemSize};

use crate::globals::Global;
use crate::state::{Pointer, RefKind, RegState, Region, Trust, VerifierState};

/// The entry's state: the context in `R1`, and what its arguments bring along.
pub(crate) fn state(entry: &EntryProto) -> VerifierState {
    let mut state = VerifierState::entry();
    let context = RegState::Pointer(Pointer::new(Region::Context));
    match &entry.context {
        ContextLayout::None => {}
        ContextLayout::Args(args) => {
            bring(&mut state, args.iter().map(|arg| &arg.value), Owner::Entry);
            state.set(Reg::R1, context);
        }
        ContextLayout::Fields(fields) => {
            bring(&mut state, fields.iter().map(|field| &field.value), Owner::Entry);
            state.set(Reg::R1, context);
        }
        ContextLayout::Memory { .. } => state.set(Reg::R1, context),
        ContextLayout::Buffer { size, .. } => {
            state.set(Reg::R1, if *size == 0 { RegState::constant(0) } else { context });
            state.set(Reg::R2, RegState::constant(u64::from(*size)));
        }
    }
    state
}

/// The state in which a global function begins: any that its prototype allows. Its context lends the entry's exclusive
/// arguments again, but the entry's owned ones belong to the caller.
pub(crate) fn state_of_global(entry: &EntryProto, global: &Global) -> VerifierState {
    let mut state = VerifierState::beginning(global.id);
    if global.takes_context() {
        match &entry.context {
            ContextLayout::Args(args) => {
                bring(&mut state, args.iter().map(|arg| &arg.value), Owner::Caller);
            }
            ContextLayout::Fields(fields) => {
                bring(&mut state, fields.iter().map(|field| &field.value), Owner::Caller);
            }
            ContextLayout::None | ContextLayout::Memory { .. } | ContextLayout::Buffer { .. } => {}
        }
    }
    for (reg, arg) in Reg::ARGS.into_iter().zip(global.args.iter().flatten()) {
        let mut given = state.identified(given(arg));
        if let RegState::Pointer(pointer @ Pointer { to: Region::Dynptr(_), .. }) = given {
            // The caller's, for as long as the function runs.
            let id = state.begin(RefKind::Lent, global.start);
            given = RegState::Pointer(pointer.held(Trust::Borrowed(id)));
        }
        state.set(reg, given);
    }
    state
}

/// What a parameter of a global function holds.
#[expect(clippy::wildcard_enum_match_arm, reason = "prototypes give no others")]
fn given(arg: &ArgProto) -> RegState {
    let pointer = |to| RegState::Pointer(Pointer::new(to).nullable(arg.null));
    match arg.kind {
        ArgKind::Scalar { .. } => RegState::unknown(),
        ArgKind::Context => pointer(Region::Context),
        ArgKind::Memory { size: MemSize::Fixed(size), access, .. } => {
            pointer(Region::Memory { size, access })
        }
        ArgKind::Object { ty, demand: Demand::Untrusted } => {
            RegState::Pointer(Pointer::new(Region::Object(ty)).held(Trust::Untrusted))
        }
        ArgKind::Object { ty, .. } => pointer(Region::Object(ty)),
        ArgKind::Any => RegState::Pointer(Pointer::new(Region::Probed).held(Trust::Untrusted)),
        ArgKind::Arena => RegState::arena(),
        // Of whatever memory: slices end with the packet, which it may be.
        ArgKind::Dynptr(_) => pointer(Region::Dynptr(DynptrMemory::Skb)),
        _ => RegState::NotInit,
    }
}

/// Who owns what the context brings along as owned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The function that begins.
    Entry,
    /// The one that called it.
    Caller,
}

/// Owned and exclusive arguments begin a reference or loan each.
fn bring<'a>(state: &mut VerifierState, values: impl Iterator<Item = &'a ContextValue>, owner: Owner) {
    for (index, value) in (0u8..=u8::MAX).zip(values) {
        if let ContextValue::Object { demand, .. } = value {
            match demand {
                Demand::Owned if owner == Owner::Caller => {}
                Demand::Owned => state.begin_argument(RefKind::Owned, index),
                Demand::Exclusive => state.begin_argument(RefKind::Exclusive, index),
                Demand::Trusted | Demand::Rcu | Demand::Untrusted => {}
            }
        }
    }
}
