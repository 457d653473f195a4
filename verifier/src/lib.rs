//! Proves BPF programs safe against a host's contracts.
//!
//! [`verify`] walks every path of a [`Program`], keeps what is known of each register, stack slot and reference, and either
//! returns a [`VerifiedProgram`] or the [`Rejection`] of the first instruction that it cannot prove. It executes nothing, sees
//! no address and never panics on a program.

#![forbid(unsafe_code)]

#[doc(hidden)]
pub mod domain;
pub mod host;
pub mod limits;
pub mod reject;
pub mod verified;

pub use host::Host;
pub use limits::Limits;
pub use reject::Rejection;
pub use verified::VerifiedProgram;

use opswap_bpf::Program;

/// Proves `program` safe for `host`, with the ordinary [`Limits`].
///
/// # Errors
/// The first instruction that could not be proved safe, with the reason.
pub fn verify(program: Program, host: &dyn Host) -> Result<VerifiedProgram, Rejection> {
    verify_with(program, host, &Limits::default()).0
}

/// Like [`verify`], with limits of the caller's choice; what was counted comes back in either case.
pub fn verify_with(
    program: Program,
    host: &dyn Host,
    limits: &Limits,
) -> (Result<VerifiedProgram, Rejection>, verified::Stats) {
    let _ = (program, host, limits);
    (Err(Rejection::placeholder()), verified::Stats::default())
}
