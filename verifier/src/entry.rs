//! What is true before the first instruction, from the entry's contract.

use opswap_bpf::EntryProto;
use opswap_bpf::insn::Reg;
use opswap_bpf::proto::{ContextLayout, ContextValue, Demand};

use crate::state::{Pointer, RefKind, RegState, Region, VerifierState};

/// The entry's state: the context in `R1`, and what its arguments bring along.
pub(crate) fn state(entry: &EntryProto) -> VerifierState {
    let mut state = VerifierState::entry();
    let context = RegState::Pointer(Pointer::new(Region::Context));
    match &entry.context {
        ContextLayout::None => {}
        ContextLayout::Args(args) => {
            bring(&mut state, args.iter().map(|arg| &arg.value));
            state.set(Reg::R1, context);
        }
        ContextLayout::Fields(fields) => {
            bring(&mut state, fields.iter().map(|field| &field.value));
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

/// Owned and exclusive arguments begin a reference or loan each.
fn bring<'a>(state: &mut VerifierState, values: impl Iterator<Item = &'a ContextValue>) {
    for (index, value) in (0u8..=u8::MAX).zip(values) {
        if let ContextValue::Object { demand, .. } = value {
            match demand {
                Demand::Owned => state.begin_argument(RefKind::Owned, index),
                Demand::Exclusive => state.begin_argument(RefKind::Exclusive, index),
                Demand::Trusted | Demand::Rcu | Demand::Untrusted => {}
            }
        }
    }
}
