//! [`JitError`]: why a proved program could not be compiled.

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
    /// A bug in opswap.
    #[error("internal error in the JIT (a bug in opswap, please report it): {0}")]
    Internal(String),
}
