//! A runtime for Linux's programs.

use std::sync::Arc;

use opswap::Runtime;
use opswap_linux::Linux;

/// Runs programs of `linux` in this process.
pub fn runtime(linux: Arc<Linux>) -> Runtime {
    // SAFETY: the contracts of helpers are those of `opswap-linux`'s table, which states Linux's prototypes by number; the type
    // `Linux` lets nobody change them.
    unsafe { Runtime::builder().build_over(linux) }
}
