//! Calls of kfuncs: is there one with this id, and may this program call it?

use opswap_bpf::insn::Reg;
use opswap_bpf::proto::{
    ArgKind, ArgProto, Demand, DynptrKind, HelperEffects, KfuncFlags, RetKind, RetTrust,
};
use opswap_bpf::{InsnIdx, KfuncId};

use super::contract::{self, Callee, Checked, Contract};
use crate::reject::Reason;
use crate::state::VerifierState;
use crate::subject::Subject;

/// The contract of a kfunc.
pub(super) fn contract<'a>(subject: &Subject<'a>, id: KfuncId, module: i16) -> Result<Contract<'a>, Reason> {
    let proto = subject.host.kfunc(id, module, &subject.program.kind).map_err(|unavailable| {
        let name = subject.host.kfunc_name(id).map_or_else(|| id.0.to_string(), str::to_owned);
        Reason::KfuncUnavailable { id, name, unavailable }
    })?;
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
    let contract = contract(subject, id, module)?;
    let checked = contract::check(subject, state, &contract, at)?;
    check_ownership(&contract)?;
    Ok(checked)
}

/// Declarations by the kernel's rules may take or hand out what cannot be owned: such functions cannot be called.
fn check_ownership(contract: &Contract<'_>) -> Result<(), Reason> {
    let takes = |arg: &ArgProto| match &arg.kind {
        ArgKind::Object { demand, .. }
        | ArgKind::ObjectOrMemory { demand, .. }
        | ArgKind::Record { demand, .. } => *demand == Demand::Owned,
        ArgKind::Dynptr(kind) => *kind == DynptrKind::Owned,
        ArgKind::Allocated { demand, .. } => *demand == Demand::Owned,
        ArgKind::OwnedObject | ArgKind::Reserved | ArgKind::Node { .. } => true,
        ArgKind::Field(_)
        | ArgKind::Any
        | ArgKind::Scalar { .. }
        | ArgKind::Checked { .. }
        | ArgKind::Const { .. }
        | ArgKind::Percpu
        | ArgKind::Stack
        | ArgKind::Passed(_)
        | ArgKind::KptrSlot { .. }
        | ArgKind::Memory { .. }
        | ArgKind::Unsized
        | ArgKind::Size { .. }
        | ArgKind::Str
        | ArgKind::Map { .. }
        | ArgKind::MapKey
        | ArgKind::MapValue { .. }
        | ArgKind::Context
        | ArgKind::Arena
        | ArgKind::Iter { .. }
        | ArgKind::IrqFlag { .. }
        | ArgKind::Callback { .. }
        | ArgKind::Implicit
        | ArgKind::Ignored => false,
    };
    if contract.flags.contains(KfuncFlags::RELEASE) && !contract.args.iter().any(takes) {
        return Err(Reason::NotOwned { name: contract.name.to_owned(), reg: Reg::R1 });
    }
    let owned = match &contract.ret.kind {
        RetKind::Object { trust, .. } | RetKind::Record { trust, .. } => *trust == RetTrust::Owned,
        RetKind::Void
        | RetKind::Scalar { .. }
        | RetKind::Range { .. }
        | RetKind::CountOrErrno(_)
        | RetKind::PercpuOf(_)
        | RetKind::KptrOf(_)
        | RetKind::Cast { .. }
        | RetKind::Memory { .. }
        | RetKind::MapValue => false,
        RetKind::Allocated { .. } | RetKind::ElementOf { .. } | RetKind::SameAs(_) => true,
    };
    if contract.flags.contains(KfuncFlags::ACQUIRE) && !owned {
        return Err(Reason::AcquiresNoObject { name: contract.name.to_owned() });
    }
    Ok(())
}
