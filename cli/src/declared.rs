//! `opswap inspect`, `header` and `interface`: what a built binary declares, read from its file.

use std::io::Write;
use std::path::Path;

use opswap::bpf::proto::{DeclaredAt, OpPresence, Sleepable, StructOpsMemberKind};
use opswap::bpf::{Btf, BtfType};
use opswap::header::c_header;
use opswap::registry::{Kfunc, Registry, Table};
use serde::Serialize;

use crate::args::{Format, HeaderArgs, InspectArgs, InterfaceArgs};
use crate::failure::{self, Failure};
use crate::files;

/// First bytes of an ELF file.
const ELF: &[u8] = b"\x7fELF";

/// The declarations in a built binary or an interface file.
///
/// # Errors
/// The file cannot be read, or is neither.
pub fn read(file: &Path) -> Result<Registry, Failure> {
    let bytes = files::read(file)?;
    let wrong = |error: &dyn std::error::Error| Failure::input(file.display(), failure::chain(error));
    if bytes.starts_with(ELF) {
        Registry::from_binary(&bytes).map_err(|error| wrong(&error))
    } else {
        let btf = Btf::parse(&bytes).map_err(|error| wrong(&error))?;
        Registry::from_interface(btf).map_err(|error| wrong(&error))
    }
}

/// Prints the C header.
///
/// # Errors
/// The file cannot be read.
pub fn header(args: &HeaderArgs, out: &mut dyn Write) -> Result<(), Failure> {
    out.write_all(c_header(&read(&args.file)?).as_bytes())?;
    Ok(())
}

/// Writes the interface file.
///
/// # Errors
/// The binary cannot be read, or the file not be written.
pub fn interface(args: &InterfaceArgs) -> Result<(), Failure> {
    let registry = read(&args.file)?;
    let bytes = registry.btf().to_bytes().map_err(|error| Failure::input(args.file.display(), error))?;
    std::fs::write(&args.output, bytes).map_err(|error| Failure::input(args.output.display(), error))
}

/// A function, as `--json` prints it.
#[derive(Serialize, Debug)]
struct KfuncRow<'a> {
    kind: &'static str,
    name: &'a str,
    prototype: String,
    flags: Vec<String>,
    sets: Vec<&'a str>,
    programs: Option<Vec<&'a str>>,
    deprecated: Option<&'a str>,
    declared_at: Option<String>,
    doc: &'a str,
}

/// A table of operations, as `--json` prints it.
#[derive(Serialize, Debug)]
struct TableRow<'a> {
    kind: &'static str,
    name: &'a str,
    size: u32,
    ops: Vec<OpRow<'a>>,
    declared_at: Option<String>,
    doc: &'a str,
}

#[derive(Serialize, Debug)]
struct OpRow<'a> {
    name: &'a str,
    prototype: String,
    offset: u32,
    presence: &'static str,
    sleepable: bool,
    cfi: String,
}

/// Lists functions, tables and types.
///
/// # Errors
/// The file cannot be read.
pub fn inspect(args: &InspectArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let registry = read(&args.file)?;
    let btf = registry.btf();
    let kfuncs = registry.kfuncs().iter().map(|kfunc| kfunc_row(btf, kfunc));
    let tables = registry.tables().iter().map(|table| table_row(btf, table));
    match args.output.format() {
        Format::Json => {
            kfuncs.into_iter().try_for_each(|row| write_row(&row, out))?;
            tables.into_iter().try_for_each(|row| write_row(&row, out))
        }
        Format::Text => {
            for row in kfuncs {
                writeln!(out, "kfunc  {}", row.prototype)?;
                let words = row.flags.join(" ");
                let place = row.declared_at.unwrap_or_default();
                writeln!(out, "       {}", [words.as_str(), &place].join("  ").trim())?;
            }
            for row in tables {
                writeln!(
                    out,
                    "table  struct {} ({} bytes)  {}",
                    row.name,
                    row.size,
                    row.declared_at.unwrap_or_default()
                )?;
                for op in row.ops {
                    let sleepable = if op.sleepable { ", sleepable" } else { "" };
                    writeln!(out, "       {}  ({}{sleepable}, cfi {})", op.prototype, op.presence, op.cfi)?;
                }
            }
            let types = btf.iter().filter(|(_, ty)| {
                matches!(ty, BtfType::Struct { .. } | BtfType::Union { .. } | BtfType::Enum { .. })
            });
            Ok(writeln!(out, "types  {}", types.count())?)
        }
    }
}

fn write_row(row: &impl Serialize, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "{}", serde_json::to_string(row).map_err(std::io::Error::from)?)?;
    Ok(())
}

fn place(declared: Option<&DeclaredAt>) -> Option<String> {
    declared.map(|at| format!("{}:{}", at.file, at.line))
}

fn kfunc_row<'a>(btf: &Btf, kfunc: &'a Kfunc) -> KfuncRow<'a> {
    let proto = &kfunc.proto;
    let prototype = match btf.get(proto.func.id) {
        Some(BtfType::Func(func)) => btf.c_declaration(func.proto, &proto.name),
        Some(_) | None => proto.name.to_string(),
    };
    KfuncRow {
        kind: "kfunc",
        name: &proto.name,
        prototype,
        flags: proto.flags.iter_names().map(|(word, _)| word.to_ascii_lowercase()).collect(),
        sets: kfunc.sets(),
        programs: kfunc.programs(),
        deprecated: Some(kfunc.deprecated.as_str()).filter(|reason| !reason.is_empty()),
        declared_at: place(proto.declared_at.as_ref()),
        doc: &kfunc.doc,
    }
}

fn table_row<'a>(btf: &Btf, table: &'a Table) -> TableRow<'a> {
    let ops = table.proto.members.iter().filter_map(|member| match &member.kind {
        StructOpsMemberKind::Data => None,
        StructOpsMemberKind::Op(op) => Some(OpRow {
            name: &member.name,
            prototype: btf
                .members(table.proto.ty.id)
                .and_then(|members| members.iter().find(|found| found.name == member.name))
                .map_or_else(|| member.name.clone(), |found| btf.c_declaration(found.ty, &member.name)),
            offset: member.offset,
            presence: match op.presence {
                OpPresence::Required => "required",
                OpPresence::Optional => "optional",
                OpPresence::Unsupported => "unsupported",
            },
            sleepable: op.entry.sleepable == Sleepable::Yes,
            cfi: format!("{:#010x}", op.cfi_hash),
        }),
    });
    TableRow {
        kind: "struct_ops",
        name: &table.proto.name,
        size: table.proto.size,
        ops: ops.collect(),
        declared_at: place(table.proto.declared_at.as_ref()),
        doc: &table.doc,
    }
}
