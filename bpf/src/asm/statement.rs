//! The grammar of one instruction.

mod assign;
mod memory;

use super::Names;
use super::cursor::{Cursor, NumberField, Place};
use super::error::AsmError;
use crate::display::jmp_symbol;
use crate::ids::{HelperId, KfuncId};
use crate::insn::{CallTarget, Insn, JmpOp, JumpForm, Src, Width};
use assign::assignment;
use memory::{lock, store, store_release};

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
    if cursor.eat("(second slot)") {
        return Ok(Insn::LoadImm64Tail.into());
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
