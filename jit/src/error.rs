//! [`JitError`]: why a proved program could not be compiled.

use opswap_bpf::InsnIdx;

/// Why a proved program could not be compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JitError {
    /// The operating system refused memory.
    #[error("cannot map code memory: {0}")]
    Map(#[from] std::io::Error),
    /// The linker does not know something that the verifier's host knew.
    #[error("the linker has no address for `{what}`")]
    Unlinked {
        /// What was asked for.
        what: String,
    },
    /// An instruction that the verifier may accept and this backend has no code for.
    #[error("{what} at {at} cannot be compiled to x86-64")]
    Unsupported {
        /// The slot.
        at: InsnIdx,
        /// The instruction.
        what: &'static str,
    },
    /// A bug in opswap.
    #[error("internal error in the JIT (a bug in opswap, please report it): {0}")]
    Internal(String),
}
