//! The numbers of the encoding: classes, modes, sizes and operation codes, each stated once.
//!
//! `decode` and `encode` are the only users. A table that both directions need is an exhaustive `match` from the typed
//! value to the number; the way back searches the type's `ALL`.

use crate::insn::{AluOp, AtomicOp, Fetch, JmpOp, Size};

/// Bytes of one slot.
pub(crate) const SLOT_BYTES: usize = 8;

pub(crate) const CLASS_LD: u8 = 0;
pub(crate) const CLASS_LDX: u8 = 1;
pub(crate) const CLASS_ST: u8 = 2;
pub(crate) const CLASS_STX: u8 = 3;
pub(crate) const CLASS_ALU: u8 = 4;
pub(crate) const CLASS_JMP: u8 = 5;
pub(crate) const CLASS_JMP32: u8 = 6;
pub(crate) const CLASS_ALU64: u8 = 7;

/// The source operand is a register (and for byte swaps: big-endian).
pub(crate) const SOURCE_X: u8 = 0x08;

pub(crate) const MODE_IMM: u8 = 0x00;
pub(crate) const MODE_ABS: u8 = 0x20;
pub(crate) const MODE_IND: u8 = 0x40;
pub(crate) const MODE_MEM: u8 = 0x60;
pub(crate) const MODE_MEMSX: u8 = 0x80;
pub(crate) const MODE_ATOMIC: u8 = 0xc0;

pub(crate) const ALU_NEG: u8 = 0x80;
pub(crate) const ALU_MOV: u8 = 0xb0;
pub(crate) const ALU_END: u8 = 0xd0;

/// Offset of a register move between address spaces, and its immediates: to, from.
pub(crate) const ADDRESS_CAST: i16 = 1;
pub(crate) const CAST_TO_PROGRAM: i32 = 1;
pub(crate) const CAST_TO_ARENA: i32 = 1 << 16;

pub(crate) const JMP_JA: u8 = 0x00;
pub(crate) const JMP_CALL: u8 = 0x80;
pub(crate) const JMP_EXIT: u8 = 0x90;
pub(crate) const JMP_JCOND: u8 = 0xe0;

pub(crate) const LOAD_IMM64: u8 = CLASS_LD | MODE_IMM | SIZE_DW;

const SIZE_W: u8 = 0x00;
const SIZE_H: u8 = 0x08;
const SIZE_B: u8 = 0x10;
const SIZE_DW: u8 = 0x18;

pub(crate) const CALL_HELPER: u8 = 0;
pub(crate) const CALL_SUBPROG: u8 = 1;
pub(crate) const CALL_KFUNC: u8 = 2;

pub(crate) const IMM64_VALUE: u8 = 0;
pub(crate) const IMM64_MAP_FD: u8 = 1;
pub(crate) const IMM64_MAP_VALUE_FD: u8 = 2;
pub(crate) const IMM64_HOST_VAR: u8 = 3;
pub(crate) const IMM64_FUNC: u8 = 4;
pub(crate) const IMM64_MAP_IDX: u8 = 5;
pub(crate) const IMM64_MAP_VALUE_IDX: u8 = 6;

pub(crate) const ATOMIC_LOAD_ACQUIRE: i32 = 0x100;
pub(crate) const ATOMIC_STORE_RELEASE: i32 = 0x110;

const ATOMIC_FETCH: i32 = 0x01;

/// One slot, split into its fields; nothing is judged yet.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Slot {
    pub(crate) code: u8,
    pub(crate) dst: u8,
    pub(crate) src: u8,
    pub(crate) offset: i16,
    pub(crate) imm: i32,
}

impl Slot {
    pub(crate) fn from_bytes(bytes: [u8; SLOT_BYTES]) -> Self {
        let [code, regs, o0, o1, i0, i1, i2, i3] = bytes;
        Self {
            code,
            dst: regs & 0x0f,
            src: regs >> 4,
            offset: i16::from_le_bytes([o0, o1]),
            imm: i32::from_le_bytes([i0, i1, i2, i3]),
        }
    }

    pub(crate) fn to_bytes(self) -> [u8; SLOT_BYTES] {
        let [o0, o1] = self.offset.to_le_bytes();
        let [i0, i1, i2, i3] = self.imm.to_le_bytes();
        [self.code, self.src << 4 | self.dst, o0, o1, i0, i1, i2, i3]
    }

    pub(crate) const fn class(self) -> u8 {
        self.code & 0x07
    }

    /// The mode of a load or store.
    pub(crate) const fn mode(self) -> u8 {
        self.code & 0xe0
    }

    /// The operation of an arithmetic or jump instruction.
    pub(crate) const fn operation(self) -> u8 {
        self.code & 0xf0
    }

    pub(crate) const fn has_register_source(self) -> bool {
        self.code & SOURCE_X != 0
    }

    pub(crate) const fn size(self) -> Size {
        match self.code & 0x18 {
            SIZE_W => Size::W,
            SIZE_H => Size::H,
            SIZE_B => Size::B,
            _ => Size::DW,
        }
    }
}

pub(crate) const fn size_code(size: Size) -> u8 {
    match size {
        Size::B => SIZE_B,
        Size::H => SIZE_H,
        Size::W => SIZE_W,
        Size::DW => SIZE_DW,
    }
}

/// Operation code and offset field; the offset tells signed from unsigned division.
pub(crate) const fn alu_code(op: AluOp) -> (u8, i16) {
    match op {
        AluOp::Add => (0x00, 0),
        AluOp::Sub => (0x10, 0),
        AluOp::Mul => (0x20, 0),
        AluOp::Div => (0x30, 0),
        AluOp::Sdiv => (0x30, 1),
        AluOp::Or => (0x40, 0),
        AluOp::And => (0x50, 0),
        AluOp::Lsh => (0x60, 0),
        AluOp::Rsh => (0x70, 0),
        AluOp::Mod => (0x90, 0),
        AluOp::Smod => (0x90, 1),
        AluOp::Xor => (0xa0, 0),
        AluOp::Arsh => (0xc0, 0),
    }
}

pub(crate) const fn jmp_code(op: JmpOp) -> u8 {
    match op {
        JmpOp::Eq => 0x10,
        JmpOp::Gt => 0x20,
        JmpOp::Ge => 0x30,
        JmpOp::Set => 0x40,
        JmpOp::Ne => 0x50,
        JmpOp::Sgt => 0x60,
        JmpOp::Sge => 0x70,
        JmpOp::Lt => 0xa0,
        JmpOp::Le => 0xb0,
        JmpOp::Slt => 0xc0,
        JmpOp::Sle => 0xd0,
    }
}

pub(crate) fn jmp_op(code: u8) -> Option<JmpOp> {
    JmpOp::ALL.into_iter().find(|op| jmp_code(*op) == code)
}

/// The immediate of an atomic read-modify-write.
pub(crate) const fn atomic_code(op: AtomicOp) -> i32 {
    const fn fetch(fetch: Fetch) -> i32 {
        match fetch {
            Fetch::No => 0,
            Fetch::Yes => ATOMIC_FETCH,
        }
    }
    match op {
        AtomicOp::Add(f) => fetch(f),
        AtomicOp::Or(f) => 0x40 | fetch(f),
        AtomicOp::And(f) => 0x50 | fetch(f),
        AtomicOp::Xor(f) => 0xa0 | fetch(f),
        AtomicOp::Xchg => 0xe0 | ATOMIC_FETCH,
        AtomicOp::Cmpxchg => 0xf0 | ATOMIC_FETCH,
    }
}

pub(crate) fn atomic_op(code: i32) -> Option<AtomicOp> {
    AtomicOp::ALL.into_iter().find(|op| atomic_code(*op) == code)
}
