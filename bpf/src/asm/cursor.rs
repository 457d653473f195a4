//! [`Cursor`]: reads words, symbols and numbers from one line.

use super::error::{AsmError, AsmErrorKind};
use crate::insn::{Reg, Width};

/// A place in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    line: u32,
    column: u32,
}

impl Place {
    pub(super) fn error(self, kind: AsmErrorKind) -> AsmError {
        AsmError { line: self.line, column: self.column, kind }
    }
}

/// A number field: its name and its range.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberField {
    pub(super) name: &'static str,
    pub(super) min: i128,
    pub(super) max: i128,
    pub(super) hint: &'static str,
}

#[derive(Clone)]
pub(super) struct Cursor<'a> {
    line: u32,
    text: &'a str,
    rest: &'a str,
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$')
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: u32, text: &'a str) -> Self {
        let comment = [text.find(';'), text.find("//")].into_iter().flatten().min();
        let text = text[..comment.unwrap_or(text.len())].trim_end();
        Self { line, text, rest: text.trim_start() }
    }

    /// Where the next token begins.
    pub(super) fn place(&self) -> Place {
        let before = &self.text[..self.text.len() - self.rest.len()];
        Place { line: self.line, column: u32::try_from(before.chars().count()).map_or(u32::MAX, |n| n + 1) }
    }

    pub(super) fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn expect_end(&self) -> Result<(), AsmError> {
        if self.at_end() { Ok(()) } else { Err(self.expected("the end of the line")) }
    }

    /// The error that something else stands here.
    pub(super) fn expected(&self, expected: &'static str) -> AsmError {
        let word = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let token = match word {
            0 => self.rest.chars().next().map(String::from),
            end => Some(self.rest[..end].to_owned()),
        };
        let found = token.map_or_else(|| "the end of the line".to_owned(), |token| format!("`{token}`"));
        self.place().error(AsmErrorKind::Expected { expected, found })
    }

    fn advance(&mut self, bytes: usize) -> &'a str {
        let (token, rest) = self.rest.split_at(bytes);
        self.rest = rest.trim_start();
        token
    }

    /// Takes a symbol if it stands here.
    pub(super) fn eat(&mut self, symbol: &str) -> bool {
        let found = self.rest.starts_with(symbol);
        if found {
            self.advance(symbol.len());
        }
        found
    }

    pub(super) fn expect(&mut self, symbol: &'static str, expected: &'static str) -> Result<(), AsmError> {
        if self.eat(symbol) { Ok(()) } else { Err(self.expected(expected)) }
    }

    /// The word that stands here, without taking it.
    pub(super) fn peek_word(&self) -> Option<&'a str> {
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        word.starts_with(|c: char| !c.is_ascii_digit()).then_some(word)
    }

    pub(super) fn word(&mut self) -> Option<&'a str> {
        let word = self.peek_word()?;
        Some(self.advance(word.len()))
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.peek_word() == Some(word);
        if found {
            self.advance(word.len());
        }
        found
    }

    /// A label definition `name:`; skips the slot numbers of a listing.
    pub(super) fn label(&mut self) -> Option<(&'a str, Place)> {
        let end = self.rest.find(|c| !is_word(c))?;
        let (word, after) = self.rest.split_at(end);
        let after = after.trim_start().strip_prefix(':')?;
        if word.is_empty() {
            return None;
        }
        let place = self.place();
        self.rest = after.trim_start();
        if word.bytes().all(|b| b.is_ascii_digit()) { self.label() } else { Some((word, place)) }
    }

    /// A register with the width that its letter names, if one stands here.
    pub(super) fn peek_reg(&self) -> Option<(Reg, Width)> {
        let word = self.peek_word()?;
        let width = match word.bytes().next()? {
            b'r' => Width::W64,
            b'w' => Width::W32,
            _ => return None,
        };
        let digits = &word[1..];
        let canonical =
            digits == "0" || (digits.starts_with(|c: char| ('1'..='9').contains(&c)) && digits.len() <= 2);
        let index = canonical.then(|| digits.parse().ok()).flatten()?;
        Some((Reg::from_index(index)?, width))
    }

    pub(super) fn any_reg(&mut self) -> Result<(Reg, Width), AsmError> {
        let found = self.peek_reg().ok_or_else(|| self.expected("a register, r0 to r10 or w0 to w10"))?;
        self.word();
        Ok(found)
    }

    /// A register of the given width.
    pub(super) fn reg(&mut self, width: Width) -> Result<Reg, AsmError> {
        let expected = match width {
            Width::W32 => "a 32-bit register, w0 to w10",
            Width::W64 => "a 64-bit register, r0 to r10",
        };
        match self.peek_reg() {
            Some((reg, found)) if found == width => {
                self.word();
                Ok(reg)
            }
            _ => Err(self.expected(expected)),
        }
    }

    /// Whether a sign or a digit stands here.
    pub(super) fn at_number(&self) -> bool {
        self.rest.starts_with(|c: char| c.is_ascii_digit() || c == '+' || c == '-')
    }

    /// Whether a sign stands here.
    pub(super) fn at_sign(&self) -> bool {
        self.rest.starts_with(['+', '-'])
    }

    /// A number with an optional sign, decimal or hexadecimal.
    pub(super) fn number(&mut self, field: NumberField) -> Result<i128, AsmError> {
        let start = self.clone();
        let negative = self.eat("-");
        if !negative {
            self.eat("+");
        }
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let digits = &self.rest[..end];
        let magnitude = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            Some(hex) => i128::from_str_radix(hex, 16),
            None => digits.parse(),
        };
        // A sign inside the digits would have passed `from_str_radix`, but `+` and `-` are not word characters.
        let Ok(magnitude) = magnitude else { return Err(self.expected("a number")) };
        let value = if negative { -magnitude } else { magnitude };
        if value < field.min || value > field.max {
            let NumberField { name, min, max, hint } = field;
            return Err(start.place().error(AsmErrorKind::OutOfRange { field: name, value, min, max, hint }));
        }
        self.advance(end);
        Ok(value)
    }
}
