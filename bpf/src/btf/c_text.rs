//! Types as C: declarations, prototypes, and definitions with the offsets of members.

use super::Btf;
use super::class::TypeClass;
use super::types::{ArrayType, BtfType, FwdKind, Member, Param, TagForm};
use crate::ids::BtfId;

/// Types that one text may mention. Prototypes that take prototypes can mention exponentially many.
const BUDGET: u32 = 4096;
/// Types inside each other before the text breaks off.
const MAX_DEPTH: u32 = 32;

/// Whether members carry their offsets as comments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offsets {
    /// `u32 cwnd; /* 44 */`, and the size at the end.
    Shown,
    /// Plain C.
    Hidden,
}

/// A line of a definition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    /// C, indented by tabs.
    pub(super) text: String,
    /// Offset or size, for a comment.
    pub(super) note: Option<String>,
    /// Member of the outermost struct that the line belongs to.
    pub(super) member: Option<u32>,
}

impl Btf {
    /// A type as a cast would name it: `const struct Flow *`, `u32 (*)[4]`.
    pub fn c_type(&self, id: BtfId) -> String {
        self.c_declaration(id, "")
    }

    /// The declaration of something with this type: `const struct Flow *flow`, `u32 (*rows)[4]`. A FUNC gives its
    /// prototype with its own name if `name` is empty.
    pub fn c_declaration(&self, id: BtfId, name: &str) -> String {
        let mut printer = Printer { btf: self, budget: BUDGET };
        match self.get(id) {
            Some(BtfType::Func(func)) => {
                let name = if name.is_empty() { &func.name } else { name };
                printer.declare(func.proto, name.to_owned(), 0)
            }
            Some(BtfType::Var(var)) => {
                let name = if name.is_empty() { &var.name } else { name };
                printer.declare(var.ty, name.to_owned(), 0)
            }
            Some(_) | None => printer.declare(id, name.to_owned(), 0),
        }
    }

    /// The definition of a STRUCT, UNION, ENUM or TYPEDEF, or the declaration of a FUNC or VAR, over several lines and
    /// with its semicolon.
    pub fn c_definition(&self, id: BtfId, offsets: Offsets) -> String {
        let lines = self.definition(id);
        let width = lines.iter().filter(|line| line.note.is_some()).map(|line| columns(&line.text)).max();
        let mut text = String::new();
        for line in &lines {
            text.push_str(&line.text);
            if let (Some(note), Offsets::Shown) = (&line.note, offsets) {
                let padding = width.unwrap_or(0).saturating_sub(columns(&line.text));
                text.push_str(&format!("{:padding$} /* {note} */", ""));
            }
            text.push('\n');
        }
        text
    }

    pub(super) fn definition(&self, id: BtfId) -> Vec<Line> {
        let mut printer = Printer { btf: self, budget: BUDGET };
        let mut lines = Vec::new();
        let line = |text: String| Line { text, note: None, member: None };
        match self.get(id) {
            Some(BtfType::Struct { .. } | BtfType::Union { .. }) => {
                printer.aggregate(id, &mut lines, Nest { depth: 0, base: 0, member: None }, ";");
            }
            Some(BtfType::Enum { name, .. } | BtfType::Enum64 { name, .. }) => {
                lines.push(line(format!("enum {}{{", spaced(name))));
                for value in self.enumerators(id).unwrap_or_default() {
                    lines.push(line(format!("\t{} = {},", value.name, value.value.cast_signed())));
                }
                lines.push(line("};".into()));
            }
            Some(BtfType::Typedef { name, of }) => {
                lines.push(line(format!("typedef {};", self.c_declaration(*of, name))));
            }
            Some(_) | None => lines.push(line(format!("{};", self.c_declaration(id, "")))),
        }
        lines
    }
}

/// Width with tabs of eight columns.
fn columns(text: &str) -> usize {
    text.chars().fold(0, |at, character| if character == '\t' { (at / 8 + 1) * 8 } else { at + 1 })
}

fn spaced(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("{name} ") }
}

/// Where a nested struct stands.
#[derive(Clone, Copy)]
struct Nest {
    depth: usize,
    /// Its first byte in the outermost struct.
    base: u32,
    /// Member of the outermost struct.
    member: Option<u32>,
}

struct Printer<'a> {
    btf: &'a Btf,
    budget: u32,
}

impl<'a> Printer<'a> {
    /// A declaration of `inner` (a name with what already stands around it), from the outside of the type inwards.
    fn declare(&mut self, mut id: BtfId, mut inner: String, depth: u32) -> String {
        // Qualifiers and tags of whatever comes next: of a pointer if one comes, else of the type at the end.
        let mut pending: Vec<String> = Vec::new();
        for _ in 0..MAX_DEPTH {
            if self.budget == 0 || depth > MAX_DEPTH {
                break;
            }
            self.budget -= 1;
            let Some(ty) = self.btf.get(id) else { break };
            if let Some((word, of)) = qualifier(ty) {
                pending.push(word);
                id = of;
            } else if let BtfType::Ptr { to } = ty {
                let qualifiers: String = pending.drain(..).map(|word| word + " ").collect();
                inner = format!("*{qualifiers}{inner}");
                let target = self.btf.get(self.btf.skip_qualifiers(*to));
                if matches!(target, Some(BtfType::Array(_) | BtfType::FuncProto { .. })) {
                    inner = format!("({inner})");
                }
                id = *to;
            } else if let BtfType::Array(ArrayType { element, count, .. }) = ty {
                let count = if *count == 0 { String::new() } else { count.to_string() };
                inner = format!("{inner}[{count}]");
                id = *element;
            } else if let BtfType::FuncProto { ret, params } = ty {
                inner = format!("{inner}({})", self.parameters(params, depth + 1));
                id = *ret;
            } else {
                pending.push(base_name(ty));
                return join(&pending, &inner);
            }
        }
        pending.push("...".into());
        join(&pending, &inner)
    }

    fn parameters(&mut self, params: &'a [Param], depth: u32) -> String {
        if params.is_empty() {
            return "void".into();
        }
        let mut texts = Vec::new();
        for param in params {
            if self.budget == 0 {
                texts.push("...".into());
                break;
            }
            let variadic = param.ty == BtfId(0) && param.name.is_empty();
            texts.push(if variadic {
                "...".into()
            } else {
                self.declare(param.ty, param.name.clone(), depth + 1)
            });
        }
        texts.join(", ")
    }

    /// A struct or union with its members, and `end` behind its closing brace.
    fn aggregate(&mut self, id: BtfId, lines: &mut Vec<Line>, nest: Nest, end: &str) {
        let Some(ty) = self.btf.get(id) else { return };
        let indent = "\t".repeat(nest.depth);
        let word = if matches!(ty, BtfType::Union { .. }) { "union" } else { "struct" };
        let head = format!("{word} {}{{", spaced(ty.name().unwrap_or_default()));
        lines.push(Line { text: format!("{indent}{head}"), note: None, member: nest.member });
        for (at, member) in self.btf.members(id).unwrap_or_default().iter().enumerate() {
            if self.budget == 0 {
                lines.push(Line { text: format!("{indent}\t..."), note: None, member: nest.member });
                break;
            }
            let inside = Nest {
                depth: nest.depth + 1,
                base: nest.base,
                member: nest.member.or(u32::try_from(at).ok()),
            };
            self.member(member, lines, inside);
        }
        let size = self.btf.size_of(id).unwrap_or(0);
        let note = Some(if nest.depth == 0 { format!("size {size}") } else { format!("{size} bytes") });
        lines.push(Line { text: format!("{indent}}}{end}"), note, member: nest.member });
    }

    fn member(&mut self, member: &'a Member, lines: &mut Vec<Line>, nest: Nest) {
        self.budget = self.budget.saturating_sub(1);
        let offset = nest.base.saturating_add(member.bit_offset / 8);
        // Structs without a name are defined where they stand.
        let inline = match self.btf.get(member.ty) {
            Some(BtfType::Struct { name, .. } | BtfType::Union { name, .. }) => name.is_empty(),
            Some(_) | None => false,
        };
        if inline && nest.depth <= MAX_DEPTH as usize {
            let end = if member.name.is_empty() { ";".to_owned() } else { format!(" {};", member.name) };
            self.aggregate(member.ty, lines, Nest { base: offset, ..nest }, &end);
            return;
        }
        let mut text = self.declare(member.ty, member.name.clone(), 1);
        let mut note = offset.to_string();
        if member.bitfield_bits != 0 {
            text.push_str(&format!(" : {}", member.bitfield_bits));
            note.push_str(&format!(":{}", member.bit_offset % 8));
        }
        let text = format!("{}{text};", "\t".repeat(nest.depth));
        lines.push(Line { text, note: Some(note), member: nest.member });
    }
}

/// What a qualifier or type tag adds, and what it is for.
fn qualifier(ty: &BtfType) -> Option<(String, BtfId)> {
    let of = ty.qualified()?;
    let BtfType::TypeTag { name, form, .. } = ty else {
        // The kind's own word is C's, but for its letters.
        return Some((ty.kind_word().to_lowercase(), of));
    };
    let word = match form {
        TagForm::Tag => format!("__attribute__((btf_type_tag(\"{name}\")))"),
        TagForm::Attribute => format!("__attribute__(({name}))"),
    };
    Some((word, of))
}

/// The base type's words in front of the declarator; the brackets of an array without a name follow at once.
fn join(words: &[String], inner: &str) -> String {
    let separator = if inner.is_empty() || inner.starts_with('[') { "" } else { " " };
    format!("{}{separator}{inner}", words.join(" "))
}

fn base_name(ty: &BtfType) -> String {
    let name = ty.name().unwrap_or_default();
    let union = matches!(ty, BtfType::Union { .. } | BtfType::Fwd { kind: FwdKind::Union, .. });
    let word = match ty.class() {
        TypeClass::Aggregate | TypeClass::Forward if union => "union",
        TypeClass::Aggregate | TypeClass::Forward => "struct",
        TypeClass::Enum => "enum",
        TypeClass::Void => return "void".into(),
        TypeClass::Int
        | TypeClass::Float
        | TypeClass::Pointer
        | TypeClass::Array
        | TypeClass::Alias
        | TypeClass::Prototype
        | TypeClass::Declaration => return name.into(),
    };
    if name.is_empty() { format!("{word} {{ ... }}") } else { format!("{word} {name}") }
}
