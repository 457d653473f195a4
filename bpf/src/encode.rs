//! Instructions to bytes, the inverse of [`crate::decode()`]: `decode(encode(p)) == p`.

use crate::ids::InsnIdx;
use crate::insn::{
    AddressSpace, CallTarget, Extend, Imm64, Insn, JumpForm, MapRef, PacketMode, Reg, Size, Src, SwapBits,
    SwapKind, SxBits, Width,
};
use crate::opcode as op;
use crate::opcode::{SLOT_BYTES, Slot};

/// An instruction that has no encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{at}: {kind}")]
pub struct EncodeError {
    /// The slot.
    pub at: InsnIdx,
    /// Why it cannot be encoded.
    pub kind: EncodeErrorKind,
}

/// Why an instruction has no encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// A 64-bit immediate load without its second slot, or a second slot without its first.
    #[error("a 64-bit immediate load is two slots, `LoadImm64` and then `LoadImm64Tail`")]
    LoadImm64Pair,
    /// A sign-extending load of eight bytes.
    #[error("a load of eight bytes has nothing to extend: `extend` must be `Zero`")]
    SignExtendedDoubleWord,
    /// A 32-bit sign-extending move of 32 bits.
    #[error("a 32-bit move can sign-extend 8 or 16 bits, not 32")]
    SignExtendedWord,
    /// A legacy packet load of eight bytes.
    #[error("a packet load has 1, 2 or 4 bytes")]
    PacketDoubleWord,
    /// A short jump whose offset needs more than 16 bits.
    #[error("jump offset {offset} does not fit 16 bits: use `JumpForm::Long`")]
    ShortJump {
        /// The offset.
        offset: i32,
    },
}

/// Encodes a program as little-endian slots of 8 bytes.
///
/// # Errors
/// The first instruction that has no encoding; [`crate::decode()`] never returns one.
pub fn encode(insns: &[Insn]) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::with_capacity(insns.len() * SLOT_BYTES);
    let mut slots = insns.iter().zip((0..).map(InsnIdx));
    while let Some((insn, at)) = slots.next() {
        let fail = |kind| EncodeError { at, kind };
        let slot = single(insn).map_err(fail)?;
        bytes.extend_from_slice(&slot.to_bytes());
        if let Insn::LoadImm64 { imm, .. } = insn {
            let Some((Insn::LoadImm64Tail, _)) = slots.next() else {
                return Err(fail(EncodeErrorKind::LoadImm64Pair));
            };
            let tail = Slot { imm: imm64_fields(*imm).2, ..Slot::default() };
            bytes.extend_from_slice(&tail.to_bytes());
        }
    }
    Ok(bytes)
}

/// Encodes any slot but the second of a 64-bit immediate load.
fn single(insn: &Insn) -> Result<Slot, EncodeErrorKind> {
    Ok(match *insn {
        Insn::Alu { op: alu, width, dst, src } => {
            let (operation, offset) = op::alu_code(alu);
            Slot { offset, ..binary(alu_class(width) | operation, dst, src) }
        }
        Insn::Mov { width, dst, src } => binary(alu_class(width) | op::ALU_MOV, dst, src),
        Insn::AddressCast { dst, src, to } => {
            let imm = match to {
                AddressSpace::Program => op::CAST_TO_PROGRAM,
                AddressSpace::Arena => op::CAST_TO_ARENA,
            };
            let offset = op::ADDRESS_CAST;
            Slot { offset, imm, ..binary(op::CLASS_ALU64 | op::ALU_MOV, dst, Src::Reg(src)) }
        }
        Insn::MovSx { width: Width::W32, bits: SxBits::B32, .. } => {
            return Err(EncodeErrorKind::SignExtendedWord);
        }
        Insn::MovSx { width, bits, dst, src } => {
            let offset = match bits {
                SxBits::B8 => 8,
                SxBits::B16 => 16,
                SxBits::B32 => 32,
            };
            Slot { offset, ..binary(alu_class(width) | op::ALU_MOV, dst, Src::Reg(src)) }
        }
        Insn::Neg { width, dst } => {
            Slot { code: alu_class(width) | op::ALU_NEG, dst: number(dst), ..Slot::default() }
        }
        Insn::ByteSwap { kind, bits, dst } => byte_swap(kind, bits, dst),
        Insn::LoadImm64 { dst, imm } => {
            let (src, low, _) = imm64_fields(imm);
            Slot { code: op::LOAD_IMM64, dst: number(dst), src, offset: 0, imm: low }
        }
        Insn::LoadImm64Tail => return Err(EncodeErrorKind::LoadImm64Pair),
        Insn::Load { size: Size::DW, extend: Extend::Sign, .. } => {
            return Err(EncodeErrorKind::SignExtendedDoubleWord);
        }
        Insn::Load { size, extend, dst, base, offset } => {
            let mode = match extend {
                Extend::Zero => op::MODE_MEM,
                Extend::Sign => op::MODE_MEMSX,
            };
            memory(op::CLASS_LDX | mode, size, dst, base, offset, 0)
        }
        Insn::Store { size, base, offset, src: Src::Reg(src) } => {
            memory(op::CLASS_STX | op::MODE_MEM, size, base, src, offset, 0)
        }
        Insn::Store { size, base, offset, src: Src::Imm(imm) } => {
            memory(op::CLASS_ST | op::MODE_MEM, size, base, Reg::R0, offset, imm)
        }
        Insn::Atomic { op: atomic, width, base, offset, src } => {
            let size = match width {
                Width::W32 => Size::W,
                Width::W64 => Size::DW,
            };
            memory(op::CLASS_STX | op::MODE_ATOMIC, size, base, src, offset, op::atomic_code(atomic))
        }
        Insn::LoadAcquire { size, dst, base, offset } => {
            memory(op::CLASS_STX | op::MODE_ATOMIC, size, dst, base, offset, op::ATOMIC_LOAD_ACQUIRE)
        }
        Insn::StoreRelease { size, base, offset, src } => {
            memory(op::CLASS_STX | op::MODE_ATOMIC, size, base, src, offset, op::ATOMIC_STORE_RELEASE)
        }
        Insn::LoadPacket { size: Size::DW, .. } => return Err(EncodeErrorKind::PacketDoubleWord),
        Insn::LoadPacket { size, mode, imm } => {
            let (mode, src) = match mode {
                PacketMode::Abs => (op::MODE_ABS, Reg::R0),
                PacketMode::Ind(src) => (op::MODE_IND, src),
            };
            memory(op::CLASS_LD | mode, size, Reg::R0, src, 0, imm)
        }
        Insn::Jump { form: JumpForm::Short, offset } => {
            let short = i16::try_from(offset).map_err(|_| EncodeErrorKind::ShortJump { offset })?;
            Slot { code: op::CLASS_JMP | op::JMP_JA, offset: short, ..Slot::default() }
        }
        Insn::Jump { form: JumpForm::Long, offset } => {
            Slot { code: op::CLASS_JMP32 | op::JMP_JA, imm: offset, ..Slot::default() }
        }
        Insn::Branch { op: jmp, width, dst, src, offset } => {
            let class = match width {
                Width::W32 => op::CLASS_JMP32,
                Width::W64 => op::CLASS_JMP,
            };
            Slot { offset, ..binary(class | op::jmp_code(jmp), dst, src) }
        }
        Insn::MayGoto { offset } => Slot { code: op::CLASS_JMP | op::JMP_JCOND, offset, ..Slot::default() },
        Insn::Call { target } => call(target),
        Insn::CallReg { reg } => {
            Slot { code: op::CLASS_JMP | op::JMP_CALL | op::SOURCE_X, dst: number(reg), ..Slot::default() }
        }
        Insn::Exit => Slot { code: op::CLASS_JMP | op::JMP_EXIT, ..Slot::default() },
    })
}

fn number(reg: Reg) -> u8 {
    reg as u8
}

const fn alu_class(width: Width) -> u8 {
    match width {
        Width::W32 => op::CLASS_ALU,
        Width::W64 => op::CLASS_ALU64,
    }
}

fn binary(code: u8, dst: Reg, src: Src) -> Slot {
    let base = Slot { code, dst: number(dst), ..Slot::default() };
    match src {
        Src::Reg(src) => Slot { code: code | op::SOURCE_X, src: number(src), ..base },
        Src::Imm(imm) => Slot { imm, ..base },
    }
}

fn memory(class_and_mode: u8, size: Size, dst: Reg, src: Reg, offset: i16, imm: i32) -> Slot {
    Slot { code: class_and_mode | op::size_code(size), dst: number(dst), src: number(src), offset, imm }
}

fn byte_swap(kind: SwapKind, bits: SwapBits, dst: Reg) -> Slot {
    let code = match kind {
        SwapKind::ToLe => op::CLASS_ALU | op::ALU_END,
        SwapKind::ToBe => op::CLASS_ALU | op::ALU_END | op::SOURCE_X,
        SwapKind::Bswap => op::CLASS_ALU64 | op::ALU_END,
    };
    let imm = match bits {
        SwapBits::B16 => 16,
        SwapBits::B32 => 32,
        SwapBits::B64 => 64,
    };
    Slot { code, dst: number(dst), imm, ..Slot::default() }
}

fn call(target: CallTarget) -> Slot {
    let (src, offset, imm) = match target {
        CallTarget::Helper(id) => (op::CALL_HELPER, 0, id.0.cast_signed()),
        CallTarget::Subprog(offset) => (op::CALL_SUBPROG, 0, offset),
        CallTarget::Kfunc { id, module } => (op::CALL_KFUNC, module, id.0.cast_signed()),
    };
    Slot { code: op::CLASS_JMP | op::JMP_CALL, dst: 0, src, offset, imm }
}

/// Source field, first and second immediate.
fn imm64_fields(imm: Imm64) -> (u8, i32, i32) {
    match imm {
        #[expect(clippy::cast_possible_truncation, reason = "the two halves are what is encoded")]
        Imm64::Value(value) => (op::IMM64_VALUE, value as i32, (value >> 32) as i32),
        Imm64::Map(MapRef::Fd(fd)) => (op::IMM64_MAP_FD, fd, 0),
        Imm64::Map(MapRef::Idx(map)) => (op::IMM64_MAP_IDX, map.0.cast_signed(), 0),
        Imm64::MapValue { map: MapRef::Fd(fd), offset } => (op::IMM64_MAP_VALUE_FD, fd, offset.cast_signed()),
        Imm64::MapValue { map: MapRef::Idx(map), offset } => {
            (op::IMM64_MAP_VALUE_IDX, map.0.cast_signed(), offset.cast_signed())
        }
        Imm64::HostVar { id, module } => (op::IMM64_HOST_VAR, id.0.cast_signed(), module.cast_signed()),
        Imm64::Func(offset) => (op::IMM64_FUNC, offset, 0),
    }
}

/// The operation code, which is the first byte of the slot; 0 for what has no encoding of its own.
pub(crate) fn operation_code(insn: &Insn) -> u8 {
    single(insn).map_or(0, |slot| slot.code)
}
