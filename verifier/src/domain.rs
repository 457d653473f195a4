//! Abstract numbers: what is known of a register that holds a scalar. This module knows bits and bounds, and of BPF only the
//! names of the operations.
//!
//! | file | owns |
//! |---|---|
//! | `tnum` | [`Tnum`]: which bits are known |
//! | `span` | intervals, and the two sign halves that a pair of an unsigned and a signed range describes |
//! | `word` | [`Word`]: known bits and both ranges of one word, reduced against each other; its operators in `word/*` |
//! | `scalar` | [`ScalarOf`]: a word and its lower half, reduced against each other; its operators in `scalar/*` |
//!
//! Everything is written once for any width up to 64 bits, so that the tests run the very code that the verifier runs over
//! all values of a narrow width. A verifier's register is [`Scalar`]: 64 bits with a 32-bit lower half.
//!
//! Two invariants hold for each value that leaves this module. It is never empty: where nothing is possible the answer is
//! `None`. And it is reduced: no range or bit can be tightened from the others.

mod scalar;
mod span;
mod tnum;
mod word;

pub use scalar::{Refined, ScalarOf};
pub use tnum::Tnum;
pub use word::Word;

/// What is known of a 64-bit register.
pub type Scalar = ScalarOf<64, 32>;
