//! The assembler: the plain text form of [`crate::display`] back to instructions.
//!
//! One instruction a line. `;` and `//` begin a comment. `name:` defines a label, alone or before an instruction; a number
//! in its place (`12:`, as in a listing) is skipped. A jump, a call of a subprogram and `func` take a label or an offset in
//! slots from the next one (`+3`, `-2`, also `pc+3`).
//!
//! ```text
//!     r6 = *(u64 *)(r1 + 0)        ; loads; s8, s16 and s32 extend the sign
//!     *(u32 *)(r10 - 8) = 7        ; stores
//!     w0 = 0                       ; w registers: 32-bit operations
//! again:
//!     r0 += 1
//!     may_goto done
//!     if r0 s< 10 goto again       ; == != & > >= < <= s> s>= s< s<=
//! done:
//!     r1 = (s8)r0                  ; also: r1 = -r1, r1 = be16 r1, r1 = bswap64 r1
//!     r2 = 0x1122334455667788 ll   ; two slots; `(second slot)` alone is the half that computes nothing
//!     r2 = map[3]                  ; also map_value[3] + 8, map_fd[3], map_value_fd[3] + 8, host_var[7], func label
//!     lock *(u64 *)(r10 - 8) += r0
//!     r0 = atomic_fetch_add((u64 *)(r10 - 8), r0)   ; fetch_or, fetch_and, fetch_xor, xchg
//!     r0 = atomic_cmpxchg((u64 *)(r10 - 8), r0, r1)
//!     r0 = load_acquire((u32 *)(r10 - 8))
//!     store_release((u32 *)(r10 - 8), r0)
//!     call helper#1                ; call kfunc#7, call kfunc#7 module 2, call label, call +3, callx r2
//!     call some_name               ; by the caller's `Names`
//!     gotol +0
//!     exit
//! ```

mod cursor;
mod error;
mod statement;

use std::collections::BTreeMap;

pub use error::{AsmError, AsmErrorKind};

use crate::ids::{BtfId, InsnIdx, MapId};
use crate::insn::{CallTarget, Insn};
use cursor::{Cursor, Place};
use statement::{Statement, statement};

/// What names in a program stand for. Each method may answer `None`, which makes the name an error.
pub trait Names {
    /// `call NAME`, where `NAME` is no label.
    fn call(&self, name: &str) -> Option<CallTarget> {
        let _ = name;
        None
    }

    /// `map[NAME]` and `map_value[NAME]`.
    fn map(&self, name: &str) -> Option<MapId> {
        let _ = name;
        None
    }

    /// `host_var[NAME]`: BTF id and module.
    fn host_var(&self, name: &str) -> Option<(BtfId, u32)> {
        let _ = name;
        None
    }
}

/// Knows no name.
#[derive(Clone, Copy, Default, Debug)]
pub struct NoNames;

impl Names for NoNames {}

/// An assembled program.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Assembly {
    /// The instructions, one a slot.
    pub insns: Vec<Insn>,
    /// For each slot the line of the text that it comes from, from 1.
    pub lines: Vec<u32>,
    /// Labels and their slots; a label at the end has the slot after the last.
    pub labels: BTreeMap<String, InsnIdx>,
}

/// Assembles a program without names.
///
/// # Errors
/// The first mistake in the text, with line and column.
///
/// ```
/// let insns = opswap_bpf::assemble("r0 = 42\nexit")?;
/// assert_eq!(insns[0].to_string(), "r0 = 42");
/// # Ok::<(), opswap_bpf::asm::AsmError>(())
/// ```
pub fn assemble(text: &str) -> Result<Vec<Insn>, AsmError> {
    assemble_with(text, &NoNames).map(|assembly| assembly.insns)
}

/// Assembles a program; names are looked up in `names`.
///
/// # Errors
/// The first mistake in the text, with line and column.
pub fn assemble_with(text: &str, names: &dyn Names) -> Result<Assembly, AsmError> {
    let mut assembly = Assembly::default();
    let mut uses = Vec::new();
    let mut defined = BTreeMap::new();
    for (line, text) in (1..).zip(text.lines()) {
        let mut cursor = Cursor::new(line, text);
        while let Some((label, place)) = cursor.label() {
            let at = next_slot(&assembly.insns);
            if let Some(first) = defined.insert(label, line) {
                return Err(place.error(AsmErrorKind::DuplicateLabel { name: label.to_owned(), first }));
            }
            assembly.labels.insert(label.to_owned(), at);
        }
        if cursor.at_end() {
            continue;
        }
        let Statement { insn, label } = statement(&mut cursor, names)?;
        cursor.expect_end()?;
        if let Some((name, place)) = label {
            uses.push(LabelUse { slot: next_slot(&assembly.insns), name, place });
        }
        assembly.insns.push(insn);
        assembly.lines.push(line);
        if let Insn::LoadImm64 { .. } = insn {
            assembly.insns.push(Insn::LoadImm64Tail);
            assembly.lines.push(line);
        }
    }
    for used in uses {
        let insn = &mut assembly.insns[used.slot.index()];
        *insn = used.resolve(*insn, assembly.labels.get(used.name).copied(), names)?;
    }
    Ok(assembly)
}

fn next_slot(insns: &[Insn]) -> InsnIdx {
    InsnIdx(u32::try_from(insns.len()).unwrap_or(u32::MAX))
}

/// A label that an instruction named before all labels were known.
struct LabelUse<'a> {
    slot: InsnIdx,
    name: &'a str,
    place: Place,
}

impl LabelUse<'_> {
    fn resolve(&self, insn: Insn, label: Option<InsnIdx>, names: &dyn Names) -> Result<Insn, AsmError> {
        let unknown = |what| self.place.error(AsmErrorKind::UnknownName { what, name: self.name.to_owned() });
        let Some(label) = label else {
            let Insn::Call { .. } = insn else { return Err(unknown("label")) };
            let target = names.call(self.name).ok_or_else(|| unknown("label or function"))?;
            return Ok(Insn::Call { target });
        };
        let distance = i64::from(label.0) - i64::from(self.slot.0) - 1;
        let far = || self.place.error(AsmErrorKind::TooFar { distance });
        let offset = i32::try_from(distance).ok();
        offset.and_then(|offset| insn.with_relative_offset(offset)).ok_or_else(far)
    }
}

#[cfg(test)]
mod tests;
