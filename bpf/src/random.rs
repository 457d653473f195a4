//! Random programs that a verifier should accept: for comparing engines with each other and verdicts with runs.
//!
//! A program takes plain memory in `R1` and uses every instruction but packet loads, indirect calls and addresses of maps:
//! arithmetic of every kind on edge values, loads and stores at constant and at masked variable offsets, spills, branches,
//! bounded loops, atomics, subprograms and kfuncs. At the end it writes its registers and its stack into the memory, so that
//! comparing the result and the memory compares everything. It reads nothing that it did not write, and stores no address.

mod emit;
mod function;
mod rng;
mod typed;

pub use rng::Rng;
pub use typed::{Callable, Field, FieldGives, Struct, World, break_rules, plain_maps, typed};

use crate::ids::KfuncId;
use crate::insn::{CallTarget, Insn};
use function::{Function, Program, Role};

bitflags::bitflags! {
    /// What programs may contain beyond plain arithmetic, memory accesses and forward branches.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    pub struct Features: u32 {
        /// Loops with a counter.
        const LOOPS = 1 << 0;
        /// Calls of subprograms.
        const SUBPROGS = 1 << 1;
        /// Read-modify-write operations.
        const ATOMICS = 1 << 2;
        /// Load-acquire and store-release.
        const ACQUIRE_RELEASE = 1 << 3;
        /// `may_goto`, which never runs out of budget here.
        const MAY_GOTO = 1 << 4;
        /// Accesses at an offset from a register that was masked.
        const VARIABLE_OFFSETS = 1 << 5;
        /// Immediate shifts beyond the width and divisions by an immediate 0, which Linux refuses.
        const RFC_IMMEDIATES = 1 << 6;
        /// What came with `-mcpu=v4`: signed division, sign extension, `bswap`, `gotol`.
        const V4 = 1 << 7;
        /// Division, remainder, and shifts by a register, whose results Linux does not follow (typed programs only; the others
        /// always have them).
        const DIVISION = 1 << 8;
    }
}

/// A kfunc that programs may call with numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KfuncShape {
    /// Its id.
    pub id: KfuncId,
    /// Its module.
    pub module: i16,
    /// How many arguments it takes, at most 5; all are plain numbers, and so is the result.
    pub args: u8,
}

/// What random programs look like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Bytes of the memory in `R1`; at least [`Shape::MIN_MEMORY`].
    pub memory_bytes: u32,
    /// Roughly how many statements the entry function has; a statement is one to a dozen instructions.
    pub statements: u32,
    /// What may be called.
    pub kfuncs: Vec<KfuncShape>,
    /// What may occur.
    pub features: Features,
}

impl Shape {
    /// The registers and the stack are written to this many bytes at the end.
    pub const MIN_MEMORY: u32 = 8 * 9 + emit::STACK_BYTES as u32;
}

impl Default for Shape {
    fn default() -> Self {
        let features = Features::all() - Features::RFC_IMMEDIATES;
        Self { memory_bytes: 256, statements: 40, kfuncs: Vec::new(), features }
    }
}

/// The program of this seed and shape, always the same.
///
/// # Panics
/// When `shape.memory_bytes` is below [`Shape::MIN_MEMORY`].
pub fn program(seed: u64, shape: &Shape) -> Vec<Insn> {
    assert!(shape.memory_bytes >= Shape::MIN_MEMORY, "the memory is too small for the final state");
    let mut rng = Rng::new(seed);
    let subprogs = if shape.features.contains(Features::SUBPROGS) { rng.below(4) } else { 0 };
    let mut program = Program { insns: Vec::new(), calls: Vec::new(), subprogs };
    let mut starts = Vec::new();
    for index in 0..=subprogs {
        starts.push(program.insns.len());
        let role = if index == 0 { Role::Entry } else { Role::Subprog(index) };
        Function::new(role, &mut rng, shape, &mut program).generate();
    }
    place(program, &starts)
}

/// Lays out the functions that calls reach, as uncalled code is refused, and fills in the calls' targets.
fn place(program: Program, starts: &[usize]) -> Vec<Insn> {
    let ends = starts.iter().skip(1).copied().chain([program.insns.len()]);
    let functions: Vec<_> = starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect();
    let mut reached = vec![false; functions.len()];
    let mut placed = vec![0; functions.len()];
    let mut insns = Vec::new();
    // Calls go to later functions only, so one pass in order finds all that are reached.
    for (index, function) in functions.iter().enumerate() {
        if index != 0 && !reached[index] {
            continue;
        }
        for (_, callee) in program.calls.iter().filter(|(slot, _)| function.contains(slot)) {
            reached[*callee as usize] = true;
        }
        placed[index] = insns.len();
        insns.extend_from_slice(&program.insns[function.clone()]);
    }
    for (slot, callee) in program.calls {
        let Some(caller) = functions.iter().position(|function| function.contains(&slot)) else { continue };
        if caller == 0 || reached[caller] {
            let at = placed[caller] + slot - functions[caller].start;
            let offset = i32::try_from(placed[callee as usize] as i64 - at as i64 - 1).unwrap_or(0);
            insns[at] = Insn::Call { target: CallTarget::Subprog(offset) };
        }
    }
    insns
}
