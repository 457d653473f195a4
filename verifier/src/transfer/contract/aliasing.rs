//! Arguments of one call against each other: what Rust's borrow checker asks of `&mut`.
//!
//! Two arguments may name the same object only if the callee takes neither as `&mut`, and neither is given away. Memory that
//! the callee writes overlaps no other memory argument.

use opswap_bpf::RefId;
use opswap_bpf::proto::{Demand, NodeUse};

use super::Contract;
use super::argument::Argument;
use super::graph::NodePlace;
use super::objects::{Deed, Held};
use crate::access::argument::Extent;
use crate::host::Aliasing;
use crate::reject::Reason;
use crate::state::VerifierState;
use crate::subject::Subject;

pub(super) fn check(
    subject: &Subject<'_>,
    state: &VerifierState,
    contract: &Contract<'_>,
    arguments: &[Argument],
) -> Result<(), Reason> {
    for (at, left) in arguments.iter().enumerate() {
        for (other, right) in arguments.iter().enumerate().skip(at + 1) {
            if conflict(subject, state, left, right) {
                return Err(Reason::AliasedArguments {
                    name: contract.name.to_owned(),
                    first: at,
                    second: other,
                });
            }
        }
    }
    Ok(())
}

fn conflict(subject: &Subject<'_>, state: &VerifierState, left: &Argument, right: &Argument) -> bool {
    match (left, right) {
        (Argument::Memory(left), Argument::Memory(right)) => {
            return subject.policy.aliasing == Aliasing::Exclusive && left.conflicts(right);
        }
        (Argument::OnStack(held), Argument::Memory(extent))
        | (Argument::Memory(extent), Argument::OnStack(held))
            if overlaps(held, extent) =>
        {
            return true;
        }
        (Argument::OnStack(left), Argument::OnStack(right)) if meet(left, right) => return true,
        _ => {}
    }
    // Whichever of the two is taken exclusively, the other must not hang on the same object.
    taken(subject, left).is_some_and(|object| hangs_on(state, right, object))
        || taken(subject, right).is_some_and(|object| hangs_on(state, left, object))
}

/// Whether an object lies where other memory of the call does.
fn overlaps(held: &Held, extent: &Extent) -> bool {
    held.spot.is_some_and(|spot| extent.meets_stack(spot.frame, spot.offset, spot.end()))
}

/// Whether two objects lie at one place, and the callee does more than look at both.
fn meet(left: &Held, right: &Held) -> bool {
    let (Some(a), Some(b)) = (left.spot, right.spot) else { return false };
    let same = a.frame == b.frame && a.offset < b.end() && b.offset < a.end();
    same && !(left.is_shared() && right.is_shared())
}

/// The object that the callee takes as `&mut` or keeps.
fn taken(subject: &Subject<'_>, argument: &Argument) -> Option<RefId> {
    match argument {
        Argument::Object { pointer, demand: Demand::Exclusive | Demand::Owned, .. } => pointer.trust.root(),
        // A contract does not tell whether the state is `&Iter` or `&mut Iter`.
        Argument::OnStack(Held { deed: Deed::Inspect(iter), .. })
            if subject.policy.aliasing == Aliasing::Exclusive =>
        {
            Some(iter.id)
        }
        Argument::OnStack(held) => held.taken(),
        Argument::Plain
        | Argument::Callback(_)
        | Argument::Constant(_)
        | Argument::Map(_)
        | Argument::Memory(_)
        | Argument::Field(_)
        | Argument::Node(NodePlace { taken: NodeUse::Linked, .. })
        | Argument::Object { .. } => None,
        Argument::Node(node) => node.pointer.trust.root(),
    }
}

fn hangs_on(state: &VerifierState, argument: &Argument, object: RefId) -> bool {
    let root = match argument {
        Argument::Object { pointer, .. } => pointer.trust.root(),
        Argument::Memory(extent) => extent.root,
        Argument::OnStack(held) => held.root(),
        Argument::Field(place) => place.root,
        Argument::Node(node) => node.pointer.trust.root(),
        Argument::Plain | Argument::Constant(_) | Argument::Map(_) | Argument::Callback(_) => None,
    };
    root.is_some_and(|root| {
        // Slices hang on their dynptr, and that on what it was made of.
        state.refs().descends(root, object)
            || state.owner_of(root).is_some_and(|owner| state.refs().descends(owner, object))
    })
}
