//! What follows a register at the beginning of a line.

use super::super::Names;
use super::super::cursor::Cursor;
use super::super::error::{AsmError, AsmErrorKind};
use super::memory::{address, fetch, load, unsigned_type};
use super::{FD, IMM64, LONG, Parsed, Statement, imm, imm_field, index, operand, target};
use crate::display::alu_symbol;
use crate::ids::{BtfId, MapId};
use crate::insn::{
    AddressSpace, AluOp, Imm64, Insn, MapRef, Reg, Size, Src, SwapBits, SwapKind, SxBits, Width,
};

/// What follows a register at the beginning of a line.
pub(super) fn assignment<'a>(
    cursor: &mut Cursor<'a>,
    dst: Reg,
    width: Width,
    names: &dyn Names,
) -> Parsed<Statement<'a>> {
    let mut symbols = AluOp::ALL.map(|op| (alu_symbol(op), op));
    symbols.sort_by_key(|(symbol, _)| std::cmp::Reverse(symbol.len()));
    if let Some((_, op)) = symbols.into_iter().find(|(symbol, _)| cursor.eat(symbol)) {
        return Ok(Insn::Alu { op, width, dst, src: operand(cursor, width)? }.into());
    }
    cursor.expect("=", "an assignment: = += -= *= /= %= s/= s%= |= &= ^= <<= >>= s>>=")?;
    if cursor.peek_reg().is_some() {
        return Ok(Insn::Mov { width, dst, src: Src::Reg(cursor.reg(width)?) }.into());
    }
    if cursor.eat("*") {
        return load(cursor, dst, width).map(Statement::from);
    }
    if cursor.eat("(") {
        return mov_sx(cursor, dst, width).map(Statement::from);
    }
    if cursor.at_number() {
        return number(cursor, dst, width).map(Statement::from);
    }
    let error = cursor.expected("a register, a number, a load or an operation");
    match cursor.word() {
        Some(word) if word.starts_with("atomic") => {
            fetch(cursor, word, dst, width, &error).map(Statement::from)
        }
        Some("addr_space_cast") if width == Width::W64 => address_cast(cursor, dst).map(Statement::from),
        Some("load_acquire") => {
            cursor.expect("(", "`(`")?;
            let error = cursor.expected("at most `(u32 *)`, as the result is a 32-bit register");
            let size = unsigned_type(cursor)?;
            if (width, size) == (Width::W32, Size::DW) {
                return Err(error);
            }
            let (base, offset) = address(cursor)?;
            cursor.expect(")", "`)`")?;
            Ok(Insn::LoadAcquire { size, dst, base, offset }.into())
        }
        Some(word) => match (byte_swap(word), width) {
            (Some((kind, bits)), Width::W64) => {
                same_reg(cursor, dst).map(|dst| Insn::ByteSwap { kind, bits, dst }.into())
            }
            (None, Width::W64) => address_of(cursor, word, dst, names, &error),
            (_, Width::W32) => Err(error),
        },
        None => Err(error),
    }
}

/// `(r1, 0, 1)`: the register, the address space of the result, that of the register.
fn address_cast(cursor: &mut Cursor<'_>, dst: Reg) -> Parsed {
    cursor.expect("(", "`(`")?;
    let src = cursor.reg(Width::W64)?;
    cursor.expect(",", "`,`")?;
    let error = cursor.expected("`0, 1` or `1, 0`");
    let to = cursor.number(IMM64)?;
    cursor.expect(",", "`,`")?;
    let from = cursor.number(IMM64)?;
    let to = match (to, from) {
        (0, 1) => AddressSpace::Program,
        (1, 0) => AddressSpace::Arena,
        _ => return Err(error),
    };
    cursor.expect(")", "`)`")?;
    Ok(Insn::AddressCast { dst, src, to })
}

/// `= -r1` or an immediate, of 64 bits when `ll` follows.
fn number(cursor: &mut Cursor<'_>, dst: Reg, width: Width) -> Parsed {
    let mut ahead = cursor.clone();
    if ahead.eat("-") && ahead.peek_reg() == Some((dst, width)) {
        ahead.word();
        *cursor = ahead;
        return Ok(Insn::Neg { width, dst });
    }
    let mut ahead = cursor.clone();
    if let (Ok(value), Width::W64) = (ahead.number(IMM64), width)
        && ahead.eat_word("ll")
    {
        *cursor = ahead;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was checked"
        )]
        return Ok(Insn::LoadImm64 { dst, imm: Imm64::Value(value as u64) });
    }
    Ok(Insn::Mov { width, dst, src: Src::Imm(imm(cursor, imm_field(width))?) })
}

/// `s8)r2`, after the opening parenthesis.
fn mov_sx(cursor: &mut Cursor<'_>, dst: Reg, width: Width) -> Parsed {
    let error = cursor.expected("s8, s16, or in a 64-bit move s32");
    let bits = match (cursor.word(), width) {
        (Some("s8"), _) => SxBits::B8,
        (Some("s16"), _) => SxBits::B16,
        (Some("s32"), Width::W64) => SxBits::B32,
        _ => return Err(error),
    };
    cursor.expect(")", "`)`")?;
    Ok(Insn::MovSx { width, bits, dst, src: cursor.reg(width)? })
}

fn byte_swap(word: &str) -> Option<(SwapKind, SwapBits)> {
    let digits = word.find(|c: char| c.is_ascii_digit())?;
    let kind = match &word[..digits] {
        "le" => SwapKind::ToLe,
        "be" => SwapKind::ToBe,
        "bswap" => SwapKind::Bswap,
        _ => return None,
    };
    let bits = match &word[digits..] {
        "16" => SwapBits::B16,
        "32" => SwapBits::B32,
        "64" => SwapBits::B64,
        _ => return None,
    };
    Some((kind, bits))
}

/// The operand of an instruction that works in place.
fn same_reg(cursor: &mut Cursor<'_>, dst: Reg) -> Parsed<Reg> {
    let error = cursor.expected("the destination register again");
    if cursor.reg(Width::W64)? == dst { Ok(dst) } else { Err(error) }
}

/// `map[3]`, `map_value[3] + 8`, `host_var[7]`, `func label`, after the word.
fn address_of<'a>(
    cursor: &mut Cursor<'a>,
    word: &str,
    dst: Reg,
    names: &dyn Names,
    unknown: &AsmError,
) -> Parsed<Statement<'a>> {
    let imm = match word {
        "func" => {
            let (offset, label) = target(cursor, LONG)?;
            return Ok(Statement { insn: Insn::LoadImm64 { dst, imm: Imm64::Func(offset) }, label });
        }
        "map" => Imm64::Map(MapRef::Idx(map(cursor, names)?)),
        "map_fd" => Imm64::Map(MapRef::Fd(bracketed(cursor, |cursor| imm(cursor, FD))?)),
        "map_value" => {
            let map = MapRef::Idx(map(cursor, names)?);
            Imm64::MapValue { map, offset: value_offset(cursor)? }
        }
        "map_value_fd" => {
            let map = MapRef::Fd(bracketed(cursor, |cursor| imm(cursor, FD))?);
            Imm64::MapValue { map, offset: value_offset(cursor)? }
        }
        "host_var" => {
            let (id, mut module) = bracketed(cursor, |cursor| {
                let found = |name: &str| names.host_var(name);
                number_or_name(cursor, "host variable", found, |number| (BtfId(number), 0))
            })?;
            if cursor.eat_word("module") {
                module = index(cursor)?;
            }
            Imm64::HostVar { id, module }
        }
        _ => return Err(unknown.clone()),
    };
    Ok(Insn::LoadImm64 { dst, imm }.into())
}

fn map(cursor: &mut Cursor<'_>, names: &dyn Names) -> Parsed<MapId> {
    bracketed(cursor, |cursor| number_or_name(cursor, "map", |name| names.map(name), MapId))
}

fn bracketed<'a, T>(cursor: &mut Cursor<'a>, inside: impl FnOnce(&mut Cursor<'a>) -> Parsed<T>) -> Parsed<T> {
    cursor.expect("[", "`[`")?;
    let value = inside(cursor)?;
    cursor.expect("]", "`]`")?;
    Ok(value)
}

fn number_or_name<T>(
    cursor: &mut Cursor<'_>,
    what: &'static str,
    by_name: impl FnOnce(&str) -> Option<T>,
    by_number: impl FnOnce(u32) -> T,
) -> Parsed<T> {
    if cursor.at_number() {
        return index(cursor).map(by_number);
    }
    let place = cursor.place();
    let name = cursor.word().ok_or_else(|| cursor.expected("a number or a name"))?;
    by_name(name).ok_or_else(|| place.error(AsmErrorKind::UnknownName { what, name: name.to_owned() }))
}

fn value_offset(cursor: &mut Cursor<'_>) -> Parsed<u32> {
    if cursor.at_number() { index(cursor) } else { Ok(0) }
}
