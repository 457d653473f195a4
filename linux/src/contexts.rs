//! Layouts of contexts and records, from `data/contexts.txt`.

use std::collections::HashMap;

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::Size;
use opswap_bpf::proto::{ContextField, ContextValue, Demand, MemAccess, NarrowAccess, RecordProto};
use opswap_bpf::{Btf, RecordId, TypeRef};

use crate::table::{Line, Place, TableError, lines, nullable};

const TABLE: &str = "contexts.txt";

/// Bytes that a buffer of a writable raw tracepoint may have; its tracepoint knows the real number.
const TRACEPOINT_BUFFER: u32 = 4096;

/// All layouts.
#[derive(Debug)]
pub(crate) struct Contexts {
    contexts: HashMap<String, Vec<ContextField>>,
    records: Vec<RecordProto>,
    /// Names of the records as the tables spell them.
    names: Vec<String>,
}

impl Contexts {
    /// Reads the table; fields with a type that the kernel lacks are left out.
    pub(crate) fn read(btf: &Btf) -> Result<Self, TableError> {
        let text = include_str!("../data/contexts.txt");
        let names = lines(TABLE, text)
            .filter(|line| line.place == Place::Heading)
            .filter_map(|line| {
                let mut words = line.words();
                (words.next() == Some("record")).then(|| words.next().unwrap_or_default().to_owned())
            })
            .collect();
        let mut all = Self { contexts: HashMap::new(), records: Vec::new(), names };
        let mut current: Option<(Line<'static>, Vec<ContextField>)> = None;
        for line in lines(TABLE, text) {
            match (line.place, &mut current) {
                (Place::Heading, _) => {
                    if let Some((heading, fields)) = current.take() {
                        all.finish(&heading, fields, btf)?;
                    }
                    current = Some((line, Vec::new()));
                }
                (Place::Below, Some((_, fields))) => fields.extend(all.field(&line, btf)?),
                (Place::Below, None) => return Err(line.wrong("a field without a context")),
            }
        }
        if let Some((heading, fields)) = current {
            all.finish(&heading, fields, btf)?;
        }
        Ok(all)
    }

    fn finish(
        &mut self,
        heading: &Line<'static>,
        fields: Vec<ContextField>,
        btf: &Btf,
    ) -> Result<(), TableError> {
        if !fields.is_sorted_by(|a, b| a.offset + a.size <= b.offset) {
            return Err(heading.wrong("fields overlap or are not in order"));
        }
        let words: Vec<&str> = heading.words().collect();
        match words[..] {
            ["context", name] => {
                self.contexts.insert(name.to_owned(), fields);
            }
            ["record", _, shown, ty] => {
                let ty = btf.find_struct(ty).map(TypeRef::host);
                self.records.push(RecordProto { name: shown, fields, ty });
            }
            _ => return Err(heading.wrong("expected `context NAME` or `record NAME SHOWN STRUCT`")),
        }
        Ok(())
    }

    fn field(&self, line: &Line<'_>, btf: &Btf) -> Result<Option<ContextField>, TableError> {
        let [_, offset, size, value, access, parts] = line.exactly()?;
        let size = line.number(size)?;
        let (word, null) = nullable(value);
        let value = match word.split_once(':').unwrap_or((word, "")) {
            ("u", "") => ContextValue::Scalar { size: scalar_size(size), signed: Signedness::Unsigned },
            ("data", "") => ContextValue::PacketStart,
            ("data_meta", "") => ContextValue::PacketMeta,
            ("data_end", "") => ContextValue::PacketEnd,
            ("rec", name) => {
                let id = self.record_named(name).ok_or_else(|| line.wrong("unknown record"))?;
                ContextValue::Record { id, demand: Demand::Trusted }
            }
            ("obj", name) => match btf.find_struct(name) {
                Some(id) => ContextValue::Object { ty: TypeRef::host(id), demand: Demand::Trusted },
                None => return Ok(None),
            },
            ("mem", bytes) => {
                ContextValue::Memory { size: line.number(bytes)?, access: MemAccess::ReadWrite }
            }
            ("buf", "") => ContextValue::Memory { size: TRACEPOINT_BUFFER, access: MemAccess::ReadWrite },
            _ => return Err(line.wrong(format!("unknown value `{word}`"))),
        };
        let access = match access {
            "r" => MemAccess::Read,
            "rw" => MemAccess::ReadWrite,
            _ => return Err(line.wrong(format!("unknown access `{access}`"))),
        };
        let narrow = match parts {
            "whole" => NarrowAccess::Forbidden,
            "parts" => NarrowAccess::Allowed,
            "any" => NarrowAccess::AnyPart,
            "words" => NarrowAccess::Words,
            "longs" => NarrowAccess::Longs,
            "port" => NarrowAccess::Padded,
            _ => return Err(line.wrong(format!("unknown parts `{parts}`"))),
        };
        Ok(Some(ContextField { offset: line.number(offset)?, size, value, null, access, narrow }))
    }

    /// The fields of a context.
    pub(crate) fn context(&self, name: &str) -> Option<&Vec<ContextField>> {
        self.contexts.get(name)
    }

    /// The record with this number.
    pub(crate) fn record(&self, id: RecordId) -> Option<&RecordProto> {
        self.records.get(id.index())
    }

    /// The number of a record by the tables' name.
    pub(crate) fn record_named(&self, name: &str) -> Option<RecordId> {
        let at = self.names.iter().position(|known| known == name)?;
        u32::try_from(at).ok().map(RecordId)
    }

    /// Every record.
    pub(crate) fn record_ids(&self) -> impl Iterator<Item = RecordId> + use<> {
        (0..u32::try_from(self.names.len()).unwrap_or(0)).map(RecordId)
    }
}

/// The width in which a field is read as a whole; for longer ones, of its widest part.
fn scalar_size(bytes: u32) -> Size {
    match bytes {
        1 => Size::B,
        2 => Size::H,
        4 => Size::W,
        _ => Size::DW,
    }
}
