//! [`ObjectFile::link`]: lays out one program with the subprograms that it reaches, and fills in what it refers to.

use std::collections::HashMap;
use std::sync::Arc;

use opswap_bpf::btf::CoreRelo;
use opswap_bpf::insn::{CallTarget, Imm64, MapRef};
use opswap_bpf::map::SpecialField;
use opswap_bpf::program::{Linkage, LoadFlags, SourceLine, Subprog};
use opswap_bpf::proto::Sleepable;
use opswap_bpf::{
    Btf, BtfType, HelperId, Insn, InsnIdx, MapId, MapProto, Program, ProgramKind, TypeRef, decode,
};

use super::ObjectFile;
use super::agree::agree;
use super::code::{Function, Reference, SLOT, Target, within};
use super::core;
use super::error::ObjectError;
use super::image::{Extern, ExternKind, Strength};
use super::parse::essential_name;
use super::resolve::{HostVariable, Import, KfuncTarget, Resolve, ResolveError};

/// Slots of one program with its subprograms (the kernel's `BPF_COMPLEXITY_LIMIT_INSNS`).
const MAX_SLOTS: usize = 1_000_000;
/// A call that no path may reach: of a weak import that the host lacks. The verifier knows no such helper.
const POISONED_CALL: u32 = 2_002_000_000;
/// Bytes of one source line that are kept.
const MAX_LINE_TEXT: usize = 4096;

pub(super) fn link(
    object: &ObjectFile,
    program: usize,
    kind: ProgramKind,
    resolve: &dyn Resolve,
) -> Result<Program, ObjectError> {
    let (Some(image), Some(&entry)) = (object.programs.get(program), object.entries.get(program)) else {
        return Err(ObjectError::NoSuchProgram { index: program, programs: object.programs.len() });
    };
    let flags = match image.sleepable {
        Sleepable::Yes => LoadFlags::SLEEPABLE,
        Sleepable::No => LoadFlags::empty(),
    };
    let program = lay_out(object, &image.name, entry, kind, resolve)?;
    Ok(Program { flags, ..program })
}

/// Lays out any function of the object as if it were an entry point; `None` when there is none of that name.
pub(super) fn link_function(
    object: &ObjectFile,
    name: &str,
    kind: ProgramKind,
    resolve: &dyn Resolve,
) -> Option<Result<Program, ObjectError>> {
    let entry = object.code.functions.iter().position(|function| function.name == name)?;
    Some(lay_out(object, name, entry, kind, resolve))
}

fn lay_out(
    object: &ObjectFile,
    name: &str,
    entry: usize,
    kind: ProgramKind,
    resolve: &dyn Resolve,
) -> Result<Program, ObjectError> {
    let mut linker = Linker {
        object,
        resolve,
        program: name,
        insns: Vec::new(),
        placed: Vec::new(),
        starts: HashMap::new(),
        pending: Vec::new(),
        imports: HashMap::new(),
    };
    linker.place(entry)?;
    linker.fill_from(0)?;
    // Nothing calls an exception callback: it stands behind the others.
    let placed = linker.placed.len();
    linker.place_exception_callbacks(entry)?;
    linker.fill_from(placed)?;
    linker.connect();
    linker.agree(&kind)?;
    Ok(Program {
        name: name.to_owned(),
        kind,
        subprogs: linker.subprogs(),
        lines: linker.lines(),
        insns: linker.insns,
        maps: object.maps.iter().map(|map| with_host_types(object, resolve.types(), &map.proto)).collect(),
        btf: object.btf.clone(),
        license: object.license,
        flags: LoadFlags::empty(),
    })
}

/// A map whose kptrs point to the host's types where the host has them: until now they were the object's.
fn with_host_types(object: &ObjectFile, host: Option<&Btf>, map: &Arc<MapProto>) -> Arc<MapProto> {
    let (Some(btf), Some(host)) = (object.btf.as_deref(), host) else { return Arc::clone(map) };
    let host_type = |field: &SpecialField| {
        let SpecialField::Kptr { ty, kind } = *field else { return None };
        let local = btf.get(ty.id)?;
        let name = essential_name(local.name()?);
        let same_kind = |other: &BtfType| std::mem::discriminant(other) == std::mem::discriminant(local);
        let ty = TypeRef::host(host.find(name, same_kind)?);
        Some(SpecialField::Kptr { ty, kind })
    };
    let touched = |map: &MapProto| map.fields.iter().any(|field| host_type(&field.field).is_some());
    if !touched(map) && !map.inner.as_deref().is_some_and(touched) {
        return Arc::clone(map);
    }
    let mut map = MapProto::clone(map);
    let inner = map.inner.iter_mut().flat_map(|inner| &mut inner.fields);
    for field in map.fields.iter_mut().chain(inner) {
        field.field = host_type(&field.field).unwrap_or(field.field);
    }
    Arc::new(map)
}

/// What an import became.
#[derive(Clone, Copy)]
enum Served {
    Kfunc(KfuncTarget),
    Variable(HostVariable),
    /// Weak, and the host has none.
    Missing,
}

struct Linker<'a> {
    object: &'a ObjectFile,
    resolve: &'a dyn Resolve,
    program: &'a str,
    insns: Vec<Insn>,
    /// Functions in the order of their places.
    placed: Vec<usize>,
    /// First slot of each placed function.
    starts: HashMap<usize, u32>,
    /// Calls and addresses of subprograms: slot, and the function that is meant.
    pending: Vec<(u32, usize)>,
    imports: HashMap<usize, Served>,
}

impl<'a> Linker<'a> {
    /// Appends a function's slots as they are, unless it has a place.
    fn place(&mut self, index: usize) -> Result<(), ObjectError> {
        if self.starts.contains_key(&index) {
            return Ok(());
        }
        let function = &self.object.code.functions[index];
        let start = self.insns.len();
        let slots = function.len as usize / SLOT as usize;
        if start + slots > MAX_SLOTS {
            return Err(self.error(
                function,
                0,
                format!("with `{}` the program has more than {MAX_SLOTS} instructions", function.name),
            ));
        }
        let insns = decode(self.object.code.bytes(function)).map_err(|source| {
            let at = u64::from(source.at.0) * SLOT + u64::from(function.offset);
            let section = self.object.code.sections[function.section].name.clone();
            ObjectError::Decode { program: self.program.to_owned(), section, offset: at, source }
        })?;
        self.starts.insert(index, u32::try_from(start).unwrap_or(u32::MAX));
        self.placed.push(index);
        self.insns.extend(insns);
        Ok(())
    }

    /// Fills the placed functions from the given one on; those that they name get a place and are filled, too.
    fn fill_from(&mut self, first: usize) -> Result<(), ObjectError> {
        let mut next = first;
        while let Some(&function) = self.placed.get(next) {
            self.fill(function)?;
            next += 1;
        }
        Ok(())
    }

    /// Functions that the entry's tags name; whether they may be exception callbacks, the verifier says.
    fn place_exception_callbacks(&mut self, entry: usize) -> Result<(), ObjectError> {
        let object = self.object;
        let Some(btf) = object.btf.as_deref() else { return Ok(()) };
        let functions = &object.code.functions;
        for name in btf.exception_callbacks(functions[entry].func) {
            let found = functions
                .iter()
                .position(|function| function.name == name && function.linkage == Linkage::Global);
            found.map_or(Ok(()), |found| self.place(found))?;
        }
        Ok(())
    }

    /// Resolves what the instructions of a placed function refer to; places the functions that they name.
    fn fill(&mut self, index: usize) -> Result<(), ObjectError> {
        let object = self.object;
        let function = &object.code.functions[index];
        let section = &object.code.sections[function.section];
        let start = self.starts[&index];
        for record in within(&section.relocations, function, |record| record.offset) {
            let at = start as usize + ((record.offset - function.offset) / SLOT as u32) as usize;
            self.relocate_core(record, at).map_err(|why| {
                self.error(function, record.offset, format!("CO-RE relocation ({:?}): {why}", record.kind))
            })?;
        }
        let references = within(&section.references, function, |reference| reference.offset);
        for slot in 0..function.len / SLOT as u32 {
            let offset = function.offset + slot * SLOT as u32;
            let at = (start + slot) as usize;
            let reference = references.binary_search_by_key(&offset, |reference| reference.offset).ok();
            let insn = self.insns[at];
            if let Some(reference) = reference {
                self.insns[at] = self.relocate(function, references[reference], insn, at)?;
            } else if let Insn::Call { target: CallTarget::Subprog(distance) } = insn {
                let target = i64::from(offset) + (i64::from(distance) + 1) * SLOT as i64;
                self.refer(function, offset, at, function.section, target)?;
            } else if let Insn::LoadImm64 { imm: Imm64::Func(distance), .. } = insn {
                let target = i64::from(offset) + (i64::from(distance) + 1) * SLOT as i64;
                self.refer(function, offset, at, function.section, target)?;
            }
        }
        Ok(())
    }

    fn relocate_core(&mut self, record: &CoreRelo, at: usize) -> Result<(), String> {
        let object = self.object.btf.as_deref().ok_or("the object has no BTF")?;
        let answer = core::answer(object, self.resolve.types(), record)?;
        core::apply(&mut self.insns, at, answer)
    }

    fn relocate(
        &mut self,
        function: &Function,
        reference: Reference,
        insn: Insn,
        at: usize,
    ) -> Result<Insn, ObjectError> {
        let Reference { offset, to } = reference;
        // What the compiler left in the instruction is added to the symbol's place.
        match (insn, to) {
            (Insn::LoadImm64 { dst, imm: Imm64::Value(addend) }, to) => {
                let imm = match to {
                    Target::Map(map) => Imm64::Map(MapRef::Idx(MapId(map))),
                    Target::Data { map, offset: base } => {
                        let byte =
                            u64::from(base).checked_add(addend).and_then(|byte| u32::try_from(byte).ok());
                        let byte = byte.ok_or_else(|| {
                            self.error(
                                function,
                                offset,
                                format!("byte {addend:#x} of global data is out of range"),
                            )
                        })?;
                        Imm64::MapValue { map: MapRef::Idx(MapId(map)), offset: byte }
                    }
                    Target::Code { section, offset: base } => {
                        let target = i64::from(base).saturating_add_unsigned(addend);
                        self.refer(function, offset, at, section, target)?;
                        Imm64::Func(0)
                    }
                    Target::Extern(import) => match self.import(import, function, offset, at)? {
                        Served::Variable(HostVariable { id, module }) => Imm64::HostVar { id, module },
                        // A kfunc's address serves to ask whether it exists.
                        Served::Kfunc(_) => Imm64::Value(1),
                        Served::Missing => Imm64::Value(0),
                    },
                };
                Ok(Insn::LoadImm64 { dst, imm })
            }
            (
                Insn::Call { target: CallTarget::Subprog(distance) },
                Target::Code { section, offset: base },
            ) => {
                let target = i64::from(base) + (i64::from(distance) + 1) * SLOT as i64;
                self.refer(function, offset, at, section, target)?;
                Ok(insn)
            }
            (
                Insn::Call { target: CallTarget::Subprog(_) | CallTarget::Helper(_) },
                Target::Extern(import),
            ) => {
                let target = match self.import(import, function, offset, at)? {
                    Served::Kfunc(KfuncTarget { id, module }) => CallTarget::Kfunc { id, module },
                    Served::Missing => {
                        let import = u32::try_from(import).unwrap_or(0);
                        CallTarget::Helper(HelperId(POISONED_CALL.saturating_add(import)))
                    }
                    Served::Variable(_) => {
                        let name = &self.object.externs[import].name;
                        return Err(self.error(function, offset, format!("calls the variable `{name}`")));
                    }
                };
                Ok(Insn::Call { target })
            }
            (insn, _) => {
                Err(self.error(function, offset, format!("`{insn:?}` cannot carry this relocation")))
            }
        }
    }

    /// Notes that the slot `at` names the function at a byte of a code section, and gives that a place.
    fn refer(
        &mut self,
        from: &Function,
        offset: u32,
        at: usize,
        section: usize,
        target: i64,
    ) -> Result<(), ObjectError> {
        let function =
            u32::try_from(target).ok().and_then(|target| self.object.code.function_at(section, target));
        let Some(function) = function else {
            let name = &self.object.code.sections[section].name;
            return Err(self.error(
                from,
                offset,
                format!("refers to byte {target:#x} of `{name}`, where no function begins"),
            ));
        };
        self.place(function)?;
        self.pending.push((u32::try_from(at).unwrap_or(u32::MAX), function));
        Ok(())
    }

    /// Writes the distances, now that every function has its place.
    fn connect(&mut self) {
        for &(at, function) in &self.pending {
            let start = self.starts[&function];
            let distance = i64::from(start) - i64::from(at) - 1;
            // Slots are fewer than 2^20.
            let distance = i32::try_from(distance).unwrap_or(i32::MAX);
            if let Insn::Call { target: CallTarget::Subprog(to) }
            | Insn::LoadImm64 { imm: Imm64::Func(to), .. } = &mut self.insns[at as usize]
            {
                *to = distance;
            }
        }
    }

    /// The structs that the program shares with the host must be laid out alike.
    fn agree(&self, kind: &ProgramKind) -> Result<(), ObjectError> {
        let Some(host) = self.resolve.shared_types() else { return Ok(()) };
        let mut served: Vec<usize> = self.imports.keys().copied().collect();
        served.sort_unstable();
        let imports = served.into_iter().map(|import| self.object.externs[import].ty);
        agree(self.object, kind, imports, host)
            .map_err(|source| ObjectError::Mismatch { program: self.program.to_owned(), source })
    }

    fn import(
        &mut self,
        index: usize,
        function: &Function,
        offset: u32,
        at: usize,
    ) -> Result<Served, ObjectError> {
        if let Some(&served) = self.imports.get(&index) {
            return Ok(served);
        }
        let Some(import) = self.object.externs.get(index) else {
            return Err(self.error(function, offset, "refers to an import that does not exist".into()));
        };
        let served = match (self.serve(import), import.strength) {
            (Ok(served), _) => served,
            (Err(ResolveError::Unknown { .. }), Strength::Weak) => Served::Missing,
            (Err(source), Strength::Weak | Strength::Strong) => {
                return Err(ObjectError::Import {
                    program: self.program.to_owned(),
                    at: InsnIdx(u32::try_from(at).unwrap_or(u32::MAX)),
                    name: import.name.clone(),
                    source,
                });
            }
        };
        self.imports.insert(index, served);
        Ok(served)
    }

    fn serve(&self, import: &Extern) -> Result<Served, ResolveError> {
        let request = Import { name: &import.name, ty: import.ty, btf: self.object.btf.as_deref() };
        match import.kind {
            ExternKind::Kfunc => self.resolve.kfunc(request).map(Served::Kfunc),
            ExternKind::Variable | ExternKind::Address => {
                self.resolve.variable(request).map(Served::Variable)
            }
            ExternKind::Config => {
                Err(ResolveError::Unknown { what: "configuration value", near: None, known: Vec::new() })
            }
        }
    }

    fn subprogs(&self) -> Vec<Subprog> {
        let functions =
            self.placed.iter().map(|index| (self.starts[index], &self.object.code.functions[*index]));
        functions
            .map(|(start, function)| Subprog {
                start: InsnIdx(start),
                name: function.name.clone(),
                func: function.func,
                linkage: function.linkage,
            })
            .collect()
    }

    fn lines(&self) -> Vec<SourceLine> {
        let Some(btf) = self.object.btf.as_deref() else { return Vec::new() };
        let mut texts: HashMap<u32, Arc<str>> = HashMap::new();
        let mut text = |offset: u32| {
            let text = texts.entry(offset).or_insert_with(|| {
                // A source name that is relative to where the compiler ran reads better without `./`.
                let text = btf.string_at(offset).unwrap_or_default();
                let text = text.trim_start_matches("./");
                let end = (0..=text.len().min(MAX_LINE_TEXT)).rev().find(|&end| text.is_char_boundary(end));
                Arc::from(&text[..end.unwrap_or(0)])
            });
            Arc::clone(text)
        };
        let mut lines = Vec::new();
        for index in &self.placed {
            let function = &self.object.code.functions[*index];
            let section = &self.object.code.sections[function.section];
            let start = self.starts[index];
            for line in within(&section.lines, function, |line| line.offset) {
                lines.push(SourceLine {
                    insn: InsnIdx(start + (line.offset - function.offset) / SLOT as u32),
                    file: text(line.file),
                    text: text(line.text),
                    line: line.line,
                    column: line.column,
                });
            }
        }
        lines
    }

    fn error(&self, function: &Function, offset: u32, reason: String) -> ObjectError {
        ObjectError::Section {
            section: self.object.code.sections[function.section].name.clone(),
            offset: offset.into(),
            reason: format!("program `{}`: {reason}", self.program),
        }
    }
}
