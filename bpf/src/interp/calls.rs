//! [`Calls`]: what a program can call, and how what it calls can stop it or call back.

use super::{Machine, Trap};
use crate::ids::{HelperId, KfuncId};
use crate::insn::{Imm64, Size};

/// Arguments of a call: `R1` to `R5`.
pub type Args = [u64; 5];

/// Why a call does not return to the program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The callee ends the run, for this reason.
    Abort(String),
    /// The program itself trapped inside a callback.
    Trap(Trap),
    /// The function of the program that called returns with this in `R0`, now (a tail call that found its target).
    Leave(u64),
}

impl Stop {
    /// The callee ends the run.
    pub fn abort(reason: impl Into<String>) -> Self {
        Self::Abort(reason.into())
    }
}

impl From<super::Fault> for Stop {
    fn from(fault: super::Fault) -> Self {
        Self::Abort(format!("an argument cannot be accessed: {fault}"))
    }
}

impl From<Trap> for Stop {
    fn from(trap: Trap) -> Self {
        Self::Trap(trap)
    }
}

/// What a program can call. A function reads and writes the program's memory through [`Machine::memory`], and runs one of
/// its subprograms with [`Machine::call_back`].
pub trait Calls {
    /// Calls a helper.
    ///
    /// # Errors
    /// The run ends here.
    fn helper(&mut self, id: HelperId, args: Args, machine: &mut Machine<'_>) -> Result<u64, Stop> {
        let _ = (args, machine);
        Err(Stop::abort(format!("{id} does not exist")))
    }

    /// Calls a kfunc of the host (`module` 0) or of a module.
    ///
    /// # Errors
    /// The run ends here.
    fn kfunc(
        &mut self,
        id: KfuncId,
        module: i16,
        args: Args,
        machine: &mut Machine<'_>,
    ) -> Result<u64, Stop> {
        let _ = (args, machine);
        Err(Stop::abort(format!("{id} of module {module} does not exist")))
    }

    /// The address that a 64-bit immediate stands for: a map, a map's value, a host variable.
    fn address(&mut self, imm: Imm64) -> Option<u64> {
        let _ = imm;
        None
    }

    /// A legacy packet load from the packet of the context `context`; the result is in host order. `None` ends the program
    /// with 0, as a load beyond the packet does.
    ///
    /// # Errors
    /// The run ends here.
    fn packet(
        &mut self,
        context: u64,
        offset: u64,
        size: Size,
        machine: &mut Machine<'_>,
    ) -> Result<Option<u64>, Stop> {
        let _ = (context, offset, size, machine);
        Err(Stop::abort("there is no packet"))
    }
}

/// Nothing can be called.
#[derive(Clone, Copy, Default, Debug)]
pub struct NoCalls;

impl Calls for NoCalls {}
