//! Loads, stores and atomic operations.

use super::super::cursor::Cursor;
use super::super::error::AsmError;
use super::{DISPLACEMENT, IMM_BITS, IMM_SIGNED, Parsed, imm, short};
use crate::insn::{AtomicOp, Extend, Fetch, Insn, PacketMode, Reg, Size, Src, Width};

/// `(rN + offset)`, `(rN -8)` or `(rN)`, up to and with the closing parenthesis.
pub(super) fn address(cursor: &mut Cursor<'_>) -> Parsed<(Reg, i16)> {
    cursor.expect("(", "`(`")?;
    let base = cursor.reg(Width::W64)?;
    let offset = if cursor.at_number() { short(cursor, DISPLACEMENT)? } else { 0 };
    cursor.expect(")", "`)` or an offset")?;
    Ok((base, offset))
}

/// `(u32 *)`
fn access_type(cursor: &mut Cursor<'_>) -> Parsed<(Size, Extend)> {
    const EXPECTED: &str = "a type: u8, u16, u32, u64, s8, s16 or s32";
    cursor.expect("(", "`(` and a type such as `u32 *`")?;
    let error = cursor.expected(EXPECTED);
    let (extend, bits) = match cursor.word() {
        Some(word) if word.starts_with('u') => (Extend::Zero, &word[1..]),
        Some(word) if word.starts_with('s') => (Extend::Sign, &word[1..]),
        Some(_) | None => return Err(error),
    };
    let size = bits.parse().ok().and_then(Size::from_bits);
    match (size, extend) {
        (None, _) | (Some(Size::DW), Extend::Sign) => return Err(error),
        (Some(_), _) => {}
    }
    cursor.expect("*", "`*`")?;
    cursor.expect(")", "`)`")?;
    size.map(|size| (size, extend)).ok_or(error)
}

pub(super) fn unsigned_type(cursor: &mut Cursor<'_>) -> Parsed<Size> {
    let error = cursor.expected("an unsigned type such as `(u32 *)`");
    match access_type(cursor)? {
        (size, Extend::Zero) => Ok(size),
        (_, Extend::Sign) => Err(error),
    }
}

/// `u32` or `u64`: what a read-modify-write can change.
fn atomic_type(cursor: &mut Cursor<'_>) -> Parsed<Width> {
    let error = cursor.expected("`(u32 *)` or `(u64 *)`");
    match unsigned_type(cursor)? {
        Size::W => Ok(Width::W32),
        Size::DW => Ok(Width::W64),
        Size::B | Size::H => Err(error),
    }
}

/// The value of a store: `wN` is the same as `rN` when at most 32 bits are stored.
fn stored_reg(cursor: &mut Cursor<'_>, size: Size) -> Parsed<Reg> {
    match (cursor.peek_reg(), size) {
        (Some((_, Width::W32)), Size::B | Size::H | Size::W) => cursor.reg(Width::W32),
        _ => cursor.reg(Width::W64),
    }
}

pub(super) fn store(cursor: &mut Cursor<'_>) -> Parsed {
    let size = unsigned_type(cursor)?;
    let (base, offset) = address(cursor)?;
    cursor.expect("=", "`=`")?;
    let src = match (cursor.at_number(), size) {
        (false, _) => Src::Reg(stored_reg(cursor, size)?),
        (true, Size::DW) => Src::Imm(imm(cursor, IMM_SIGNED)?),
        (true, Size::B | Size::H | Size::W) => Src::Imm(imm(cursor, IMM_BITS)?),
    };
    Ok(Insn::Store { size, base, offset, src })
}

const fn width_size(width: Width) -> Size {
    match width {
        Width::W32 => Size::W,
        Width::W64 => Size::DW,
    }
}

pub(super) fn lock(cursor: &mut Cursor<'_>) -> Parsed {
    cursor.expect("*", "`*`")?;
    let width = atomic_type(cursor)?;
    let (base, offset) = address(cursor)?;
    let no = Fetch::No;
    let ops = [
        ("+=", AtomicOp::Add(no)),
        ("|=", AtomicOp::Or(no)),
        ("&=", AtomicOp::And(no)),
        ("^=", AtomicOp::Xor(no)),
    ];
    let found = ops.into_iter().find(|(symbol, _)| cursor.eat(symbol));
    let (_, op) = found.ok_or_else(|| cursor.expected("`+=`, `|=`, `&=` or `^=`"))?;
    let src = stored_reg(cursor, width_size(width))?;
    Ok(Insn::Atomic { op, width, base, offset, src })
}

pub(super) fn store_release(cursor: &mut Cursor<'_>) -> Parsed {
    cursor.expect("(", "`(`")?;
    let size = unsigned_type(cursor)?;
    let (base, offset) = address(cursor)?;
    cursor.expect(",", "`,`")?;
    let src = stored_reg(cursor, size)?;
    cursor.expect(")", "`)`")?;
    Ok(Insn::StoreRelease { size, base, offset, src })
}

/// `r1 = *(u8 *)(r2 + 0)`, `r0 = *(u8 *)skb[…]`; `w1` for a load that leaves the upper half zero.
pub(super) fn load(cursor: &mut Cursor<'_>, dst: Reg, width: Width) -> Parsed {
    let error = cursor.expected("a load of at most 32 bits without sign extension, for a 32-bit register");
    let (size, extend) = access_type(cursor)?;
    match (width, size, extend) {
        (Width::W32, Size::DW, _) | (Width::W32, _, Extend::Sign) => return Err(error),
        (Width::W32 | Width::W64, _, _) => {}
    }
    if extend == Extend::Zero && dst == Reg::R0 && size != Size::DW && cursor.eat_word("skb") {
        cursor.expect("[", "`[`")?;
        let mode = match cursor.peek_reg() {
            Some((reg, Width::W64)) => {
                cursor.word();
                cursor.expect("+", "`+`")?;
                PacketMode::Ind(reg)
            }
            _ => PacketMode::Abs,
        };
        let imm = imm(cursor, IMM_BITS)?;
        cursor.expect("]", "`]`")?;
        return Ok(Insn::LoadPacket { size, mode, imm });
    }
    let (base, offset) = address(cursor)?;
    Ok(Insn::Load { size, extend, dst, base, offset })
}

/// `atomic_fetch_add((u64 *)(r1 + 0), r2)` and its kin, after the word.
pub(super) fn fetch(
    cursor: &mut Cursor<'_>,
    word: &str,
    dst: Reg,
    dst_width: Width,
    unknown: &AsmError,
) -> Parsed {
    let op = match word.trim_start_matches("atomic").trim_start_matches("64") {
        "_fetch_add" => AtomicOp::Add(Fetch::Yes),
        "_fetch_or" => AtomicOp::Or(Fetch::Yes),
        "_fetch_and" => AtomicOp::And(Fetch::Yes),
        "_fetch_xor" => AtomicOp::Xor(Fetch::Yes),
        "_xchg" => AtomicOp::Xchg,
        "_cmpxchg" => AtomicOp::Cmpxchg,
        _ => return Err(unknown.clone()),
    };
    cursor.expect("(", "`(`")?;
    let type_error = cursor.expected("`(u32 *)`, as the result is a 32-bit register");
    let width = atomic_type(cursor)?;
    if (dst_width, width) == (Width::W32, Width::W64) {
        return Err(type_error);
    }
    let (base, offset) = address(cursor)?;
    cursor.expect(",", "`,`")?;
    let first_error = cursor.expected("the register that takes the old value (r0 for cmpxchg)");
    let first = stored_reg(cursor, width_size(width))?;
    if first != dst || (op == AtomicOp::Cmpxchg && first != Reg::R0) {
        return Err(first_error);
    }
    let src = if op == AtomicOp::Cmpxchg {
        cursor.expect(",", "`,`")?;
        stored_reg(cursor, width_size(width))?
    } else {
        first
    };
    cursor.expect(")", "`)`")?;
    Ok(Insn::Atomic { op, width, base, offset, src })
}
