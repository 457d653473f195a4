//! Tables of operations in an object against the application's types: which program is which operation, and what the data members
//! hold. Members are matched by name, as libbpf does; their types and offsets must be the application's.

use std::sync::Arc;

use opswap_bpf::btf::compare;
use opswap_bpf::proto::{DeclaredAt, OpPresence, StructOpsMember, StructOpsMemberKind, StructOpsProto};
use opswap_bpf::{BtfSpace, OpIdx, ProgramKind, Text};

use super::{Loaded, link};
use crate::error::{LoadError, TableError};
use crate::loader::{Autoload, ObjectFile, StructOpsImage};
use crate::module::loaded::Hold;
use crate::program::ProgramCore;
use crate::registry::Origin;
use crate::runtime::Policy;
use crate::struct_ops::{Image, Instrument, Member, StructOps, TableView, apply, op_of};

/// A table whose programs are known by number.
#[derive(Debug)]
pub(super) struct Layout {
    image: StructOpsImage,
    proto: Arc<StructOpsProto>,
    /// By operation: index of the program and its name.
    programs: Vec<Option<(usize, String)>>,
    hold: Hold,
}

impl Layout {
    /// The programs, and what each is for.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (usize, ProgramKind)> {
        (0..).zip(&self.programs).filter_map(|(op, program)| {
            let (program, _) = program.as_ref()?;
            Some((*program, ProgramKind::StructOps { ops: self.proto.name.clone(), op: OpIdx(op) }))
        })
    }

    /// The finished table, once its programs are compiled.
    pub(super) fn into_image(self, cores: &[Option<Arc<ProgramCore>>]) -> Image {
        let programs = self
            .programs
            .iter()
            .map(|program| program.as_ref().and_then(|(index, _)| cores.get(*index).cloned().flatten()))
            .collect();
        Image {
            name: self.image.name,
            proto: self.proto,
            data: self.image.data.into(),
            programs,
            provided: self.programs.into_iter().map(|program| program.map(|(_, name)| name)).collect(),
            link: self.image.link,
            hold: self.hold,
        }
    }
}

/// The tables of an object, checked against the application's types.
pub(super) fn layouts(policy: &Policy, file: &ObjectFile) -> Result<Vec<Layout>, LoadError> {
    file.struct_ops()
        .iter()
        .filter(|image| image.autoload == Autoload::Yes)
        .map(|image| layout_of(policy, file, image))
        .collect()
}

/// One table, checked against the application's type.
pub(super) fn layout_of(
    policy: &Policy,
    file: &ObjectFile,
    image: &StructOpsImage,
) -> Result<Layout, LoadError> {
    layout(policy, file, image)
        .map_err(|reason| LoadError::Table { name: image.name.clone(), reason: Box::new(reason) })
}

fn layout(policy: &Policy, file: &ObjectFile, image: &StructOpsImage) -> Result<Layout, TableError> {
    let proto = policy.application.table(&image.type_name).ok_or_else(|| TableError::UnknownType {
        ty: image.type_name.clone(),
        has: policy.application.tables(),
    })?;
    let owner = policy.application.table_owner(&image.type_name);
    let hold = owner.hold().ok_or_else(|| TableError::UnknownType {
        ty: image.type_name.clone(),
        has: policy.application.tables(),
    })?;
    check_type(policy, file, image, proto)?;
    if image.data.len() != proto.size as usize {
        return Err(TableError::Size {
            ty: proto.name.clone(),
            expected: proto.size,
            found: image.data.len(),
        });
    }
    let ops = proto.members.iter().filter(|member| matches!(member.kind, StructOpsMemberKind::Op(_))).count();
    let mut programs = vec![None; ops];
    for filled in &image.ops {
        let program = file.programs().get(filled.program);
        let name = program.map(|program| program.name.clone()).unwrap_or_default();
        let Some((member, op)) = proto.members.iter().find_map(|member| match &member.kind {
            StructOpsMemberKind::Op(op) if member.offset == filled.offset => Some((member, op)),
            StructOpsMemberKind::Op(_) | StructOpsMemberKind::Data => None,
        }) else {
            return Err(TableError::NotAnOp { program: name, offset: filled.offset, ty: proto.name.clone() });
        };
        if op.presence == OpPresence::Unsupported {
            return Err(TableError::Unsupported { op: member.name.clone(), ty: proto.name.clone() });
        }
        programs[op.op.index()] = Some((filled.program, name));
    }
    for member in &proto.members {
        if let StructOpsMemberKind::Op(op) = &member.kind
            && op.presence == OpPresence::Required
            && programs[op.op.index()].is_none()
        {
            return Err(TableError::Missing { op: member.name.clone() });
        }
    }
    Ok(Layout { image: image.clone(), proto: Arc::clone(proto), programs, hold })
}

/// The object's struct must be the application's.
fn check_type(
    policy: &Policy,
    file: &ObjectFile,
    image: &StructOpsImage,
    proto: &StructOpsProto,
) -> Result<(), TableError> {
    let (Some(object), Some(host)) = (file.btf(), policy.application.btf(BtfSpace::Host)) else {
        // Without types there is nothing to compare; the table's size was checked.
        return Ok(());
    };
    compare(object, image.ty, host, proto.ty.id).map_err(TableError::Layout)
}

/// Asks the callbacks of `T` about a table, in the kernel's order.
pub(super) fn accept<T: StructOps>(object: &Loaded, image: &Arc<Image>) -> Result<Arc<Image>, TableError> {
    if image.proto.name != T::DECL.name {
        return Err(TableError::OtherType {
            expected: T::DECL.name.to_owned(),
            found: image.proto.name.clone(),
        });
    }
    if object.policy.application.origin() == Origin::Elsewhere {
        return Err(TableError::NotLinked { ty: T::DECL.name.to_owned() });
    }
    let declared = DeclaredAt { file: Text::fixed(T::DECL.place.file()), line: T::DECL.place.line };
    if image.proto.declared_at.as_ref() != Some(&declared) {
        // A table of that name in another module.
        return Err(TableError::NotLinked { ty: T::DECL.name.to_owned() });
    }
    let image = instrumented::<T>(object, image)?;
    let view = image.view();
    T::init(&image.proto).map_err(|refusal| refused("init", None, refusal.reason()))?;
    for (member, program) in ops(&image) {
        if let Some(linked) = program.linked() {
            T::check_member(member, linked)
                .map_err(|refusal| refused("check_member", Some(member), refusal.reason()))?;
        }
    }
    for member in image.proto.members.iter().filter(|member| matches!(member.kind, StructOpsMemberKind::Data))
    {
        take_data::<T>(member, &view)?;
    }
    T::validate(&view).map_err(|refusal| refused("validate", None, refusal.reason()))?;
    Ok(image)
}

/// The table with the prologues and epilogues of `T` in its programs; verified anew where there are any.
fn instrumented<T: StructOps>(object: &Loaded, image: &Arc<Image>) -> Result<Arc<Image>, TableError> {
    let mut programs = image.programs.clone();
    let mut changed = false;
    for (op, core) in (0..).zip(&image.programs) {
        let (Some((member, _)), Some(core)) = (op_of(&image.proto, OpIdx(op)), core) else { continue };
        if let Some(instrumented) = instrument::<T>(object, member, core)? {
            programs[op as usize] = Some(instrumented);
            changed = true;
        }
    }
    if !changed {
        return Ok(Arc::clone(image));
    }
    let (name, data) = (image.name.clone(), image.data.clone());
    let (proto, provided, link) = (Arc::clone(&image.proto), image.provided.clone(), image.link);
    let hold = image.hold.clone();
    Ok(Arc::new(Image { name, proto, data, programs, provided, link, hold }))
}

/// One program with what `T` puts around it; `None` when that is nothing.
fn instrument<T: StructOps>(
    object: &Loaded,
    member: &StructOpsMember,
    core: &Arc<ProgramCore>,
) -> Result<Option<Arc<ProgramCore>>, TableError> {
    let Some(compiled) = core.compiled() else { return Ok(None) };
    let Some(main) = compiled.proof.subprogs().first() else { return Ok(None) };
    // Below the program's own stack, so that only the epilogue knows of it.
    let saved = i16::try_from(main.stack_bytes + 8).map_or(i16::MIN, |bytes| -bytes);
    let kfunc = |name: &str| object.policy.application.kfunc_id(name);
    let mut prologue = Instrument::new(saved, &kfunc);
    T::gen_prologue(member, &mut prologue)
        .map_err(|refusal| refused("gen_prologue", Some(member), refusal.reason()))?;
    let mut epilogue = Instrument::new(saved, &kfunc);
    T::gen_epilogue(member, &mut epilogue)
        .map_err(|refusal| refused("gen_epilogue", Some(member), refusal.reason()))?;
    let (prologue, epilogue) = (prologue.finish(), epilogue.finish());
    if prologue.is_empty() && epilogue.is_empty() {
        return Ok(None);
    }
    let program = apply(compiled.proof.program().clone(), main.end, prologue, epilogue, saved);
    let core = link::build(&object.policy, program, &object.maps)
        .map_err(|source| TableError::Instrumented { op: member.name.clone(), source: Box::new(source) })?;
    Ok(Some(core))
}

/// The operations that a table provides, with their members.
fn ops(image: &Image) -> impl Iterator<Item = (&StructOpsMember, crate::program::Program)> {
    (0..).zip(&image.programs).filter_map(|(op, program)| {
        let (member, _) = op_of(&image.proto, OpIdx(op))?;
        Some((member, crate::program::Program::new(Arc::clone(program.as_ref()?))))
    })
}

fn take_data<T: StructOps>(member: &StructOpsMember, view: &TableView<'_>) -> Result<(), TableError> {
    let bytes = view.member(&member.name).unwrap_or_default();
    if bytes.iter().all(|&byte| byte == 0) {
        return Ok(());
    }
    match T::init_member(member, view) {
        Ok(Member::Taken) => Ok(()),
        Ok(Member::Unhandled) => {
            Err(TableError::NotZero { member: member.name.clone(), ty: T::DECL.name.to_owned() })
        }
        Err(refusal) => Err(refused("init_member", Some(member), refusal.reason())),
    }
}

fn refused(callback: &'static str, member: Option<&StructOpsMember>, reason: &str) -> TableError {
    TableError::Refused {
        callback,
        member: member.map(|member| member.name.clone()),
        reason: reason.to_owned(),
    }
}
