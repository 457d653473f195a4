//! The typed instruction set: RFC 9669 in full, and the kernel's additions up to `-mcpu=v4` and `may_goto`.
//!
//! One [`Insn`] stands for one 8-byte slot, so indices and jump offsets are those of the encoded program; the second slot
//! of a 64-bit immediate load is [`Insn::LoadImm64Tail`]. Raw opcodes stay inside `decode` and `encode`.

use crate::ids::{BtfId, HelperId, KfuncId, MapId};

/// A register. `R0` holds results, `R1` to `R5` arguments, `R6` to `R9` survive calls, `R10` is the frame pointer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Reg {
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    R10,
}

impl Reg {
    /// All registers, in order.
    pub const ALL: [Self; 11] = [
        Self::R0,
        Self::R1,
        Self::R2,
        Self::R3,
        Self::R4,
        Self::R5,
        Self::R6,
        Self::R7,
        Self::R8,
        Self::R9,
        Self::R10,
    ];
    /// The registers that carry the first five arguments of a call.
    pub const ARGS: [Self; 5] = [Self::R1, Self::R2, Self::R3, Self::R4, Self::R5];
    /// The frame pointer.
    pub const FP: Self = Self::R10;

    /// The register with this number, or `None` above 10.
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }

    /// 0 to 10.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Operand width of arithmetic and comparisons. A 32-bit operation zeroes the upper half of its destination.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Width {
    /// 32 bits (`ALU`, `JMP32`).
    W32,
    /// 64 bits (`ALU64`, `JMP`).
    W64,
}

impl Width {
    /// Both widths.
    pub const ALL: [Self; 2] = [Self::W32, Self::W64];

    /// 32 or 64.
    pub const fn bits(self) -> u32 {
        match self {
            Self::W32 => 32,
            Self::W64 => 64,
        }
    }
}

/// Width of a memory access.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Size {
    /// One byte.
    B,
    /// Two bytes.
    H,
    /// Four bytes.
    W,
    /// Eight bytes.
    DW,
}

impl Size {
    /// All sizes, from small to large.
    pub const ALL: [Self; 4] = [Self::B, Self::H, Self::W, Self::DW];

    /// 1, 2, 4 or 8.
    pub const fn bytes(self) -> u32 {
        match self {
            Self::B => 1,
            Self::H => 2,
            Self::W => 4,
            Self::DW => 8,
        }
    }

    /// 8, 16, 32 or 64.
    pub const fn bits(self) -> u32 {
        self.bytes() * 8
    }
}

/// Second operand: a register, or an immediate that is sign-extended to the operation's width.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Src {
    /// A register.
    Reg(Reg),
    /// A 32-bit immediate.
    Imm(i32),
}

/// Two-operand arithmetic (RFC 9669, section 4.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AluOp {
    /// `dst += src`.
    Add,
    /// `dst -= src`.
    Sub,
    /// `dst *= src`.
    Mul,
    /// Unsigned division; by zero gives 0.
    Div,
    /// Signed division; by zero gives 0, `MIN / -1` gives `MIN`.
    Sdiv,
    /// Bitwise or.
    Or,
    /// Bitwise and.
    And,
    /// Left shift by `src & (width - 1)`.
    Lsh,
    /// Logical right shift by `src & (width - 1)`.
    Rsh,
    /// Unsigned remainder; by zero leaves `dst` (a 32-bit one still zeroes the upper half).
    Mod,
    /// Signed remainder; by zero leaves `dst`, `MIN % -1` gives 0.
    Smod,
    /// Bitwise exclusive or.
    Xor,
    /// Arithmetic right shift by `src & (width - 1)`.
    Arsh,
}

impl AluOp {
    /// Every operation.
    pub const ALL: [Self; 13] = [
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
        Self::Sdiv,
        Self::Or,
        Self::And,
        Self::Lsh,
        Self::Rsh,
        Self::Mod,
        Self::Smod,
        Self::Xor,
        Self::Arsh,
    ];
}

/// What a byte-swap instruction does (RFC 9669, section 4.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SwapKind {
    /// Convert between host and little-endian order (`le16` …): a truncation on x86-64.
    ToLe,
    /// Convert between host and big-endian order (`be16` …).
    ToBe,
    /// Always swap (`bswap16` …).
    Bswap,
}

/// How many low bits a byte swap keeps.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SwapBits {
    /// 16 bits.
    B16,
    /// 32 bits.
    B32,
    /// 64 bits.
    B64,
}

impl SwapBits {
    /// 16, 32 or 64.
    pub const fn bits(self) -> u32 {
        match self {
            Self::B16 => 16,
            Self::B32 => 32,
            Self::B64 => 64,
        }
    }
}

/// How many low bits of the source a sign-extending move reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SxBits {
    /// 8 bits.
    B8,
    /// 16 bits.
    B16,
    /// 32 bits; only in 64-bit moves.
    B32,
}

impl SxBits {
    /// 8, 16 or 32.
    pub const fn bits(self) -> u32 {
        match self {
            Self::B8 => 8,
            Self::B16 => 16,
            Self::B32 => 32,
        }
    }
}

/// Condition of a branch (RFC 9669, section 4.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum JmpOp {
    /// `dst == src`.
    Eq,
    /// `dst != src`.
    Ne,
    /// `dst & src != 0`.
    Set,
    /// Unsigned `dst > src`.
    Gt,
    /// Unsigned `dst >= src`.
    Ge,
    /// Unsigned `dst < src`.
    Lt,
    /// Unsigned `dst <= src`.
    Le,
    /// Signed `dst > src`.
    Sgt,
    /// Signed `dst >= src`.
    Sge,
    /// Signed `dst < src`.
    Slt,
    /// Signed `dst <= src`.
    Sle,
}

impl JmpOp {
    /// Every condition.
    pub const ALL: [Self; 11] = [
        Self::Eq,
        Self::Ne,
        Self::Set,
        Self::Gt,
        Self::Ge,
        Self::Lt,
        Self::Le,
        Self::Sgt,
        Self::Sge,
        Self::Slt,
        Self::Sle,
    ];
}

/// What a load puts above the loaded bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Extend {
    /// Zeroes (`MEM`).
    Zero,
    /// Copies of the top loaded bit (`MEMSX`); never with [`Size::DW`].
    Sign,
}

/// Read-modify-write operation (RFC 9669, section 5.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AtomicOp {
    /// `*p += src`.
    Add(Fetch),
    /// `*p |= src`.
    Or(Fetch),
    /// `*p &= src`.
    And(Fetch),
    /// `*p ^= src`.
    Xor(Fetch),
    /// `src = exchange(p, src)`.
    Xchg,
    /// `r0 = compare_exchange(p, r0, src)`.
    Cmpxchg,
}

impl AtomicOp {
    /// Every operation, without and with fetch.
    pub const ALL: [Self; 10] = [
        Self::Add(Fetch::No),
        Self::Or(Fetch::No),
        Self::And(Fetch::No),
        Self::Xor(Fetch::No),
        Self::Add(Fetch::Yes),
        Self::Or(Fetch::Yes),
        Self::And(Fetch::Yes),
        Self::Xor(Fetch::Yes),
        Self::Xchg,
        Self::Cmpxchg,
    ];
}

/// Whether an atomic operation returns the old value in its source register.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fetch {
    /// The old value is dropped.
    No,
    /// The old value replaces the source register.
    Yes,
}

/// Where an address means something (clang's `address_space`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AddressSpace {
    /// 0: the program's own, in which it follows pointers.
    Program,
    /// 1: the arena's, as everybody knows it who shares the arena.
    Arena,
}

/// Where a legacy packet load takes its offset from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PacketMode {
    /// `BPF_ABS`: the immediate.
    Abs,
    /// `BPF_IND`: the register plus the immediate.
    Ind(Reg),
}

/// How an unconditional jump is encoded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum JumpForm {
    /// `goto`: a 16-bit offset.
    Short,
    /// `gotol`: a 32-bit offset in the immediate (v4).
    Long,
}

/// How a map reference is written in the instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MapRef {
    /// A file descriptor (pseudo sources 1 and 2), as an unlinked program from the kernel's world carries.
    Fd(i32),
    /// An index into the program's map table (pseudo sources 5 and 6). Linked programs have only these.
    Idx(MapId),
}

/// What a 64-bit immediate load loads (RFC 9669, section 5.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Imm64 {
    /// A plain number.
    Value(u64),
    /// The address of a map.
    Map(MapRef),
    /// The address of a byte in the value of a map with a single entry (global data).
    MapValue {
        /// The map.
        map: MapRef,
        /// Byte offset into the value.
        offset: u32,
    },
    /// The address of a host variable: BTF id of the VAR, and the module (0: the host itself).
    HostVar {
        /// BTF id of the VAR (or of a function, for a `ksym` without a type).
        id: BtfId,
        /// Module that the id belongs to.
        module: u32,
    },
    /// The address of a subprogram, for callbacks: offset in slots from the next slot, like a call's.
    Func(i32),
}

/// What a call calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CallTarget {
    /// A helper by number.
    Helper(HelperId),
    /// A subprogram at `next slot + offset`.
    Subprog(i32),
    /// A kfunc: the host's id after linking, in the host (`module` 0) or in a module.
    Kfunc {
        /// The host's id for it.
        id: KfuncId,
        /// 0 for the host itself.
        module: i16,
    },
}

/// One instruction slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Insn {
    /// Two-operand arithmetic.
    Alu {
        /// The operation.
        op: AluOp,
        /// 32 or 64 bits.
        width: Width,
        /// First operand and destination.
        dst: Reg,
        /// Second operand.
        src: Src,
    },
    /// `dst = src`.
    Mov {
        /// 32 or 64 bits.
        width: Width,
        /// Destination.
        dst: Reg,
        /// Source.
        src: Src,
    },
    /// `dst = src`, a pointer into the arena as it is in another address space (`addr_space_cast`).
    AddressCast {
        /// Destination.
        dst: Reg,
        /// Source.
        src: Reg,
        /// The address space of the result.
        to: AddressSpace,
    },
    /// `dst = (sN)src`.
    MovSx {
        /// 32 or 64 bits.
        width: Width,
        /// How many bits of the source are kept.
        bits: SxBits,
        /// Destination.
        dst: Reg,
        /// Source.
        src: Reg,
    },
    /// `dst = -dst`.
    Neg {
        /// 32 or 64 bits.
        width: Width,
        /// Operand and destination.
        dst: Reg,
    },
    /// Byte order conversion; bits above `bits` become zero.
    ByteSwap {
        /// Which order.
        kind: SwapKind,
        /// How many bits.
        bits: SwapBits,
        /// Operand and destination.
        dst: Reg,
    },
    /// First slot of a 64-bit immediate load; the next slot is [`Insn::LoadImm64Tail`].
    LoadImm64 {
        /// Destination.
        dst: Reg,
        /// What to load.
        imm: Imm64,
    },
    /// Second slot of a 64-bit immediate load; never a jump target.
    LoadImm64Tail,
    /// `dst = *(size *)(base + offset)`.
    Load {
        /// How many bytes.
        size: Size,
        /// What fills the upper bits.
        extend: Extend,
        /// Destination.
        dst: Reg,
        /// Base address.
        base: Reg,
        /// Offset in bytes.
        offset: i16,
    },
    /// `*(size *)(base + offset) = src`.
    Store {
        /// How many bytes.
        size: Size,
        /// Base address.
        base: Reg,
        /// Offset in bytes.
        offset: i16,
        /// Value; an immediate is sign-extended to the size.
        src: Src,
    },
    /// Atomic read-modify-write.
    Atomic {
        /// The operation.
        op: AtomicOp,
        /// 32 or 64 bits.
        width: Width,
        /// Base address.
        base: Reg,
        /// Offset in bytes.
        offset: i16,
        /// Operand, and destination of a fetch.
        src: Reg,
    },
    /// `dst = load_acquire(base + offset)`, zero-extended.
    LoadAcquire {
        /// How many bytes.
        size: Size,
        /// Destination.
        dst: Reg,
        /// Base address.
        base: Reg,
        /// Offset in bytes.
        offset: i16,
    },
    /// `store_release(base + offset, src)`.
    StoreRelease {
        /// How many bytes.
        size: Size,
        /// Base address.
        base: Reg,
        /// Offset in bytes.
        offset: i16,
        /// Value.
        src: Reg,
    },
    /// Legacy packet access (`BPF_LD_ABS`, `BPF_LD_IND`): big-endian load from the packet in `R6` into `R0`.
    LoadPacket {
        /// [`Size::B`], [`Size::H`] or [`Size::W`].
        size: Size,
        /// Offset's source.
        mode: PacketMode,
        /// Offset.
        imm: i32,
    },
    /// Unconditional jump to `next slot + offset`.
    Jump {
        /// Encoding.
        form: JumpForm,
        /// Offset in slots.
        offset: i32,
    },
    /// Jump to `next slot + offset` when the condition holds.
    Branch {
        /// Condition.
        op: JmpOp,
        /// Compare 32 or 64 bits.
        width: Width,
        /// Left operand.
        dst: Reg,
        /// Right operand.
        src: Src,
        /// Offset in slots.
        offset: i16,
    },
    /// Jump to `next slot + offset` once the program's loop budget is used up.
    MayGoto {
        /// Offset in slots.
        offset: i16,
    },
    /// Direct call.
    Call {
        /// What is called.
        target: CallTarget,
    },
    /// Indirect call through a register (`callx`); no verified program contains one.
    CallReg {
        /// Register that holds the address.
        reg: Reg,
    },
    /// Return `R0` to the caller.
    Exit,
}
