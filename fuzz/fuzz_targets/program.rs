//! Bytes as instructions: decoded, and verified as a program over a plain buffer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::Size;
use opswap_bpf::proto::{ContextLayout, FieldAccess, FieldPolicy, MemAccess, PointerPolicy, ReturnRule, Sleepable};
use opswap_bpf::{
    Btf, BtfSpace, EntryProto, HelperId, HelperProto, KfuncId, KfuncProto, Program, ProgramKind, TypeRef, decode,
};
use opswap_verifier::host::Unavailable;
use opswap_verifier::{Host, Limits, verify_with};

struct Plain(EntryProto);

impl Host for Plain {
    fn btf(&self, _: BtfSpace) -> Option<&Btf> {
        None
    }
    fn entry(&self, _: &ProgramKind) -> Option<&EntryProto> {
        Some(&self.0)
    }
    fn kfunc(&self, _: KfuncId, _: i16, _: &ProgramKind) -> Result<&KfuncProto, Unavailable> {
        Err(Unavailable::Unknown)
    }
    fn helper(&self, _: HelperId, _: &ProgramKind) -> Result<&HelperProto, Unavailable> {
        Err(Unavailable::Unknown)
    }
    fn field(&self, _: TypeRef, _: u32, _: &ProgramKind) -> FieldPolicy {
        FieldPolicy { access: FieldAccess::Hidden, pointer: PointerPolicy::Untrusted }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(insns) = decode(bytes) else { return };
    let host = Plain(EntryProto {
        name: "fuzz".into(),
        context: ContextLayout::Buffer { size: 256, access: MemAccess::ReadWrite },
        ret: ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned },
        sleepable: Sleepable::No,
        declared_at: None,
    });
    let limits = Limits { insns_processed: 20_000, ..Limits::default() };
    let program = Program::bare("fuzz", ProgramKind::Named("fuzz".into()), insns);
    if let Err(rejection) = verify_with(program, &host, &limits).0 {
        // The report is part of what strangers can reach.
        let _ = format!("{rejection:#}");
    }
});
