//! Programs of a kernel, run without one.
//!
//! A kernel's contracts come from elsewhere (`opswap-linux`); this module gives them what can exist in a process: maps of plain
//! bytes, a packet, tail calls, the clock, loops. Helpers that need a kernel's objects end the run with
//! [`RunError::NeedsKernel`](crate::RunError::NeedsKernel); kernel functions and variables have no address, so programs that name
//! them are not compiled. There are no sockets, no tasks, no cgroups: a lookup finds none.
//!
//! | file | owns |
//! |---|---|
//! | `helpers` | helpers by number, and what stands in for the others |
//! | `host` | [`Kernel`] as an application |
//! | `load` | one program, and those that it reaches by tail calls |
//! | `packet` | [`Packet`]: what a program is run on |

mod helpers;
mod host;
mod load;
mod packet;

pub(crate) use self::helpers::{addr, packet_load, target};
pub(crate) use self::load::load_one;
pub(crate) use self::packet::{Block, Unmakeable};

pub use self::host::Kernel;
pub use self::packet::Packet;

#[cfg(test)]
mod tests;
