//! [`RunHeader`]: what compiled code sees of the run it belongs to.

use std::cell::Cell;

/// First part of every run's context; the runtime puts its own behind it.
#[derive(Debug, Default)]
#[repr(C)]
pub struct RunHeader {
    /// Not 0: the run is over, compiled code returns as soon as it sees it. At offset 0.
    pub abort: Cell<u32>,
}
