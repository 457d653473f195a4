//! The reference interpreter: RFC 9669 written down as slowly and obviously as possible. It is the oracle for the verifier
//! ("no accepted program traps") and the JIT ("native equals interpreted").
//!
//! A run reaches the outside only through [`Memory`] and [`Calls`], and ends with a result or a [`Trap`]: budgets bound it,
//! and nothing in a program makes it panic. What a call leaves undefined (`R1` to `R5`, and at the start `R0` and `R6` to
//! `R9`) holds [`POISON`], so that a program which reads it shows itself.

pub mod arith;
mod calls;
mod machine;
mod memory;

pub use calls::{Args, Calls, NoCalls, Stop};
pub use machine::Machine;
pub use memory::{Access, Fault, Memory, Protection, Region, Regions, STACK_TOP};

use crate::ids::InsnIdx;
use crate::insn::{Insn, Reg};

/// The registers, by number.
pub type Registers = [u64; 11];

/// What undefined registers hold.
pub const POISON: u64 = 0xdead_beef_dead_beef;

/// What one run may use up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Instructions, in all frames and callbacks together.
    pub instructions: u64,
    /// How often the `may_goto`s of one call of a function let the program go on (Linux: `BPF_MAX_LOOPS`, 8,388,608).
    pub may_goto: u32,
    /// How often the `may_goto`s and callbacks of a run do, all together.
    pub turns: u64,
    /// Nested calls, the entry and callbacks among them (Linux: `MAX_CALL_FRAMES`, 8).
    pub frames: u32,
    /// Bytes of stack in each frame (Linux: `MAX_BPF_STACK`, 512).
    pub stack_bytes: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self { instructions: 1 << 30, may_goto: 8 << 20, turns: 64 << 20, frames: 8, stack_bytes: 512 }
    }
}

/// How a run ended well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// All registers at the entry function's `exit`; `R0` is the result.
    pub registers: Registers,
    /// Instructions executed.
    pub instructions: u64,
}

impl Outcome {
    /// The result.
    pub const fn r0(&self) -> u64 {
        self.registers[Reg::R0.index()]
    }
}

/// A run that could not go on.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{at}: {kind}")]
pub struct Trap {
    /// The instruction.
    pub at: InsnIdx,
    /// Why.
    pub kind: TrapKind,
}

/// Why a run could not go on. No verified program may cause any of these but [`TrapKind::Aborted`] and the budget of
/// instructions.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrapKind {
    /// A memory access was refused.
    #[error(transparent)]
    Memory(#[from] Fault),
    /// Execution left the program, or reached the second slot of an immediate load.
    #[error("there is no instruction here")]
    NoInstruction,
    /// A jump or call beyond all slot numbers.
    #[error("the target of a jump lies outside every program")]
    Target,
    /// [`Budget::instructions`] is used up.
    #[error("the budget of instructions is used up")]
    Instructions,
    /// [`Budget::frames`] is used up.
    #[error("calls are nested more than {frames} deep")]
    Frames {
        /// The limit.
        frames: u32,
    },
    /// A 64-bit immediate without an address.
    #[error("`{insn}` has no address here")]
    Unlinked {
        /// The instruction.
        insn: Insn,
    },
    /// An indirect call, or a callback, of something that is no function.
    #[error("{address:#x} is not the address of a function")]
    NotAFunction {
        /// What was called.
        address: u64,
    },
    /// A function that the program called ran one of its subprograms, and that trapped.
    #[error("in a callback: {0}")]
    Callback(Box<Trap>),
    /// What the program called ended the run.
    #[error("the run was aborted: {reason}")]
    Aborted {
        /// Its reason.
        reason: String,
    },
}

/// Sees every instruction before it is executed.
pub trait Observer {
    /// `frame` counts from 0 at the entry. An error ends the run.
    ///
    /// # Errors
    /// A reason to end the run here.
    fn before(&mut self, at: InsnIdx, frame: u32, registers: &Registers) -> Result<(), String>;
}

/// Runs a program from slot 0 with `args` in `R1` to `R5`.
///
/// # Errors
/// The instruction that could not be executed, and why.
///
/// ```
/// use opswap_bpf::interp::{Budget, NoCalls, Regions, run};
///
/// let insns = opswap_bpf::assemble("r0 = r1\nr0 *= r2\nexit")?;
/// let outcome = run(&insns, [6, 7, 0, 0, 0], &mut Regions::new(), &mut NoCalls, Budget::default())?;
/// assert_eq!(outcome.r0(), 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run(
    insns: &[Insn],
    args: Args,
    memory: &mut dyn Memory,
    calls: &mut dyn Calls,
    budget: Budget,
) -> Result<Outcome, Trap> {
    Machine::new(insns, memory, budget).run(args, calls)
}
