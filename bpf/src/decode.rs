//! Bytes to instructions: every rule of the encoding, once (RFC 9669, sections 3 to 5).
//!
//! A field that an instruction does not use must be zero, a register number at most 10, and an operation code one that
//! exists. Nothing is judged here that depends on more than one instruction, except that the two slots of a 64-bit
//! immediate load belong together. Jump targets, for one, are the verifier's business.

mod error;

pub use error::{DecodeError, DecodeErrorKind, Family, Field};

use crate::ids::{BtfId, HelperId, InsnIdx, KfuncId, MapId};
use crate::insn::{
    AddressSpace, AluOp, CallTarget, Extend, Imm64, Insn, JumpForm, MapRef, PacketMode, Reg, Size, Src,
    SwapBits, SwapKind, SxBits, Width,
};
use crate::opcode as op;
use crate::opcode::{SLOT_BYTES, Slot};

type Decoded<T = Insn> = Result<T, DecodeErrorKind>;

/// Decodes a program of little-endian slots. The result has one [`Insn`] for each 8 bytes.
///
/// # Errors
/// The first slot that breaks a rule of the encoding.
///
/// ```
/// use opswap_bpf::insn::{Insn, Reg, Src, Width};
///
/// let exit = opswap_bpf::decode(&[0xb7, 0, 0, 0, 42, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0])?;
/// assert_eq!(exit, [Insn::Mov { width: Width::W64, dst: Reg::R0, src: Src::Imm(42) }, Insn::Exit]);
/// # Ok::<(), opswap_bpf::DecodeError>(())
/// ```
pub fn decode(bytes: &[u8]) -> Result<Vec<Insn>, DecodeError> {
    let (chunks, rest) = bytes.as_chunks::<SLOT_BYTES>();
    let mut insns = Vec::with_capacity(chunks.len());
    let mut slots =
        chunks.iter().copied().map(Slot::from_bytes).zip(0..).map(|(slot, at)| (slot, InsnIdx(at)));
    while let Some((slot, at)) = slots.next() {
        if slot.code == op::LOAD_IMM64 {
            let tail = slots.next().map(|(tail, _)| tail);
            insns.push(load_imm64(slot, tail).map_err(|kind| DecodeError { at, kind })?);
            insns.push(Insn::LoadImm64Tail);
        } else {
            insns.push(single(slot).map_err(|kind| DecodeError { at, kind })?);
        }
    }
    if !rest.is_empty() {
        let at = InsnIdx(u32::try_from(chunks.len()).unwrap_or(u32::MAX));
        return Err(DecodeError { at, kind: DecodeErrorKind::PartialSlot { bytes: rest.len() } });
    }
    Ok(insns)
}

/// Decodes any slot but the two of a 64-bit immediate load.
fn single(slot: Slot) -> Decoded {
    match slot.class() {
        op::CLASS_LD => load_packet(slot),
        op::CLASS_LDX => load(slot),
        op::CLASS_ST => store_imm(slot),
        op::CLASS_STX => match slot.mode() {
            op::MODE_MEM => store_reg(slot),
            op::MODE_ATOMIC => atomic(slot),
            _ => Err(unknown(slot)),
        },
        op::CLASS_ALU => alu(slot, Width::W32),
        op::CLASS_ALU64 => alu(slot, Width::W64),
        op::CLASS_JMP => jump(slot, Width::W64),
        _ => jump(slot, Width::W32),
    }
}

fn load_imm64(slot: Slot, tail: Option<Slot>) -> Decoded {
    let tail = tail.ok_or(DecodeErrorKind::LoadImm64Cut)?;
    if tail != (Slot { imm: tail.imm, ..Slot::default() }) {
        return Err(DecodeErrorKind::LoadImm64Tail);
    }
    zero(slot, Family::LoadImm64, &[Field::Offset])?;
    let one_slot = |imm64| {
        // The second immediate is one more unused field.
        if tail.imm == 0 { Ok(imm64) } else { Err(DecodeErrorKind::LoadImm64Upper { imm: tail.imm }) }
    };
    let imm = match slot.src {
        op::IMM64_VALUE => {
            Imm64::Value(u64::from(tail.imm.cast_unsigned()) << 32 | u64::from(slot.imm.cast_unsigned()))
        }
        op::IMM64_MAP_FD => one_slot(Imm64::Map(MapRef::Fd(slot.imm)))?,
        op::IMM64_MAP_IDX => one_slot(Imm64::Map(MapRef::Idx(MapId(slot.imm.cast_unsigned()))))?,
        op::IMM64_MAP_VALUE_FD => {
            Imm64::MapValue { map: MapRef::Fd(slot.imm), offset: tail.imm.cast_unsigned() }
        }
        op::IMM64_MAP_VALUE_IDX => Imm64::MapValue {
            map: MapRef::Idx(MapId(slot.imm.cast_unsigned())),
            offset: tail.imm.cast_unsigned(),
        },
        op::IMM64_HOST_VAR => {
            Imm64::HostVar { id: BtfId(slot.imm.cast_unsigned()), module: tail.imm.cast_unsigned() }
        }
        op::IMM64_FUNC => one_slot(Imm64::Func(slot.imm))?,
        source => return Err(DecodeErrorKind::LoadImm64Kind { source }),
    };
    Ok(Insn::LoadImm64 { dst: reg(slot.dst)?, imm })
}

fn load_packet(slot: Slot) -> Decoded {
    let size = slot.size();
    let is_packet = matches!(slot.mode(), op::MODE_ABS | op::MODE_IND);
    if !is_packet || size == Size::DW {
        return Err(unknown(slot));
    }
    zero(slot, Family::LoadPacket, &[Field::Dst, Field::Offset])?;
    let mode = if slot.mode() == op::MODE_ABS {
        zero(slot, Family::LoadPacket, &[Field::Src])?;
        PacketMode::Abs
    } else {
        PacketMode::Ind(reg(slot.src)?)
    };
    Ok(Insn::LoadPacket { size, mode, imm: slot.imm })
}

fn load(slot: Slot) -> Decoded {
    let size = slot.size();
    let extend = match slot.mode() {
        op::MODE_MEM => Extend::Zero,
        op::MODE_MEMSX if size != Size::DW => Extend::Sign,
        _ => return Err(unknown(slot)),
    };
    zero(slot, Family::Load, &[Field::Imm])?;
    Ok(Insn::Load { size, extend, dst: reg(slot.dst)?, base: reg(slot.src)?, offset: slot.offset })
}

fn store_imm(slot: Slot) -> Decoded {
    if slot.mode() != op::MODE_MEM {
        return Err(unknown(slot));
    }
    zero(slot, Family::Store, &[Field::Src])?;
    Ok(Insn::Store { size: slot.size(), base: reg(slot.dst)?, offset: slot.offset, src: Src::Imm(slot.imm) })
}

fn store_reg(slot: Slot) -> Decoded {
    zero(slot, Family::StoreReg, &[Field::Imm])?;
    Ok(Insn::Store {
        size: slot.size(),
        base: reg(slot.dst)?,
        offset: slot.offset,
        src: Src::Reg(reg(slot.src)?),
    })
}

fn atomic(slot: Slot) -> Decoded {
    let Slot { offset, imm, .. } = slot;
    let size = slot.size();
    if imm == op::ATOMIC_LOAD_ACQUIRE {
        return Ok(Insn::LoadAcquire { size, dst: reg(slot.dst)?, base: reg(slot.src)?, offset });
    }
    if imm == op::ATOMIC_STORE_RELEASE {
        return Ok(Insn::StoreRelease { size, base: reg(slot.dst)?, offset, src: reg(slot.src)? });
    }
    let atomic_op = op::atomic_op(imm).ok_or(DecodeErrorKind::AtomicOp { imm })?;
    let width = match size {
        Size::W => Width::W32,
        Size::DW => Width::W64,
        Size::B | Size::H => return Err(DecodeErrorKind::AtomicSize { size }),
    };
    Ok(Insn::Atomic { op: atomic_op, width, base: reg(slot.dst)?, offset, src: reg(slot.src)? })
}

fn alu(slot: Slot, width: Width) -> Decoded {
    match slot.operation() {
        op::ALU_NEG => neg(slot, width),
        op::ALU_END => byte_swap(slot, width),
        op::ALU_MOV => mov(slot, width),
        _ => binary(slot, width),
    }
}

fn neg(slot: Slot, width: Width) -> Decoded {
    if slot.has_register_source() {
        return Err(unknown(slot));
    }
    zero(slot, Family::Neg, &[Field::Src, Field::Offset, Field::Imm])?;
    Ok(Insn::Neg { width, dst: reg(slot.dst)? })
}

fn byte_swap(slot: Slot, width: Width) -> Decoded {
    let kind = match (width, slot.has_register_source()) {
        (Width::W32, false) => SwapKind::ToLe,
        (Width::W32, true) => SwapKind::ToBe,
        (Width::W64, false) => SwapKind::Bswap,
        (Width::W64, true) => return Err(unknown(slot)),
    };
    zero(slot, Family::ByteSwap, &[Field::Src, Field::Offset])?;
    let bits = match slot.imm {
        16 => SwapBits::B16,
        32 => SwapBits::B32,
        64 => SwapBits::B64,
        found => return Err(reserved(Family::ByteSwap, Field::Imm, found, "16, 32 or 64")),
    };
    Ok(Insn::ByteSwap { kind, bits, dst: reg(slot.dst)? })
}

fn mov(slot: Slot, width: Width) -> Decoded {
    if !slot.has_register_source() {
        zero(slot, Family::Mov, &[Field::Src, Field::Offset])?;
        return Ok(Insn::Mov { width, dst: reg(slot.dst)?, src: Src::Imm(slot.imm) });
    }
    if slot.offset == op::ADDRESS_CAST && width == Width::W64 {
        let to = match slot.imm {
            op::CAST_TO_PROGRAM => AddressSpace::Program,
            op::CAST_TO_ARENA => AddressSpace::Arena,
            found => {
                return Err(reserved(
                    Family::Mov,
                    Field::Imm,
                    found,
                    "1 or 65536: from address space 1, or to it",
                ));
            }
        };
        return Ok(Insn::AddressCast { dst: reg(slot.dst)?, src: reg(slot.src)?, to });
    }
    zero(slot, Family::Mov, &[Field::Imm])?;
    let bits = match (slot.offset, width) {
        (0, _) => None,
        (8, _) => Some(SxBits::B8),
        (16, _) => Some(SxBits::B16),
        (32, Width::W64) => Some(SxBits::B32),
        (found, Width::W64) => {
            return Err(reserved(Family::Mov, Field::Offset, found.into(), "0, 8, 16 or 32"));
        }
        (found, Width::W32) => return Err(reserved(Family::Mov, Field::Offset, found.into(), "0, 8 or 16")),
    };
    let (dst, src) = (reg(slot.dst)?, reg(slot.src)?);
    Ok(bits.map_or(Insn::Mov { width, dst, src: Src::Reg(src) }, |bits| Insn::MovSx {
        width,
        bits,
        dst,
        src,
    }))
}

fn binary(slot: Slot, width: Width) -> Decoded {
    let mut signed_forms = AluOp::ALL.into_iter().filter(|alu| op::alu_code(*alu).0 == slot.operation());
    let unused = if slot.has_register_source() { Field::Imm } else { Field::Src };
    let Some(first) = signed_forms.next() else { return Err(unknown(slot)) };
    zero(slot, Family::Alu, &[unused])?;
    let alu_op = match (slot.offset, signed_forms.next()) {
        (0, _) => first,
        (1, Some(signed)) => signed,
        (found, Some(_)) => return Err(reserved(Family::Alu, Field::Offset, found.into(), "0 or 1")),
        (found, None) => return Err(reserved(Family::Alu, Field::Offset, found.into(), "0")),
    };
    Ok(Insn::Alu { op: alu_op, width, dst: reg(slot.dst)?, src: source(slot)? })
}

fn jump(slot: Slot, width: Width) -> Decoded {
    match (slot.operation(), slot.has_register_source(), width) {
        (op::JMP_JA, false, Width::W64) => {
            zero(slot, Family::Jump, &[Field::Dst, Field::Src, Field::Imm])?;
            Ok(Insn::Jump { form: JumpForm::Short, offset: slot.offset.into() })
        }
        (op::JMP_JA, false, Width::W32) => {
            zero(slot, Family::Jump, &[Field::Dst, Field::Src, Field::Offset])?;
            Ok(Insn::Jump { form: JumpForm::Long, offset: slot.imm })
        }
        (op::JMP_CALL, false, Width::W64) => call(slot),
        (op::JMP_CALL, true, Width::W64) => {
            zero(slot, Family::Call, &[Field::Src, Field::Offset, Field::Imm])?;
            Ok(Insn::CallReg { reg: reg(slot.dst)? })
        }
        (op::JMP_EXIT, false, Width::W64) => {
            zero(slot, Family::Exit, &[Field::Dst, Field::Src, Field::Offset, Field::Imm])?;
            Ok(Insn::Exit)
        }
        (op::JMP_JCOND, false, Width::W64) => {
            zero(slot, Family::MayGoto { imm: slot.imm }, &[Field::Dst, Field::Src, Field::Imm])?;
            Ok(Insn::MayGoto { offset: slot.offset })
        }
        _ => branch(slot, width),
    }
}

fn branch(slot: Slot, width: Width) -> Decoded {
    let jmp_op = op::jmp_op(slot.operation()).ok_or_else(|| unknown(slot))?;
    let unused = if slot.has_register_source() { Field::Imm } else { Field::Src };
    zero(slot, Family::Branch, &[unused])?;
    Ok(Insn::Branch { op: jmp_op, width, dst: reg(slot.dst)?, src: source(slot)?, offset: slot.offset })
}

fn call(slot: Slot) -> Decoded {
    zero(slot, Family::Call, &[Field::Dst])?;
    let target = match slot.src {
        op::CALL_HELPER => {
            zero(slot, Family::Call, &[Field::Offset])?;
            CallTarget::Helper(HelperId(slot.imm.cast_unsigned()))
        }
        op::CALL_SUBPROG => {
            zero(slot, Family::Call, &[Field::Offset])?;
            CallTarget::Subprog(slot.imm)
        }
        op::CALL_KFUNC => CallTarget::Kfunc { id: KfuncId(slot.imm.cast_unsigned()), module: slot.offset },
        found => return Err(reserved(Family::Call, Field::Src, found.into(), "0, 1 or 2")),
    };
    Ok(Insn::Call { target })
}

fn source(slot: Slot) -> Decoded<Src> {
    if slot.has_register_source() { reg(slot.src).map(Src::Reg) } else { Ok(Src::Imm(slot.imm)) }
}

fn reg(number: u8) -> Decoded<Reg> {
    Reg::from_index(number).ok_or(DecodeErrorKind::Register { number })
}

const fn unknown(slot: Slot) -> DecodeErrorKind {
    DecodeErrorKind::UnknownOpcode { code: slot.code }
}

const fn reserved(family: Family, field: Field, found: i32, allowed: &'static str) -> DecodeErrorKind {
    DecodeErrorKind::Reserved { family, field, found, allowed }
}

/// Demands that fields which the instruction does not use are zero.
fn zero(slot: Slot, family: Family, unused: &[Field]) -> Decoded<()> {
    let found = |field: &Field| match field {
        Field::Dst => i32::from(slot.dst),
        Field::Src => i32::from(slot.src),
        Field::Offset => i32::from(slot.offset),
        Field::Imm => slot.imm,
    };
    match unused.iter().find(|field| found(field) != 0) {
        None => Ok(()),
        Some(field) => Err(reserved(family, *field, found(field), "0")),
    }
}

#[cfg(test)]
pub(crate) mod tests;
