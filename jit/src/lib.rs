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
//! | a kfunc's shim or a helper | `fn(r1, r2, r3, r4, r5: u64, run: *mut RunHeader) -> u64` |
//!
//! The four bytes in front of an entry or a callback are its CFI hash.
//!
//! After each call of a shim the code tests [`RunHeader::abort`] and, when it is set, leaves by its normal exits with 0 in `R0`.
//!
//! A program passes through these modules: `ir` (one operation per slot) · `opt` (passes over them) · `lower` (instruction selection, with `regs`, `frame`
//! and `trampoline`) · `asm` (encoding, labels, the shortest jumps) · `code_memory` (pages, writable or executable).

mod asm;
mod code_memory;
mod cpu;
#[cfg(any(test, feature = "disasm"))]
pub mod disasm;
mod error;
mod executable;
mod frame;
mod input;
mod ir;
mod linker;
mod lower;
mod opt;
mod regs;
mod run;
#[cfg(test)]
mod tests;
mod trampoline;
#[cfg(any(test, feature = "disasm"))]
pub mod validate;

use std::ops::Range;

use opswap_verifier::VerifiedProgram;

use crate::asm::Layout;
use crate::code_memory::CodeBuffer;
use crate::cpu::Cpu;
use crate::executable::{FunctionCode, ImageMap};
use crate::input::Input;
use crate::lower::Function;
use crate::opt::{Level, Optimised};

pub use error::JitError;
pub use executable::{CALLBACK_CFI_HASH, Executable};
pub use linker::{CodeAddr, DataAddr, Linker};
pub use run::{LOOP_TURNS, RunHeader};

/// Compiles a proved program. What the linker names must outlive the [`Executable`].
///
/// # Errors
/// The linker lacks an address, the program contains an instruction without x86-64 code, or memory is refused.
pub fn compile(program: &VerifiedProgram, linker: &dyn Linker) -> Result<Executable, JitError> {
    compile_for(&Input::of(program), linker, Cpu::detect(), Level::Full)
}

fn compile_for(
    input: &Input<'_>,
    linker: &dyn Linker,
    cpu: Cpu,
    level: Level,
) -> Result<Executable, JitError> {
    let functions: Vec<Range<usize>> =
        input.functions.iter().map(|facts| facts.start.index()..facts.end.index()).collect();
    let Optimised { ops, live } = opt::optimise(ir::build(input)?, &functions, level);
    let lowered = lower::lower(input, &ops, &live, linker, cpu)?;
    let anchor = compile_for as *const () as usize;
    let mut buffer = CodeBuffer::reserve(lowered.code.max_len(), anchor)?;
    let layout = lowered.code.place(buffer.base())?;
    layout.write(buffer.bytes_mut())?;
    let map = image_map(&layout, &lowered.functions, ops.len(), linker.cfi_hash());
    let pages = buffer.publish(layout.len())?;
    Ok(Executable::new(pages, map))
}

fn image_map(layout: &Layout, functions: &[Function], slots: usize, cfi_hash: u32) -> ImageMap {
    ImageMap {
        entry: trampoline::ENTRY_OFFSET,
        cfi_hash,
        functions: functions
            .iter()
            .map(|function| FunctionCode {
                start: layout.offset(function.label),
                callback: function.callback.map(|label| layout.offset(label)),
            })
            .collect(),
        slots: (0..slots).map(|slot| layout.slot(slot).unwrap_or(u32::MAX)).collect(),
        len: layout.len(),
    }
}
