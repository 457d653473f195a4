//! [`DecodeError`]: why bytes are not a program, in the kernel's classic wording followed by what a person needs.

use std::fmt;

use crate::ids::InsnIdx;
use crate::insn::Size;

/// A slot that breaks a rule of the encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{at}: {kind}")]
pub struct DecodeError {
    /// The slot.
    pub at: InsnIdx,
    /// What is wrong with it.
    pub kind: DecodeErrorKind,
}

/// A field of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// The destination register, 4 bits.
    Dst,
    /// The source register, 4 bits.
    Src,
    /// The 16-bit offset.
    Offset,
    /// The 32-bit immediate.
    Imm,
}

/// Which instructions a rule about unused fields is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// Two-operand arithmetic.
    Alu,
    /// Moves, with or without sign extension.
    Mov,
    /// Negation.
    Neg,
    /// Byte swaps.
    ByteSwap,
    /// Loads.
    Load,
    /// Stores of an immediate.
    Store,
    /// Stores of a register.
    StoreReg,
    /// 64-bit immediate loads.
    LoadImm64,
    /// Legacy packet loads.
    LoadPacket,
    /// Unconditional jumps.
    Jump,
    /// Conditional jumps.
    Branch,
    /// `may_goto`.
    MayGoto {
        /// The immediate as found; the kernel's wording names it.
        imm: i32,
    },
    /// Calls.
    Call,
    /// `exit`.
    Exit,
}

/// What is wrong with a slot. `Display` begins with [`DecodeErrorKind::classic`] and adds the field and what it may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The bytes end inside a slot.
    PartialSlot {
        /// Bytes left over, 1 to 7.
        bytes: usize,
    },
    /// No instruction has this operation code.
    UnknownOpcode {
        /// The first byte of the slot.
        code: u8,
    },
    /// A register above 10.
    Register {
        /// 11 to 15.
        number: u8,
    },
    /// A field that is unused, or that has few values, holds something else.
    Reserved {
        /// Which instructions the rule is for.
        family: Family,
        /// The field.
        field: Field,
        /// Its value.
        found: i32,
        /// The values that it may have, for people.
        allowed: &'static str,
    },
    /// The program ends between the two slots of a 64-bit immediate load.
    LoadImm64Cut,
    /// The second slot of a 64-bit immediate load holds more than an immediate.
    LoadImm64Tail,
    /// The second immediate of a load that uses the first alone is not zero.
    LoadImm64Upper {
        /// The second immediate.
        imm: i32,
    },
    /// A 64-bit immediate load of a kind that does not exist.
    LoadImm64Kind {
        /// The source field.
        source: u8,
    },
    /// An atomic operation that does not exist.
    AtomicOp {
        /// The immediate, which selects the operation.
        imm: i32,
    },
    /// An atomic read-modify-write on one or two bytes.
    AtomicSize {
        /// The size found.
        size: Size,
    },
}

impl DecodeErrorKind {
    /// The Linux verifier's wording, which people search for and tests compare.
    pub fn classic(&self) -> String {
        match *self {
            Self::PartialSlot { .. } => "invalid program size".to_owned(),
            Self::UnknownOpcode { code } => format!("unknown opcode {code:02x}"),
            Self::Register { number } => format!("R{number} is invalid"),
            Self::Reserved { family: Family::MayGoto { imm }, .. } => format!("invalid may_goto imm {imm}"),
            Self::Reserved { family, .. } => format!("{family} uses reserved fields"),
            Self::LoadImm64Cut | Self::LoadImm64Tail => "invalid bpf_ld_imm64 insn".to_owned(),
            Self::LoadImm64Upper { .. } | Self::LoadImm64Kind { .. } => {
                "unrecognized bpf_ld_imm64 insn".to_owned()
            }
            Self::AtomicOp { imm } => format!("BPF_ATOMIC uses invalid atomic opcode {imm:02x}"),
            Self::AtomicSize { .. } => "invalid atomic operand size".to_owned(),
        }
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.classic())?;
        match *self {
            Self::UnknownOpcode { .. } => Ok(()),
            Self::PartialSlot { bytes } => {
                write!(f, ": an instruction has 8 bytes, the last one only {bytes}")
            }
            Self::Register { .. } => f.write_str(": registers are r0 to r10"),
            Self::Reserved { field, found, allowed, .. } => {
                write!(f, ": field `{field}` is {found}, it must be {allowed}")
            }
            Self::LoadImm64Cut => f.write_str(": the program ends before its second slot"),
            Self::LoadImm64Tail => f.write_str(": its second slot may hold an immediate and nothing else"),
            Self::LoadImm64Upper { imm } => write!(f, ": its second immediate is {imm}, it must be 0"),
            Self::LoadImm64Kind { source } => write!(f, ": field `src` is {source}, it must be 0 to 6"),
            Self::AtomicOp { .. } => f.write_str(": field `imm` selects no operation"),
            Self::AtomicSize { size } => write!(f, ": {} bytes, it must be 4 or 8", size.bytes()),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alu => "BPF_ALU",
            Self::Mov => "BPF_MOV",
            Self::Neg => "BPF_NEG",
            Self::ByteSwap => "BPF_END",
            Self::Load => "BPF_LDX",
            Self::Store => "BPF_ST",
            Self::StoreReg => "BPF_STX",
            Self::LoadImm64 => "BPF_LD_IMM64",
            Self::LoadPacket => "BPF_LD_[ABS|IND]",
            Self::Jump => "BPF_JA",
            Self::Branch => "BPF_JMP/JMP32",
            Self::MayGoto { .. } => "BPF_JCOND",
            Self::Call => "BPF_CALL",
            Self::Exit => "BPF_EXIT",
        })
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dst => "dst",
            Self::Src => "src",
            Self::Offset => "offset",
            Self::Imm => "imm",
        })
    }
}
