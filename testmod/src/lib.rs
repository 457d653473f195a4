//! The kfuncs and tables of Linux's `bpf_testmod` and of `net/bpf/test_run.c`, declared in our own words: what the kernel's
//! selftests call.
//!
//! Names, parameters, flags and sets are the kernel's (6.12); bodies do what the kernel documents them to do. A function is declared
//! by Rust's rules where that gives the same C prototype, and as an `unsafe fn` with raw pointers where the prototype itself is what
//! the selftests are about. `tests/table.rs` compares every prototype, flag and set, and lists what cannot be said yet, with reasons.
//!
//! | file | owns |
//! |---|---|
//! | `types` | the kernel's structs, as far as the functions need them |
//! | `sets` | which programs may call what |
//! | `common` | functions for every kind of program |
//! | `check` | functions for traffic control, tracing, system calls and tables |
//! | `memory` | functions whose memory is described by names of parameters, as raw kfuncs |
//! | `objects` | functions with objects on the program's stack |
//! | `sockets` | a socket that programs drive |
//! | `test_run` | what is in the kernel itself, and in the modules that test the order of modules |
//! | `tables` | the tables of operations |

pub mod check;
pub mod common;
pub mod memory;
pub mod objects;
pub mod sets;
pub mod sockets;
pub mod tables;
pub mod test_run;
pub mod types;
