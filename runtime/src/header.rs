//! [`c_header`]: what a program author includes: types, prototypes of kfuncs with their doc comments, tables of operations.
//!
//! The text needs no other header. C would lay a struct out anew, and fields that programs must not see are not in the registry, so
//! every gap is written as explicit padding, and assertions at the end compare all offsets and sizes.

mod layout;

use std::collections::HashSet;
use std::fmt::Write;

use opswap_bpf::btf::{BtfType, Signedness};
use opswap_bpf::proto::{OpPresence, Sleepable, StructOpsMemberKind};
use opswap_bpf::{Btf, BtfId};

use crate::registry::{Kfunc, Registry, Table};

const HEAD: &str = "\
#pragma once

#ifndef __ksym
#define __ksym __attribute__((section(\".ksyms\")))
#endif
";

/// The C header of a registry. It compiles with `clang -target bpf -Wall -Werror`.
///
/// Types stand in an order in which each is complete where it is needed; everything else is sorted by name.
pub fn c_header(registry: &Registry) -> String {
    let btf = registry.btf();
    let mut text = HEAD.to_owned();
    let types: Vec<BtfId> = declared(btf);
    if !types.is_empty() {
        text.push('\n');
    }
    for &id in &types {
        match btf.get(id) {
            Some(BtfType::Struct { name, .. }) => line(&mut text, &format!("struct {name};")),
            Some(BtfType::Union { name, .. }) => line(&mut text, &format!("union {name};")),
            Some(_) | None => {}
        }
    }
    let mut writer = Writer { registry, text, done: HashSet::new(), asserts: String::new() };
    for id in types {
        writer.define(id);
    }
    for kfunc in registry.kfuncs() {
        writer.kfunc(kfunc);
    }
    if !writer.asserts.is_empty() {
        writer.text.push_str("\n/* The layout that the host was compiled with. */\n");
        let asserts = std::mem::take(&mut writer.asserts);
        writer.text.push_str(&asserts);
    }
    writer.text
}

/// Named types that programs may need, in order of their ids. What only tools look for stays out.
fn declared(btf: &Btf) -> Vec<BtfId> {
    let named = |(id, ty): (BtfId, &BtfType)| {
        let public = ty.name().is_some_and(|name| !name.starts_with("bpf_struct_ops_"));
        (ty.is_definition() && public).then_some(id)
    };
    btf.iter().filter_map(named).collect()
}

fn line(text: &mut String, content: &str) {
    text.push_str(content);
    text.push('\n');
}

/// A doc comment in the kernel's style, indented by `indent`. A `*/` in it cannot end the comment.
fn comment(text: &mut String, indent: &str, lines: &[String]) {
    let safe: Vec<String> = lines.iter().map(|line| line.trim_end().replace("*/", "* /")).collect();
    match safe.as_slice() {
        [] => {}
        [one] => line(text, &format!("{indent}/* {} */", one.trim())),
        many => {
            line(text, &format!("{indent}/*"));
            for content in many {
                line(text, format!("{indent} * {}", content.trim_start()).trim_end());
            }
            line(text, &format!("{indent} */"));
        }
    }
}

fn doc_lines(doc: &str) -> Vec<String> {
    doc.lines().map(str::to_owned).collect()
}

struct Writer<'r> {
    registry: &'r Registry,
    text: String,
    done: HashSet<BtfId>,
    asserts: String,
}

impl Writer<'_> {
    fn btf(&self) -> &Btf {
        self.registry.btf()
    }

    /// Defines a type after those that it contains by value.
    fn define(&mut self, id: BtfId) {
        if !self.done.insert(id) {
            return;
        }
        let Some(ty) = self.btf().get(id).cloned() else { return };
        for member in ty.members().unwrap_or_default() {
            let inner = self.btf().skip_arrays(member.ty);
            if self.btf().get(inner).is_some_and(BtfType::is_definition) {
                self.define(inner);
            }
        }
        self.text.push('\n');
        let doc =
            self.btf().decl_tags(id, None).iter().find_map(|tag| tag.strip_prefix("doc:")).map(doc_lines);
        comment(&mut self.text, "", &doc.unwrap_or_default());
        if let BtfType::Struct { name, .. } = &ty {
            let table = self.registry.tables().iter().find(|table| table.proto.ty.id == id);
            self.aggregate(id, "struct", name, table);
        } else if let BtfType::Union { name, .. } = &ty {
            self.aggregate(id, "union", name, None);
        } else if let BtfType::Enum { name, size, signed, values } = &ty {
            let values = values.iter().map(|value| match signed {
                Signedness::Signed => (value.name.as_str(), value.value.to_string()),
                Signedness::Unsigned => (value.name.as_str(), value.value.cast_unsigned().to_string()),
            });
            let values: Vec<_> = values.collect();
            self.enumeration(name, *size, *signed, &values);
        } else if let BtfType::Enum64 { name, size, signed, values } = &ty {
            let values = values.iter().map(|value| match signed {
                Signedness::Signed => (value.name.as_str(), signed_literal(value.value.cast_signed())),
                Signedness::Unsigned => (value.name.as_str(), format!("{}ULL", value.value)),
            });
            let values: Vec<_> = values.collect();
            self.enumeration(name, *size, *signed, &values);
        }
    }

    fn enumeration(&mut self, name: &str, size: u32, signed: Signedness, values: &[(&str, String)]) {
        let sign = match signed {
            Signedness::Signed => "signed",
            Signedness::Unsigned => "unsigned",
        };
        let base = match size {
            1 => "char",
            2 => "short",
            4 => "int",
            _ => "long long",
        };
        line(&mut self.text, &format!("enum {name} : {sign} {base} {{"));
        for (name, value) in values {
            line(&mut self.text, &format!("\t{name} = {value},"));
        }
        line(&mut self.text, "};");
    }

    fn aggregate(&mut self, id: BtfId, word: &str, name: &str, table: Option<&Table>) {
        let fields = layout::fields(self.btf(), id);
        line(&mut self.text, &format!("{word} {name} {{"));
        for field in fields {
            if let (Some(at), Some(table)) = (field.member, table) {
                let notes = self.op_notes(id, at, table);
                comment(&mut self.text, "\t", &notes);
            }
            line(&mut self.text, &format!("\t{};", field.declaration));
            if field.member.is_some() {
                let (member, offset) = (&field.name, field.offset);
                let _ = writeln!(
                    self.asserts,
                    "_Static_assert(__builtin_offsetof({word} {name}, {member}) == {offset}, \"{name}.{member}\");"
                );
            }
        }
        line(&mut self.text, "};");
        if let Some(size) = self.btf().size_of(id) {
            let _ = writeln!(self.asserts, "_Static_assert(sizeof({word} {name}) == {size}, \"{name}\");");
        }
    }

    /// What is said of a member of a table: its doc comment, and the rules for the operation.
    fn op_notes(&self, table_id: BtfId, at: usize, table: &Table) -> Vec<String> {
        let component = u32::try_from(at).ok();
        let tags = self.btf().decl_tags(table_id, component);
        let mut notes =
            tags.iter().find_map(|tag| tag.strip_prefix("doc:")).map(doc_lines).unwrap_or_default();
        let Some(StructOpsMemberKind::Op(op)) = table.proto.members.get(at).map(|member| &member.kind) else {
            return notes;
        };
        let presence = match op.presence {
            OpPresence::Required => Some("required"),
            OpPresence::Optional => None,
            OpPresence::Unsupported => Some("not for programs: leave it NULL"),
        };
        let sleepable = match op.entry.sleepable {
            Sleepable::Yes => Some("may sleep"),
            Sleepable::No => None,
        };
        let words: Vec<_> = presence.into_iter().chain(sleepable).collect();
        if !words.is_empty() {
            notes.push(words.join("; "));
        }
        notes
    }

    fn kfunc(&mut self, kfunc: &Kfunc) {
        let mut lines = doc_lines(&kfunc.doc);
        let flags: Vec<String> =
            kfunc.proto.flags.iter_names().map(|(name, _)| name.to_lowercase()).collect();
        if !flags.is_empty() {
            lines.push(format!("[{}]", flags.join(", ")));
        }
        self.text.push('\n');
        comment(&mut self.text, "", &lines);
        let prototype = self.btf().c_declaration(kfunc.proto.func.id, "");
        let deprecated = if kfunc.deprecated.is_empty() {
            String::new()
        } else {
            let reason = kfunc.deprecated.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ");
            format!(" __attribute__((deprecated(\"{reason}\")))")
        };
        line(&mut self.text, &format!("extern {prototype} __ksym{deprecated};"));
    }
}

/// C has no literal for the least 64-bit number.
fn signed_literal(value: i64) -> String {
    if value == i64::MIN { format!("({}LL - 1)", i64::MIN + 1) } else { format!("{value}LL") }
}
