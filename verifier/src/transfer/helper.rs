//! Calls of helpers: is there one with this number, and may this program call it?

use opswap_bpf::{HelperId, InsnIdx};

use super::contract::{self, Callee, Checked, Contract};
use crate::reject::Reason;
use crate::state::VerifierState;
use crate::subject::Subject;

/// The contract of a helper.
pub(super) fn contract<'a>(subject: &Subject<'a>, id: HelperId) -> Result<Contract<'a>, Reason> {
    let proto = subject.host.helper(id, &subject.program.kind).map_err(|unavailable| {
        let name = subject.host.helper_name(id).unwrap_or("unknown").to_owned();
        Reason::HelperUnavailable { id, name, unavailable }
    })?;
    Ok(Contract {
        callee: Callee::Helper(id),
        name: &proto.name,
        args: &proto.args,
        ret: &proto.ret,
        flags: proto.flags,
        intrinsic: proto.intrinsic,
        effects: proto.effects,
        maps: proto.maps.as_deref(),
    })
}

pub(super) fn check(
    subject: &Subject<'_>,
    state: &VerifierState,
    id: HelperId,
    at: InsnIdx,
) -> Result<Checked, Reason> {
    contract::check(subject, state, &contract(subject, id)?, at)
}
