//! Comparison of an object's types with the host's: what they must agree on so that both sides see the same bytes.
//!
//! Names of members, their offsets, sizes and kinds count; signedness, `const` and names of typedefs do not. What a
//! pointer points to is compared by name alone. An object may leave out members that it does not use.

use super::Btf;
use super::c_text::Line;
use super::types::{BtfType, Member};
use crate::ids::BtfId;

/// Types inside each other that are compared; the deepest that validation allows.
const MAX_DEPTH: u32 = 32;
/// Members that are compared before the rest is believed equal; a bound for entangled types.
const BUDGET: u32 = 1 << 16;

/// The first difference between two types, each shown as C.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// Name of the type or function.
    pub name: String,
    /// One sentence: what differs.
    pub difference: String,
    /// The object's declaration as C; a line that differs begins with `>`.
    pub object: String,
    /// The host's declaration as C, marked likewise.
    pub host: String,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "`{}` differs between the object and the host: {}", self.name, self.difference)?;
        writeln!(f, "in the object:\n{}", self.object.trim_end())?;
        write!(f, "in the host:\n{}", self.host.trim_end())
    }
}

impl std::error::Error for Mismatch {}

/// Where two types differ: member (or parameter) of each side, and how.
struct Difference {
    object: Option<u32>,
    host: Option<u32>,
    what: String,
}

/// Whether the object's struct must be as large as the host's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Size {
    Same,
    /// The object may leave out what lies behind its last member.
    AtMost,
}

/// Names of the bytes that a generated header has where the host's struct has what programs do not see: this and a number.
pub const HIDDEN_MEMBER: &str = "__hidden";

/// Whether a member of an object's struct stands for bytes that programs do not see.
fn is_hidden(name: &str) -> bool {
    let number = name.strip_prefix(HIDDEN_MEMBER);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Compares an object's type with the host's: structs and unions by layout, FUNCs and prototypes by parameters.
///
/// # Errors
/// The first difference.
pub fn compare(object: &Btf, object_id: BtfId, host: &Btf, host_id: BtfId) -> Result<(), Box<Mismatch>> {
    difference(object, object_id, host, host_id, Size::Same)
}

/// Like [`compare`], for a struct of which the object only ever holds pointers to the host's own: it may leave out what lies
/// behind its last member, as it may leave out members. A host can then keep fields to itself at the end and change them.
///
/// # Errors
/// The first difference.
pub fn compare_pointee(
    object: &Btf,
    object_id: BtfId,
    host: &Btf,
    host_id: BtfId,
) -> Result<(), Box<Mismatch>> {
    difference(object, object_id, host, host_id, Size::AtMost)
}

fn difference(
    object: &Btf,
    object_id: BtfId,
    host: &Btf,
    host_id: BtfId,
    size: Size,
) -> Result<(), Box<Mismatch>> {
    let mut comparison = Comparison { object, host, size, budget: BUDGET };
    let (from, to) = (object.skip_modifiers(object_id), host.skip_modifiers(host_id));
    let functions = |btf: &Btf, id| matches!(btf.get(id), Some(BtfType::Func(_) | BtfType::FuncProto { .. }));
    let result = if functions(object, from) && functions(host, to) {
        comparison.functions(from, to)
    } else {
        comparison.named(from, to)
    };
    result.map_err(|difference| {
        let name = [object.name_of(from), host.name_of(to)].into_iter().find(|name| !name.is_empty());
        Box::new(Mismatch {
            name: name.unwrap_or("(no name)").to_owned(),
            difference: difference.what,
            object: render(object.definition(from), difference.object),
            host: render(host.definition(to), difference.host),
        })
    })
}

/// A definition with its comments in one column and the marked member's lines with `>` in front.
fn render(lines: Vec<Line>, marked: Option<u32>) -> String {
    // Tabs become spaces: the marks would move them.
    let texts: Vec<String> = lines.iter().map(|line| line.text.replace('\t', "    ")).collect();
    let width = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (line, text) in lines.iter().zip(&texts) {
        let mark = if marked.is_some() && line.member == marked { '>' } else { ' ' };
        match &line.note {
            Some(note) => out.push_str(&format!("{mark} {text:width$}  /* {note} */\n")),
            None => out.push_str(&format!("{mark} {text}\n")),
        }
    }
    out
}

struct Comparison<'a> {
    object: &'a Btf,
    host: &'a Btf,
    /// Of the outermost struct; what is inside another one must have the same size.
    size: Size,
    budget: u32,
}

impl<'a> Comparison<'a> {
    fn functions(&mut self, from: BtfId, to: BtfId) -> Result<(), Difference> {
        let fail = |what| Err(Difference { object: None, host: None, what });
        let (Some((object_ret, object_params)), Some((host_ret, host_params))) =
            (self.object.func_proto(from), self.host.func_proto(to))
        else {
            return fail("one of them is no function".into());
        };
        if object_params.len() != host_params.len() {
            return fail(format!(
                "the object declares {} parameters, the host {}",
                object_params.len(),
                host_params.len()
            ));
        }
        for (at, (object, host)) in object_params.iter().zip(host_params).enumerate() {
            if let Err(what) = self.values(object.ty, host.ty, 1) {
                let name = if host.name.is_empty() { &object.name } else { &host.name };
                return fail(format!("parameter {} `{name}`: {what}", at + 1));
            }
        }
        self.values(object_ret, host_ret, 1).or_else(|what| fail(format!("result: {what}")))
    }

    fn named(&mut self, from: BtfId, to: BtfId) -> Result<(), Difference> {
        match (self.object.members(from), self.host.members(to)) {
            (Some(_), Some(_)) => self.members(from, to, 1),
            _not_both => {
                self.values(from, to, 1).map_err(|what| Difference { object: None, host: None, what })
            }
        }
    }

    /// Two structs or two unions.
    fn members(&mut self, from: BtfId, to: BtfId, depth: u32) -> Result<(), Difference> {
        let (object, host) = (self.object, self.host);
        let host_members = host.members(to).unwrap_or_default();
        for (at, member) in object.members(from).unwrap_or_default().iter().enumerate() {
            let at = u32::try_from(at).ok();
            if is_hidden(&member.name) {
                continue;
            }
            let (index, other) = self.counterpart(member, at, host_members).ok_or_else(|| Difference {
                object: at,
                host: None,
                what: format!("the host has no member `{}`", member.name),
            })?;
            self.member(member, other, depth).map_err(|what| Difference {
                object: at,
                host: Some(index),
                what: format!("member `{}`: {what}", member.name),
            })?;
        }
        let sizes = (object.size_of(from), host.size_of(to));
        let shorter = self.size == Size::AtMost && depth == 1 && sizes.0 < sizes.1;
        if sizes.0 != sizes.1 && !shorter {
            let bytes = |size: Option<u32>| size.map_or("unknown".into(), |size| size.to_string());
            let what =
                format!("size is {} bytes in the object and {} in the host", bytes(sizes.0), bytes(sizes.1));
            return Err(Difference { object: None, host: None, what });
        }
        Ok(())
    }

    /// The host's member of the same name; of the same place for members without one.
    fn counterpart(
        &mut self,
        member: &Member,
        at: Option<u32>,
        host: &'a [Member],
    ) -> Option<(u32, &'a Member)> {
        let index = at.map_or(usize::MAX, |at| at as usize);
        let in_order = host.get(index).filter(|other| other.name == member.name);
        if let Some(other) = in_order {
            return Some((at?, other));
        }
        let found = host.iter().enumerate().find(|(_, other)| {
            other.name == member.name && (!member.name.is_empty() || other.bit_offset == member.bit_offset)
        });
        self.budget = self.budget.saturating_sub(u32::try_from(host.len()).unwrap_or(u32::MAX));
        found.map(|(index, other)| (u32::try_from(index).unwrap_or(u32::MAX), other))
    }

    fn member(&mut self, object: &Member, host: &Member, depth: u32) -> Result<(), String> {
        if self.budget == 0 {
            return Ok(());
        }
        self.budget -= 1;
        if object.bit_offset != host.bit_offset {
            let place = |member: &Member| match member.bit_offset % 8 {
                0 => format!("byte {}", member.bit_offset / 8),
                bit => format!("byte {}, bit {bit}", member.bit_offset / 8),
            };
            return Err(format!("at {} in the object, at {} in the host", place(object), place(host)));
        }
        if object.bitfield_bits != host.bitfield_bits {
            let width = |bits: u8| if bits == 0 { "no bitfield".into() } else { format!("{bits} bits") };
            return Err(format!(
                "{} in the object, {} in the host",
                width(object.bitfield_bits),
                width(host.bitfield_bits)
            ));
        }
        self.values(object.ty, host.ty, depth)
    }

    /// Two values that take the same bytes.
    fn values(&mut self, from: BtfId, to: BtfId, depth: u32) -> Result<(), String> {
        let (object, host) = (self.object, self.host);
        let differs =
            || Err(format!("`{}` in the object, `{}` in the host", object.c_type(from), host.c_type(to)));
        if depth > MAX_DEPTH {
            return Ok(());
        }
        let (object_ty, host_ty) = (object.resolve(from), host.resolve(to));
        if object_ty.is_number() && host_ty.is_number() {
            return if object.size_of(from) == host.size_of(to) { Ok(()) } else { differs() };
        }
        match (object_ty, host_ty) {
            (BtfType::Void, BtfType::Void) | (BtfType::FuncProto { .. }, BtfType::FuncProto { .. }) => Ok(()),
            (BtfType::Ptr { to: object_to }, BtfType::Ptr { to: host_to }) => {
                if self.pointees(*object_to, *host_to, depth + 1) { Ok(()) } else { differs() }
            }
            (BtfType::Array(object_array), BtfType::Array(host_array)) => {
                if object_array.count != host_array.count {
                    return differs();
                }
                self.values(object_array.element, host_array.element, depth + 1).or_else(|_| differs())
            }
            (BtfType::Float { size: object_size, .. }, BtfType::Float { size: host_size, .. }) => {
                if object_size == host_size {
                    Ok(())
                } else {
                    differs()
                }
            }
            (BtfType::Struct { .. }, BtfType::Struct { .. })
            | (BtfType::Union { .. }, BtfType::Union { .. }) => {
                let (from, to) = (object.skip_modifiers(from), host.skip_modifiers(to));
                if !self.same_name(from, to) {
                    return differs();
                }
                self.members(from, to, depth + 1).map_err(|difference| difference.what)
            }
            _unlike => differs(),
        }
    }

    /// What pointers point to: by name, so that types may point to themselves.
    fn pointees(&self, from: BtfId, to: BtfId, depth: u32) -> bool {
        let (object, host) = (self.object.resolve(from), self.host.resolve(to));
        if depth > MAX_DEPTH || matches!(object, BtfType::Void) || matches!(host, BtfType::Void) {
            return true;
        }
        if object.is_number() && host.is_number() {
            return self.object.size_of(from) == self.host.size_of(to);
        }
        if let (BtfType::Ptr { to: from }, BtfType::Ptr { to }) = (object, host) {
            return self.pointees(*from, *to, depth + 1);
        }
        let aggregate =
            |ty: &BtfType| matches!(ty, BtfType::Struct { .. } | BtfType::Union { .. } | BtfType::Fwd { .. });
        if aggregate(object) && aggregate(host) {
            return self.same_name(self.object.skip_modifiers(from), self.host.skip_modifiers(to));
        }
        std::mem::discriminant(object) == std::mem::discriminant(host)
    }

    /// Equal names up to `___`, behind which C objects put versions of a type; a type without a name equals any.
    fn same_name(&self, from: BtfId, to: BtfId) -> bool {
        let object = self.object.name_of(from);
        let object = object.split_once("___").map_or(object, |(name, _)| name);
        let host = self.host.name_of(to);
        object.is_empty() || host.is_empty() || object == host
    }
}
