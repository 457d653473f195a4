//! [`Rejection`]: why a program was refused.

use opswap_bpf::InsnIdx;

/// Why a program was refused, and where.
#[derive(Clone, PartialEq, Debug)]
pub struct Rejection {
    /// The instruction that could not be proved safe.
    pub at: InsnIdx,
}

impl Rejection {
    pub(crate) fn placeholder() -> Self {
        Self { at: InsnIdx(0) }
    }
}
