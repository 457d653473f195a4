//! The registry's answers to the verifier, to the loader and to the JIT's linker.

use opswap_bpf::btf::{BtfType, compare};
use opswap_bpf::proto::{
    ArgKind, ArgProto, Demand, FieldAccess, FieldPolicy, KfuncProto, LegacyLoads, PacketRules, PointerPolicy,
    StructOpsMemberKind,
};
use opswap_bpf::{Btf, BtfSpace, EntryProto, HelperId, HelperProto, KfuncId, ProgramKind, TypeRef};
use opswap_verifier::Host;
use opswap_verifier::host::Unavailable;

use super::near::nearest;
use super::{Kfunc, Registry};
use crate::loader::{Import, KfuncTarget, Resolve, ResolveError};

/// Names that an error lists before it says how many more there are.
const LISTED: usize = 12;

impl Host for Registry {
    fn btf(&self, space: BtfSpace) -> Option<&Btf> {
        match space {
            BtfSpace::Host => Some(&self.btf),
            BtfSpace::Module(_) | BtfSpace::Program => None,
        }
    }

    fn entry(&self, kind: &ProgramKind) -> Option<&EntryProto> {
        match kind {
            ProgramKind::Named(_) => None,
            ProgramKind::StructOps { ops, op } => {
                let table = self.struct_ops_named(ops)?;
                table.members.iter().find_map(|member| match &member.kind {
                    StructOpsMemberKind::Op(proto) if proto.op == *op => Some(&proto.entry),
                    StructOpsMemberKind::Op(_) | StructOpsMemberKind::Data => None,
                })
            }
        }
    }

    fn kfunc(&self, id: KfuncId, module: i16, kind: &ProgramKind) -> Result<&KfuncProto, Unavailable> {
        let kfunc = self.kfuncs.get(id.index()).filter(|_| module == 0).ok_or(Unavailable::Unknown)?;
        // A filter is the module's code.
        let _held = kfunc.owner.hold().ok_or(Unavailable::Unknown)?;
        if kfunc.available.allows(kind, &kfunc.proto.name) {
            Ok(&kfunc.proto)
        } else {
            Err(Unavailable::WrongProgramKind)
        }
    }

    fn helper(&self, id: HelperId, _: &ProgramKind) -> Result<&HelperProto, Unavailable> {
        crate::helpers::proto(id).ok_or(Unavailable::Unknown)
    }

    fn release_of(&self, ty: TypeRef, kind: &ProgramKind) -> Option<&KfuncProto> {
        let releases = self.kfuncs.iter().filter(|kfunc| kfunc.releases(ty, kind));
        releases.map(|kfunc| &*kfunc.proto).min_by_key(|proto| proto.args.len())
    }

    /// The slice of an operation is what a packet is to a network program.
    fn packet(&self, kind: &ProgramKind) -> PacketRules {
        let ProgramKind::StructOps { ops, op } = kind else { return PacketRules::NONE };
        let at = self.tables.binary_search_by(|table| table.proto.name.as_str().cmp(ops));
        let slices = at.ok().and_then(|at| self.tables.get(at)).map_or(&[][..], |table| &table.slices);
        let direct = slices.iter().find(|(slice, _)| slice == op).map(|(_, access)| *access);
        PacketRules { direct, legacy: LegacyLoads::Refused }
    }

    fn field(&self, owner: TypeRef, member: u32, _: &ProgramKind) -> FieldPolicy {
        const HIDDEN: FieldPolicy =
            FieldPolicy { access: FieldAccess::Hidden, pointer: PointerPolicy::Untrusted };
        match owner.space {
            BtfSpace::Host => {
                let policies = self.policies.get(&owner.id);
                policies.and_then(|policies| policies.get(member as usize)).copied().unwrap_or(HIDDEN)
            }
            BtfSpace::Module(_) | BtfSpace::Program => HIDDEN,
        }
    }
}

impl Kfunc {
    /// Whether a program of this kind gives a reference to a `ty` back with it, and needs nothing else for that: the kfunc that takes
    /// it first, and no other reference.
    fn releases(&self, ty: TypeRef, kind: &ProgramKind) -> bool {
        let owned = |arg: &ArgProto| matches!(arg.kind, ArgKind::Object { demand: Demand::Owned, .. });
        let this = ArgKind::Object { ty, demand: Demand::Owned };
        self.proto.args.first().is_some_and(|arg| arg.kind == this)
            && self.proto.args.iter().filter(|arg| owned(arg)).count() == 1
            && self.available.allows(kind, &self.proto.name)
    }
}

impl Resolve for Registry {
    fn kfunc(&self, import: Import<'_>) -> Result<KfuncTarget, ResolveError> {
        let here =
            |id: &KfuncId| self.kfuncs.get(id.index()).is_some_and(|kfunc| kfunc.owner.hold().is_some());
        let Some(id) = self.kfunc_named(import.name).filter(here) else {
            return Err(self.unknown(import.name));
        };
        if let (Some(btf), Some(kfunc)) = (import.btf, self.kfuncs.get(id.index())) {
            self.compare_prototypes(btf, import, kfunc)?;
        }
        Ok(KfuncTarget { id, module: 0 })
    }

    fn types(&self) -> Option<&Btf> {
        Some(&self.btf)
    }
}

impl Registry {
    fn unknown(&self, name: &str) -> ResolveError {
        let names = || self.kfuncs.iter().map(|kfunc| kfunc.proto.name.as_str());
        let mut known: Vec<String> = names().take(LISTED).map(|name| format!("`{name}`")).collect();
        if self.kfuncs.len() > LISTED {
            known.push(format!("and {} more", self.kfuncs.len() - LISTED));
        }
        ResolveError::Unknown { what: "kfunc", near: nearest(name, names()).map(str::to_owned), known }
    }

    /// An object that declares a kfunc in another way was written against another host.
    fn compare_prototypes(&self, btf: &Btf, import: Import<'_>, kfunc: &Kfunc) -> Result<(), ResolveError> {
        let is_function = matches!(btf.get(import.ty), Some(BtfType::Func(_)));
        if is_function {
            compare(btf, import.ty, &self.btf, kfunc.proto.func.id)?;
        }
        Ok(())
    }
}
