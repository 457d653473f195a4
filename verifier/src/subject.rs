//! [`Subject`]: the program under proof with everything that stays the same during the walk.

use opswap_bpf::insn::CallTarget;
use opswap_bpf::proto::{EntryProto, Sleepable};
use opswap_bpf::{Insn, InsnIdx, MapId, MapProto, Program};

use crate::cfg::Cfg;
use crate::globals::{Global, Globals};
use crate::host::{Host, Policy};
use crate::limits::Limits;
use crate::reject::Reason;

/// The program, its host and the rules.
pub(crate) struct Subject<'a> {
    pub(crate) program: &'a Program,
    pub(crate) host: &'a dyn Host,
    pub(crate) entry: &'a EntryProto,
    pub(crate) cfg: &'a Cfg,
    pub(crate) globals: &'a Globals,
    pub(crate) limits: &'a Limits,
    pub(crate) policy: Policy,
    pub(crate) sleepable: Sleepable,
}

impl<'a> Subject<'a> {
    /// The global function that an instruction calls by contract.
    pub(crate) fn global_called(&self, insn: &Insn, at: InsnIdx) -> Option<&'a Global> {
        let Insn::Call { target: CallTarget::Subprog(offset) } = insn else { return None };
        self.globals.at(at.jump(*offset)?)
    }

    /// A map of the program.
    pub(crate) fn map(&self, id: MapId) -> Result<&'a MapProto, Reason> {
        self.program.maps.get(id.index()).map(AsRef::as_ref).ok_or(Reason::UnknownMap { map: id })
    }
}
