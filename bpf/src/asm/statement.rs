//! The grammar of one instruction.

use super::Names;
use super::cursor::{Cursor, NumberField, Place};
use super::error::{AsmError, AsmErrorKind};
use crate::display::{alu_symbol, jmp_symbol};
use crate::ids::{BtfId, HelperId, KfuncId, MapId};
use crate::insn::{
    AluOp, AtomicOp, CallTarget, Extend, Fetch, Imm64, Insn, JmpOp, JumpForm, MapRef, PacketMode, Reg, Size,
    Src, SwapBits, SwapKind, SxBits, Width,
};

type Parsed<T = Insn> = Result<T, AsmError>;

/// An instruction, and the label that its target is still to be taken from.
pub(super) struct Statement<'a> {
    pub(super) insn: Insn,
    pub(super) label: Option<(&'a str, Place)>,
}

impl From<Insn> for Statement<'_> {
    fn from(insn: Insn) -> Self {
        Self { insn, label: None }
    }
}

const SHORT: NumberField = NumberField {
    name: "a 16-bit jump offset",
    min: i16::MIN as i128,
    max: i16::MAX as i128,
    hint: ": use `gotol`",
};
const LONG: NumberField =
    NumberField { name: "a jump offset", min: i32::MIN as i128, max: i32::MAX as i128, hint: "" };
const DISPLACEMENT: NumberField =
    NumberField { name: "a memory offset", min: i16::MIN as i128, max: i16::MAX as i128, hint: "" };
const INDEX: NumberField = NumberField { name: "an id", min: 0, max: u32::MAX as i128, hint: "" };
const FD: NumberField =
    NumberField { name: "a descriptor", min: i32::MIN as i128, max: i32::MAX as i128, hint: "" };
const MODULE: NumberField =
    NumberField { name: "a module", min: i16::MIN as i128, max: i16::MAX as i128, hint: "" };
const IMM_SIGNED: NumberField = NumberField {
    name: "a 32-bit immediate, sign-extended,",
    min: i32::MIN as i128,
    max: i32::MAX as i128,
    hint: ": `r1 = … ll` loads 64 bits",
};
const IMM_BITS: NumberField =
    NumberField { name: "a 32-bit immediate", min: i32::MIN as i128, max: u32::MAX as i128, hint: "" };
const IMM64: NumberField =
    NumberField { name: "a 64-bit immediate", min: i64::MIN as i128, max: u64::MAX as i128, hint: "" };

pub(super) fn statement<'a>(cursor: &mut Cursor<'a>, names: &dyn Names) -> Parsed<Statement<'a>> {
    if let Some((dst, width)) = cursor.peek_reg() {
        cursor.word();
        return assignment(cursor, dst, width, names);
    }
    if cursor.eat("*") {
        return store(cursor).map(Statement::from);
    }
    let unknown = cursor.expected("an instruction");
    match cursor.word() {
        Some("lock") => lock(cursor).map(Statement::from),
        Some("store_release") => store_release(cursor).map(Statement::from),
        Some("goto") => {
            let (offset, label) = target(cursor, SHORT)?;
            Ok(Statement { insn: Insn::Jump { form: JumpForm::Short, offset }, label })
        }
        Some("gotol") => {
            let (offset, label) = target(cursor, LONG)?;
            Ok(Statement { insn: Insn::Jump { form: JumpForm::Long, offset }, label })
        }
        Some("may_goto") => {
            let (offset, label) = short_target(cursor)?;
            Ok(Statement { insn: Insn::MayGoto { offset }, label })
        }
        Some("if") => branch(cursor),
        Some("call") => call(cursor),
        Some("callx") => Ok(Insn::CallReg { reg: cursor.reg(Width::W64)? }.into()),
        Some("exit") => Ok(Insn::Exit.into()),
        Some(_) | None => Err(unknown),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the field's range was checked")]
fn imm(cursor: &mut Cursor<'_>, field: NumberField) -> Parsed<i32> {
    cursor.number(field).map(|value| value as i32)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the field's range was checked")]
fn index(cursor: &mut Cursor<'_>) -> Parsed<u32> {
    cursor.number(INDEX).map(|value| value as u32)
}

#[expect(clippy::cast_possible_truncation, reason = "the field's range was checked")]
fn short(cursor: &mut Cursor<'_>, field: NumberField) -> Parsed<i16> {
    cursor.number(field).map(|value| value as i16)
}

const fn imm_field(width: Width) -> NumberField {
    match width {
        Width::W32 => IMM_BITS,
        Width::W64 => IMM_SIGNED,
    }
}

/// A register of this width, or an immediate.
fn operand(cursor: &mut Cursor<'_>, width: Width) -> Parsed<Src> {
    if cursor.at_number() {
        imm(cursor, imm_field(width)).map(Src::Imm)
    } else {
        cursor.reg(width).map(Src::Reg)
    }
}

/// Offset, or label.
type Target<'a, T> = (T, Option<(&'a str, Place)>);

fn target<'a>(cursor: &mut Cursor<'a>, field: NumberField) -> Parsed<Target<'a, i32>> {
    let mut ahead = cursor.clone();
    if ahead.eat_word("pc") && ahead.at_sign() {
        *cursor = ahead;
    }
    // A bare number is refused: other assemblers take `call 1` for a helper.
    if cursor.at_sign() {
        return Ok((imm(cursor, field)?, None));
    }
    let place = cursor.place();
    let label =
        cursor.word().ok_or_else(|| cursor.expected("a label or an offset with its sign, such as `+3`"))?;
    Ok((0, Some((label, place))))
}

#[expect(clippy::cast_possible_truncation, reason = "the field's range was checked")]
fn short_target<'a>(cursor: &mut Cursor<'a>) -> Parsed<Target<'a, i16>> {
    target(cursor, SHORT).map(|(offset, label)| (offset as i16, label))
}

fn branch<'a>(cursor: &mut Cursor<'a>) -> Parsed<Statement<'a>> {
    let (dst, width) = cursor.any_reg()?;
    let mut symbols = JmpOp::ALL.map(|op| (jmp_symbol(op), op));
    symbols.sort_by_key(|(symbol, _)| std::cmp::Reverse(symbol.len()));
    let found = symbols.into_iter().find(|(symbol, _)| cursor.eat(symbol));
    let (_, op) = found.ok_or_else(|| cursor.expected("a comparison: == != & > >= < <= s> s>= s< s<="))?;
    let src = operand(cursor, width)?;
    if !cursor.eat_word("goto") {
        return Err(cursor.expected("`goto`"));
    }
    let (offset, label) = short_target(cursor)?;
    Ok(Statement { insn: Insn::Branch { op, width, dst, src, offset }, label })
}

fn call<'a>(cursor: &mut Cursor<'a>) -> Parsed<Statement<'a>> {
    let mut ahead = cursor.clone();
    if ahead.eat_word("helper") && ahead.eat("#") {
        *cursor = ahead;
        let target = CallTarget::Helper(HelperId(index(cursor)?));
        return Ok(Insn::Call { target }.into());
    }
    let mut ahead = cursor.clone();
    if ahead.eat_word("kfunc") && ahead.eat("#") {
        *cursor = ahead;
        let id = KfuncId(index(cursor)?);
        let module = if cursor.eat_word("module") { short(cursor, MODULE)? } else { 0 };
        return Ok(Insn::Call { target: CallTarget::Kfunc { id, module } }.into());
    }
    let (offset, label) = target(cursor, LONG)?;
    Ok(Statement { insn: Insn::Call { target: CallTarget::Subprog(offset) }, label })
}

/// `(rN + offset)`, `(rN -8)` or `(rN)`, up to and with the closing parenthesis.
fn address(cursor: &mut Cursor<'_>) -> Parsed<(Reg, i16)> {
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

fn unsigned_type(cursor: &mut Cursor<'_>) -> Parsed<Size> {
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

fn store(cursor: &mut Cursor<'_>) -> Parsed {
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

fn lock(cursor: &mut Cursor<'_>) -> Parsed {
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

fn store_release(cursor: &mut Cursor<'_>) -> Parsed {
    cursor.expect("(", "`(`")?;
    let size = unsigned_type(cursor)?;
    let (base, offset) = address(cursor)?;
    cursor.expect(",", "`,`")?;
    let src = stored_reg(cursor, size)?;
    cursor.expect(")", "`)`")?;
    Ok(Insn::StoreRelease { size, base, offset, src })
}

/// What follows a register at the beginning of a line.
fn assignment<'a>(
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

/// `r1 = *(u8 *)(r2 + 0)`, `r0 = *(u8 *)skb[…]`; `w1` for a load that leaves the upper half zero.
fn load(cursor: &mut Cursor<'_>, dst: Reg, width: Width) -> Parsed {
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

/// `atomic_fetch_add((u64 *)(r1 + 0), r2)` and its kin, after the word.
fn fetch(cursor: &mut Cursor<'_>, word: &str, dst: Reg, dst_width: Width, unknown: &AsmError) -> Parsed {
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
