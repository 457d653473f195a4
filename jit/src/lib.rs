//! Compiles verified BPF programs to x86-64.
//!
//! [`compile`] takes a [`VerifiedProgram`] and nothing else: there is no way to compile a program that was not proved.
//!
//! Calling conventions, all `extern "C"` of x86-64 System V:
//!
//! | what | signature |
//! |---|---|
//! | the compiled entry | `fn(context: *mut u8, run: *mut RunHeader) -> u64` |
//! | a callback (address of a subprogram) | `fn(r1, r2, r3, r4, r5: u64, run: *mut RunHeader) -> u64` |
//! | a kfunc's shim or a helper | `fn(r1, r2, r3, r4, r5: u64, run: *mut RunHeader, …) -> u64`, arguments beyond five after `run` |
//!
//! After each call of a shim the code tests [`RunHeader::abort`] and, when it is set, leaves by its normal exits with 0 in `R0`.

mod error;
mod linker;
mod run;

pub use error::JitError;
pub use linker::{CodeAddr, DataAddr, Linker};
pub use run::RunHeader;
