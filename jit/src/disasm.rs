//! Disassembly of a finished image, for people and for golden tests (feature `disasm`).

use std::fmt::Write as _;

use iced_x86::{Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter};
use opswap_bpf::InsnIdx;

use crate::executable::Executable;

/// One machine instruction of an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Offset in the image.
    pub offset: u32,
    /// The slot that it was emitted for; `None` in prologues' first bytes and trampolines.
    pub slot: Option<InsnIdx>,
    /// Intel syntax; places in the image are offsets, other addresses absolute.
    pub text: String,
}

/// The instructions of an image in order.
pub fn disassemble(executable: &Executable) -> Vec<Line> {
    let mut formatter = IntelFormatter::new();
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    options.set_small_hex_numbers_in_decimal(true);
    options.set_branch_leading_zeros(false);
    options.set_space_after_operand_separator(true);
    options.set_rip_relative_addresses(false);
    options.set_signed_immediate_operands(true);
    let starts = slot_starts(executable);
    let mut slots = starts.iter().peekable();
    let mut slot = None;
    decode(executable)
        .map(|instruction| {
            let offset = offset_of(&instruction, executable);
            while let Some(&&(start, at)) = slots.peek() {
                if start > offset {
                    break;
                }
                slot = Some(at);
                slots.next();
            }
            let mut text = String::new();
            if instruction.is_ip_rel_memory_operand() {
                let to = instruction.ip_rel_memory_address().wrapping_sub(base(executable));
                let _ = write!(text, "lea {:?}, [image + {to:#x}]", instruction.op0_register());
                text.make_ascii_lowercase();
            } else if let Some(to) = inner_target(&instruction, executable) {
                let _ = write!(text, "{:?} {to:#x}", instruction.mnemonic());
                text.make_ascii_lowercase();
            } else {
                formatter.format(&instruction, &mut text);
            }
            Line { offset, slot, text }
        })
        .collect()
}

/// All instructions of an image at their addresses.
pub(crate) fn decode(executable: &Executable) -> impl Iterator<Item = Instruction> + '_ {
    let mut decoder = Decoder::with_ip(64, executable.bytes(), base(executable), DecoderOptions::NONE);
    std::iter::from_fn(move || decoder.can_decode().then(|| decoder.decode()))
}

pub(crate) fn offset_of(instruction: &Instruction, executable: &Executable) -> u32 {
    // Images are far smaller than 4 GiB: their offsets are kept in 32 bits.
    instruction.ip().wrapping_sub(base(executable)) as u32
}

/// Offset of the target of a direct jump or call that stays in the image.
pub(crate) fn inner_target(instruction: &Instruction, executable: &Executable) -> Option<u32> {
    let to = direct_target(instruction)?.wrapping_sub(base(executable));
    u32::try_from(to).ok().filter(|&to| (to as usize) < executable.len())
}

/// Address of the target of a direct jump or call.
pub(crate) fn direct_target(instruction: &Instruction) -> Option<u64> {
    let direct = instruction.is_jcc_short_or_near()
        || instruction.is_jmp_short_or_near()
        || instruction.is_call_near();
    direct.then(|| instruction.near_branch_target())
}

pub(crate) fn base(executable: &Executable) -> u64 {
    executable.bytes().as_ptr() as u64
}

/// Slots with code, by offset.
fn slot_starts(executable: &Executable) -> Vec<(u32, InsnIdx)> {
    let mut starts: Vec<(u32, InsnIdx)> = (0..executable.slots())
        .filter_map(|slot| Some((executable.offset_of(InsnIdx(slot))?, InsnIdx(slot))))
        .collect();
    starts.sort_unstable();
    starts
}
