//! What each operation computes (RFC 9669, sections 4.1 to 4.3), as functions on plain numbers.
//!
//! An operand is a register's 64 bits; a 32-bit operation reads the low half and leaves zeroes in the upper one.

use crate::insn::{AluOp, AtomicOp, JmpOp, Src, SwapBits, SwapKind, SxBits, Width};

/// The value of an immediate as an operand: sign-extended to 64 bits.
pub fn immediate(imm: i32) -> u64 {
    i64::from(imm).cast_unsigned()
}

/// `dst op src`.
pub fn alu(op: AluOp, width: Width, dst: u64, src: u64) -> u64 {
    match width {
        Width::W64 => alu64(op, dst, src),
        Width::W32 => u64::from(alu32(op, low(dst), low(src))),
    }
}

fn alu64(op: AluOp, dst: u64, src: u64) -> u64 {
    let (signed_dst, signed_src) = (dst.cast_signed(), src.cast_signed());
    // `wrapping_shl` and its kin mask the count by the width, as the standard does.
    let count = low(src);
    match op {
        AluOp::Add => dst.wrapping_add(src),
        AluOp::Sub => dst.wrapping_sub(src),
        AluOp::Mul => dst.wrapping_mul(src),
        AluOp::Div => dst.checked_div(src).unwrap_or(0),
        AluOp::Sdiv if src == 0 => 0,
        AluOp::Sdiv => signed_dst.wrapping_div(signed_src).cast_unsigned(),
        AluOp::Or => dst | src,
        AluOp::And => dst & src,
        AluOp::Lsh => dst.wrapping_shl(count),
        AluOp::Rsh => dst.wrapping_shr(count),
        AluOp::Mod => dst.checked_rem(src).unwrap_or(dst),
        AluOp::Smod if src == 0 => dst,
        AluOp::Smod => signed_dst.wrapping_rem(signed_src).cast_unsigned(),
        AluOp::Xor => dst ^ src,
        AluOp::Arsh => signed_dst.wrapping_shr(count).cast_unsigned(),
    }
}

fn alu32(op: AluOp, dst: u32, src: u32) -> u32 {
    let (signed_dst, signed_src) = (dst.cast_signed(), src.cast_signed());
    match op {
        AluOp::Add => dst.wrapping_add(src),
        AluOp::Sub => dst.wrapping_sub(src),
        AluOp::Mul => dst.wrapping_mul(src),
        AluOp::Div => dst.checked_div(src).unwrap_or(0),
        AluOp::Sdiv if src == 0 => 0,
        AluOp::Sdiv => signed_dst.wrapping_div(signed_src).cast_unsigned(),
        AluOp::Or => dst | src,
        AluOp::And => dst & src,
        AluOp::Lsh => dst.wrapping_shl(src),
        AluOp::Rsh => dst.wrapping_shr(src),
        AluOp::Mod => dst.checked_rem(src).unwrap_or(dst),
        AluOp::Smod if src == 0 => dst,
        AluOp::Smod => signed_dst.wrapping_rem(signed_src).cast_unsigned(),
        AluOp::Xor => dst ^ src,
        AluOp::Arsh => signed_dst.wrapping_shr(src).cast_unsigned(),
    }
}

/// `dst = src`.
pub fn mov(width: Width, src: u64) -> u64 {
    match width {
        Width::W32 => u64::from(low(src)),
        Width::W64 => src,
    }
}

/// `dst = (sN)src`.
pub fn mov_sx(width: Width, bits: SxBits, src: u64) -> u64 {
    mov(width, sign_extend(src, bits.bits()))
}

/// `dst = -dst`.
pub fn neg(width: Width, dst: u64) -> u64 {
    mov(width, dst.wrapping_neg())
}

/// Byte order conversion on a little-endian machine.
pub fn byte_swap(kind: SwapKind, bits: SwapBits, dst: u64) -> u64 {
    let truncated = match bits {
        SwapBits::B16 => dst & 0xffff,
        SwapBits::B32 => dst & 0xffff_ffff,
        SwapBits::B64 => dst,
    };
    match kind {
        SwapKind::ToLe => truncated,
        SwapKind::ToBe | SwapKind::Bswap => truncated.swap_bytes() >> (64 - bits.bits()),
    }
}

/// Whether `dst op src` holds.
pub fn condition(op: JmpOp, width: Width, dst: u64, src: u64) -> bool {
    // Sign extension keeps both orders of 32-bit numbers, so one set of 64-bit comparisons is enough.
    let extended = |value| match width {
        Width::W32 => sign_extend(value, 32),
        Width::W64 => value,
    };
    let (dst, src) = (extended(dst), extended(src));
    let (signed_dst, signed_src) = (dst.cast_signed(), src.cast_signed());
    match op {
        JmpOp::Eq => dst == src,
        JmpOp::Ne => dst != src,
        JmpOp::Set => dst & src != 0,
        JmpOp::Gt => dst > src,
        JmpOp::Ge => dst >= src,
        JmpOp::Lt => dst < src,
        JmpOp::Le => dst <= src,
        JmpOp::Sgt => signed_dst > signed_src,
        JmpOp::Sge => signed_dst >= signed_src,
        JmpOp::Slt => signed_dst < signed_src,
        JmpOp::Sle => signed_dst <= signed_src,
    }
}

/// What an atomic operation writes over `old`; `expected` is `R0`, for compare-and-exchange.
pub fn atomic(op: AtomicOp, width: Width, old: u64, src: u64, expected: u64) -> u64 {
    let new = match op {
        AtomicOp::Add(_) => old.wrapping_add(src),
        AtomicOp::Or(_) => old | src,
        AtomicOp::And(_) => old & src,
        AtomicOp::Xor(_) => old ^ src,
        AtomicOp::Xchg => src,
        AtomicOp::Cmpxchg if mov(width, old) == mov(width, expected) => src,
        AtomicOp::Cmpxchg => old,
    };
    mov(width, new)
}

/// Copies bit `bits - 1` into all higher ones; `bits` is 1 to 64.
pub fn sign_extend(value: u64, bits: u32) -> u64 {
    let shift = 64 - bits;
    ((value << shift).cast_signed() >> shift).cast_unsigned()
}

/// The value of an operand, given what reads a register.
pub fn operand(src: Src, read: impl FnOnce(crate::insn::Reg) -> u64) -> u64 {
    match src {
        Src::Reg(reg) => read(reg),
        Src::Imm(imm) => immediate(imm),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
fn low(value: u64) -> u32 {
    value as u32
}
