//! [`Image`]: the verified and compiled programs of one table of an object, with the table's data.

use std::sync::Arc;

use opswap_bpf::OpIdx;
use opswap_bpf::proto::{OpProto, StructOpsMember, StructOpsMemberKind, StructOpsProto};

use super::table::TableView;
use crate::loader::LinkKind;
use crate::module::loaded::Hold;
use crate::program::ProgramCore;

/// A table that is ready to be attached.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) proto: Arc<StructOpsProto>,
    /// The table's bytes in the application's layout; functions are 0.
    pub(crate) data: Box<[u8]>,
    /// By operation.
    pub(crate) programs: Vec<Option<Arc<ProgramCore>>>,
    /// Names of `programs`.
    pub(crate) provided: Vec<Option<String>>,
    pub(crate) link: LinkKind,
    /// On the module that declares the table's type.
    pub(crate) hold: Hold,
}

impl Image {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn programs(&self) -> &[Option<Arc<ProgramCore>>] {
        &self.programs
    }

    pub(crate) fn view(&self) -> TableView<'_> {
        TableView { name: &self.name, proto: &self.proto, data: &self.data, provided: &self.provided }
    }
}

/// The member that operation `op` is.
pub(crate) fn op_of(proto: &StructOpsProto, op: OpIdx) -> Option<(&StructOpsMember, &OpProto)> {
    proto.members.iter().find_map(|member| match &member.kind {
        StructOpsMemberKind::Op(found) if found.op == op => Some((member, found)),
        StructOpsMemberKind::Op(_) | StructOpsMemberKind::Data => None,
    })
}
