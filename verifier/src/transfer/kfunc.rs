//! Calls of kfuncs: is there one with this id, and may this program call it?

use opswap_bpf::proto::HelperEffects;
use opswap_bpf::{InsnIdx, KfuncId};

use super::contract::{self, Callee, Checked, Contract};
use crate::reject::Reason;
use crate::state::VerifierState;
use crate::subject::Subject;

/// The contract of a kfunc.
pub(super) fn contract<'a>(subject: &Subject<'a>, id: KfuncId, module: i16) -> Result<Contract<'a>, Reason> {
    let proto = subject
        .host
        .kfunc(id, module, &subject.program.kind)
        .map_err(|unavailable| Reason::KfuncUnavailable { id, unavailable })?;
    Ok(Contract {
        callee: Callee::Kfunc(id),
        name: &proto.name,
        args: &proto.args,
        ret: &proto.ret,
        flags: proto.flags,
        intrinsic: proto.intrinsic,
        effects: HelperEffects::empty(),
        maps: None,
    })
}

pub(super) fn check(
    subject: &Subject<'_>,
    state: &VerifierState,
    id: KfuncId,
    module: i16,
    at: InsnIdx,
) -> Result<Checked, Reason> {
    contract::check(subject, state, &contract(subject, id, module)?, at)
}
