//! Addresses for compiled code: kfuncs, helpers and maps of one program; and the way from a linked program to a loaded one.

use std::sync::Arc;

use opswap_bpf::insn::CallTarget;
use opswap_bpf::proto::KfuncFlags;
use opswap_bpf::{HelperId, Insn, KfuncId, MapId, Program, ProgramKind};
use opswap_jit::{CodeAddr, DataAddr, Linker};
use opswap_verifier::{Host, verify_with};

use crate::error::LoadError;
use crate::kernel;
use crate::maps::Map;
use crate::module::loaded::Hold;
use crate::program::{Compiled, ProgramCore};
use crate::runtime::{Capabilities, HelperSource, Policy};
use crate::struct_ops::op_of;

/// Where the things lie that one program names.
struct Addresses<'a> {
    policy: &'a Policy,
    maps: &'a [Arc<Map>],
    cfi_hash: u32,
}

impl Linker for Addresses<'_> {
    fn kfunc(&self, id: KfuncId, module: i16) -> Option<CodeAddr> {
        self.policy.application.kfunc_code(id, module)
    }

    fn helper(&self, id: HelperId) -> Option<CodeAddr> {
        self.policy.application.helpers().addr(id)
    }

    fn packet_load(&self) -> Option<CodeAddr> {
        match self.policy.application.helpers() {
            HelperSource::Core => None,
            HelperSource::Kernel => Some(CodeAddr(kernel::packet_load as *const () as usize)),
        }
    }

    fn map(&self, id: MapId) -> Option<DataAddr> {
        self.maps.get(id.index()).map(|map| DataAddr(map.address()))
    }

    fn map_value(&self, id: MapId) -> Option<DataAddr> {
        self.maps.get(id.index())?.only_value().map(DataAddr)
    }

    fn cfi_hash(&self) -> u32 {
        self.cfi_hash
    }
}

/// Verifies and compiles a linked program.
pub(crate) fn build(
    policy: &Arc<Policy>,
    program: Program,
    maps: &Arc<[Arc<Map>]>,
) -> Result<Arc<ProgramCore>, LoadError> {
    let name = program.name.clone();
    let holds = holds(policy, &program)?;
    allowed(policy, &program)?;
    let cfi_hash = match &program.kind {
        ProgramKind::StructOps { ops, op } => policy
            .application
            .table(ops)
            .and_then(|table| op_of(table, *op))
            .map_or(0, |(_, proto)| proto.cfi_hash),
        ProgramKind::Named(_) => 0,
    };
    let proof = match verify_with(program, &**policy, &policy.limits).0 {
        Ok(proof) => proof,
        Err(rejection) => {
            return Err(LoadError::Rejected { program: name, rejection: Box::new(rejection) });
        }
    };
    let linker = Addresses { policy, maps, cfi_hash };
    let code = opswap_jit::compile(&proof, &linker)
        .map_err(|source| LoadError::Compile { program: name, source })?;
    let application = Arc::clone(&policy.application);
    let compiled = Compiled { proof, code, maps: Arc::clone(maps), application, _holds: holds };
    Ok(Arc::new(ProgramCore::new(compiled, policy.logger.clone())))
}

/// Keeps the modules loaded that the program depends on.
fn holds(policy: &Policy, program: &Program) -> Result<Vec<Hold>, LoadError> {
    let table = match &program.kind {
        ProgramKind::StructOps { ops, .. } => Some(policy.application.table_owner(ops)),
        ProgramKind::Named(_) => None,
    };
    let called = program.insns.iter().filter_map(|insn| {
        let Insn::Call { target: CallTarget::Kfunc { id, .. } } = insn else { return None };
        Some(policy.application.kfunc_owner(*id))
    });
    let owners = called.chain(table).filter(|owner| owner.name().is_some());
    owners
        .map(|owner| {
            owner.hold().ok_or_else(|| LoadError::ModuleGone {
                program: program.name.clone(),
                module: owner.name().unwrap_or_default().to_owned(),
            })
        })
        .collect()
}

/// Whether the runtime lets the program call what it calls.
pub(super) fn allowed(policy: &Policy, program: &Program) -> Result<(), LoadError> {
    let needs =
        [(KfuncFlags::DESTRUCTIVE, Capabilities::DESTRUCTIVE), (KfuncFlags::PERFMON, Capabilities::PERFMON)];
    for insn in &program.insns {
        let Insn::Call { target: CallTarget::Kfunc { id, module } } = insn else { continue };
        // What may not be called at all is the verifier's to say.
        let Ok(kfunc) = policy.kfunc(*id, *module, &program.kind) else { continue };
        for (flag, capability) in needs {
            if kfunc.flags.contains(flag) && !policy.capabilities.contains(capability) {
                return Err(LoadError::Capability {
                    program: program.name.clone(),
                    kfunc: kfunc.name.to_string(),
                    capability,
                });
            }
        }
    }
    Ok(())
}
