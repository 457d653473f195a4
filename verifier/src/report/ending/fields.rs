//! Special fields, locks, kptrs, lists, trees and exceptions, in words.

use super::words;
use crate::reject::{ExceptionFault, FieldFault, GraphFault, KptrFault, LockFault, Reason};

/// The words, if this cause is one of these.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other causes stand elsewhere")]
pub(super) fn ending(reason: &Reason) -> Option<String> {
    match reason {
        Reason::Field { fault, .. } => Some(field(fault)),
        Reason::Lock { fault } => Some(lock(*fault).to_owned()),
        Reason::Kptr { fault } => Some(kptr(fault)),
        Reason::Graph { fault } => Some(graph(fault)),
        Reason::Exception { fault } => Some(exception(fault)),
        _ => None,
    }
}

fn field(fault: &FieldFault) -> String {
    match fault {
        FieldFault::VariableOffset { field } => format!("which `{field}` this is, is not known"),
        FieldFault::NoType { map, field } => {
            format!("the types of `{map}` are not known, so it has no `{field}`")
        }
        FieldFault::None { map: Some(map), field } => format!("values of `{map}` have no `{field}`"),
        FieldFault::None { map: None, field } => format!("the object has no `{field}`"),
        FieldFault::Elsewhere { offset, field, at } => {
            format!("the `{field}` lies at offset {at}, and this is offset {offset}")
        }
        FieldFault::NotFound { offset, field } => format!("no `{field}` lies at offset {offset}"),
        FieldFault::NotAValue { arg } => format!("argument {} must lie in a map's value", arg + 1),
        FieldFault::NotAValueOrObject { arg } => {
            format!("argument {} must lie in a map's value or in an object of the program", arg + 1)
        }
        FieldFault::OtherMap { field, .. } => {
            format!("the {field} lies in another map than the one that is passed")
        }
        FieldFault::Refused { programs, field } => format!("{programs} must not use maps with a `{field}`"),
    }
}

fn lock(fault: LockFault) -> &'static str {
    match fault {
        LockFault::Call => "a lock is held, and nothing may be called meanwhile",
        LockFault::GlobalCall => "a lock is held, and global functions must not be called meanwhile",
        LockFault::Second => "a lock is held already",
        LockFault::NotHeld => "no lock is held",
        LockFault::Other => "another lock is held than the one that is given back",
        LockFault::NotReleased => "the program ends here and still holds a lock",
        LockFault::LegacyLoad => "a lock is held, and this load may end the program",
        LockFault::InComparison => "locks stay as they are while elements of a tree are compared",
    }
}

fn kptr(fault: &KptrFault) -> String {
    match fault {
        KptrFault::VariableOffset => "which kptr this is, is not known".to_owned(),
        KptrFault::Misaligned { expected, offset } => {
            format!("the kptr begins at offset {expected}, and this is offset {offset}")
        }
        KptrFault::Size => "a kptr has 8 bytes, and only some of them would be accessed".to_owned(),
        KptrFault::Mode => "kptrs are loaded and stored plainly, not atomically".to_owned(),
        KptrFault::Indirect { field } => format!("the callee would see the `{field}` in this memory"),
        KptrFault::OwnedStore => "the map owns what the kptr points to: a store would lose it".to_owned(),
        KptrFault::UserStore => "pointers to user memory are not stored".to_owned(),
        KptrFault::Number { offset } => {
            format!("only NULL and pointers are stored to the kptr at offset {offset}")
        }
        KptrFault::Type { reg, found, expected, .. } => {
            format!("the kptr holds `{expected}`, and {reg} is {}", words::kind(found))
        }
        KptrFault::NotOwner { offset } => {
            format!("the kptr at offset {offset} does not own what it points to")
        }
        KptrFault::MayBeNull { arg } => format!("argument {arg} may be NULL"),
        KptrFault::NotReferenced { reg } => format!("the program does not own what is in {reg}"),
    }
}

fn graph(fault: &GraphFault) -> String {
    match fault {
        GraphFault::NotAllocated { arg } => {
            format!("argument {} must be an object that the program allocated and owns", arg + 1)
        }
        GraphFault::NotHeld { arg } => {
            format!("argument {} must be owned, or borrowed while the lock is held", arg + 1)
        }
        GraphFault::NotCounted { arg } => {
            format!("argument {} must be an object with a reference count", arg + 1)
        }
        GraphFault::NotLinked => "the node must be borrowed from the tree while its lock is held".to_owned(),
        GraphFault::Unlocked { lock_at, root } => {
            format!("the lock at offset {lock_at}, which protects the `{root}`, is not held")
        }
        GraphFault::OtherElement { root, expected: (_, element), found: (_, name), .. } => {
            format!("the `{root}` holds `{element}`, and this is `{name}`")
        }
        GraphFault::OtherNode { node, expected: (at, element), offset, .. } => format!(
            "elements are linked through the `{node}` at offset {at} of `{element}`, and this is offset {offset}"
        ),
        GraphFault::AddedInComparison => {
            "nothing is put into lists or trees while elements are compared".to_owned()
        }
        GraphFault::RemovedInComparison => "nothing leaves a tree while its elements are compared".to_owned(),
        GraphFault::Direct { field } => format!("the access touches the `{field}`"),
        GraphFault::TypeRange => "no type has this number".to_owned(),
        GraphFault::NoTypes => "the program has no types of its own (BTF)".to_owned(),
        GraphFault::NotAStruct => "the type with this number is no struct".to_owned(),
    }
}

fn exception(fault: &ExceptionFault) -> String {
    match fault {
        ExceptionFault::SeveralCallbacks => "the program names more than one exception callback".to_owned(),
        ExceptionFault::NoCallback { name } => format!("the program has no global function `{name}`"),
        ExceptionFault::Prototype => "an exception callback takes one number".to_owned(),
        ExceptionFault::CalledDirectly { at } => {
            format!("instruction {} uses the exception callback, which only an exception calls", at.0)
        }
        ExceptionFault::InSection { section } => {
            format!("the program would end here, inside {}", super::a_place(*section))
        }
        ExceptionFault::InCallback { .. } => {
            "a function of the host calls this, and would not come to its end".to_owned()
        }
        ExceptionFault::Result { found: (least, most), allowed: (min, max) } => {
            format!("r1 is in {least}..={most}, and the program must return {min}..={max}")
        }
    }
}
