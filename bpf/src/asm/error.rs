//! [`AsmError`]: a mistake in program text, with its place.

/// A mistake in program text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}, column {column}: {kind}")]
pub struct AsmError {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong there.
    pub kind: AsmErrorKind,
}

/// What is wrong with program text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AsmErrorKind {
    /// Something else was expected.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What would be right here.
        expected: &'static str,
        /// What stands there, quoted; or that the line ends.
        found: String,
    },
    /// A number that does not fit its field.
    #[error("{value} is out of range: {field} goes from {min} to {max}{hint}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// The number found.
        value: i128,
        /// Smallest value.
        min: i128,
        /// Largest value.
        max: i128,
        /// What to write instead, or nothing.
        hint: &'static str,
    },
    /// A name that nothing defines.
    #[error("no {what} `{name}` is known")]
    UnknownName {
        /// What kind of name was looked for.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A label defined twice.
    #[error("label `{name}` is defined twice, first in line {first}")]
    DuplicateLabel {
        /// The label.
        name: String,
        /// Line of its first definition.
        first: u32,
    },
    /// A label beyond the reach of a jump.
    #[error("the label is {distance} slots away and the instruction reaches -32768 to 32767: use `gotol`")]
    TooFar {
        /// Slots from the next one to the label.
        distance: i64,
    },
}
