//! Runnable programs that use opswap, and what they share: a congestion control laboratory in virtual time.
//!
//! | module | owns |
//! |---|---|
//! | [`cong`] | `cong_ops`, the table of operations, and who answers its calls |
//! | [`flow`] | what programs see: the flow, the sample of an ACK, the path |
//! | [`native`] | Reno, CUBIC and DCTCP in Rust |
//! | [`transfer`], [`link`], [`rng`] | the emulated network: sender, bottleneck, random losses |
//! | [`trace`], [`plot`], [`report`] | what is recorded, and how it is shown |

pub mod admission;
pub mod attached;
pub mod cong;
pub mod flow;
pub mod kfuncs;
pub mod link;
pub mod native;
pub mod plot;
pub mod report;
pub mod rng;
pub mod trace;
pub mod transfer;

use std::path::{Path, PathBuf};

/// The object `name.bpf.o` that clang made of `examples/bpf/name.bpf.c`.
pub fn object_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bpf").join(format!("{name}.bpf.o"))
}
