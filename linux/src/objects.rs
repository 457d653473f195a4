//! What the programs of an object are for.

use opswap::loader::ObjectFile;
use opswap_bpf::btf::BtfType;
use opswap_bpf::{OpIdx, ProgramKind};

use crate::Linux;

impl Linux {
    /// What program number `program` of an object is for: the operation of the table that names it, else what its section says.
    pub fn kind(&self, object: &ObjectFile, program: usize) -> ProgramKind {
        let section = object.programs().get(program).map(|image| image.section.clone()).unwrap_or_default();
        let tables = object.struct_ops().iter();
        let mut uses = tables.flat_map(|table| table.ops.iter().map(move |op| (table, op)));
        let operation = uses.find_map(|(table, op)| {
            // The object may lay the table out differently: members are told by name.
            let own = object.btf()?.members(table.ty)?;
            let name = &own.iter().find(|member| member.bit_offset == op.offset * 8)?.name;
            (op.program == program).then(|| self.operation(&table.type_name, name)).flatten()
        });
        operation.unwrap_or(ProgramKind::Named(section))
    }

    /// The operation with this name; operations are counted among the function members.
    fn operation(&self, ops: &str, name: &str) -> Option<ProgramKind> {
        let btf = self.types();
        let functions = btf.members(btf.find_struct(ops)?)?.iter().filter(|member| {
            let target = btf.pointee(btf.skip_modifiers(member.ty));
            target.is_some_and(|target| matches!(btf.resolve(target), BtfType::FuncProto { .. }))
        });
        let op = functions.zip(0..).find(|(member, _)| member.name == *name)?.1;
        Some(ProgramKind::StructOps { ops: ops.to_owned(), op: OpIdx(op) })
    }
}
