//! What is wrong with the prototype of a global function.

/// Why a global function has no contract.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum PrototypeFault {
    /// There is none.
    Missing,
    /// More arguments than registers.
    TooManyArguments {
        /// How many.
        args: usize,
        /// How many there may be.
        limit: usize,
    },
    /// It does not return a number.
    NoNumber,
    /// A parameter cannot be verified by its type.
    Argument {
        /// Which, from 0.
        arg: usize,
        /// Why not.
        why: Untyped,
    },
}

/// Why a parameter cannot be verified by its type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Untyped {
    /// Neither number nor pointer, or a tag without a rule.
    Unsupported {
        /// Kind of the type.
        ty: String,
    },
    /// The memory behind the pointer has no size.
    Unsized {
        /// Kind and name of the pointee.
        ty: String,
    },
    /// The host has no such object.
    NotOfTheHost {
        /// Name of the pointee.
        ty: String,
    },
    /// A tag for pointers on a number.
    TagOnNumber,
    /// Tags that contradict each other, or the type.
    TagsCombined,
    /// The arena's tag beside another.
    ArenaCombined,
}
