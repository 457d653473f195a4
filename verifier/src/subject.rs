//! [`Subject`]: the program under proof with everything that stays the same during the walk.

use opswap_bpf::insn::CallTarget;
use opswap_bpf::map::MapField;
use opswap_bpf::proto::{EntryProto, Sleepable};
use opswap_bpf::{BtfId, Insn, InsnIdx, MapId, MapProto, Program};

use crate::cfg::Cfg;
use crate::globals::{Global, Globals};
use crate::host::{Host, Policy};
use crate::limits::Limits;
use crate::reject::Reason;
use crate::structs::Structs;

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
    pub(crate) structs: Structs,
}

/// A map of the program, or the shape of the maps inside one.
pub(crate) fn map_of(program: &Program, id: MapId) -> Option<&MapProto> {
    match id.index().checked_sub(program.maps.len()) {
        None => program.maps.get(id.index()).map(AsRef::as_ref),
        Some(outer) => program.maps.get(outer)?.inner.as_deref(),
    }
}

impl<'a> Subject<'a> {
    /// The global function that an instruction calls by contract.
    pub(crate) fn global_called(&self, insn: &Insn, at: InsnIdx) -> Option<&'a Global> {
        let Insn::Call { target: CallTarget::Subprog(offset) } = insn else { return None };
        self.globals.at(at.jump(*offset)?)
    }

    /// A map of the program, or the shape of the maps inside one.
    pub(crate) fn map(&self, id: MapId) -> Result<&'a MapProto, Reason> {
        map_of(self.program, id).ok_or(Reason::UnknownMap { map: id })
    }

    /// The maps inside a map: they are numbered behind the program's own.
    pub(crate) fn inner_map(&self, outer: MapId) -> Option<MapId> {
        self.program.maps.get(outer.index())?.inner.as_ref()?;
        u32::try_from(self.program.maps.len() + outer.index()).ok().map(MapId)
    }

    /// The special fields of a struct of the program; `None` where it breaks the rules for them.
    pub(crate) fn struct_fields(&self, ty: BtfId) -> Option<Vec<MapField>> {
        self.structs.fields(self.program.btf.as_deref()?, self.host, ty)
    }

    /// Whether it was found in another map: it may be any map of that shape.
    pub(crate) fn is_inner(&self, id: MapId) -> bool {
        id.index() >= self.program.maps.len()
    }
}
