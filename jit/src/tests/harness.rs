//! Proves a program, compiles it, looks at the image a second time (`validate`) and calls it.

pub(super) mod machine;

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::{CallTarget, Imm64, Size};
use opswap_bpf::proto::{
    ArgKind, ArgProto, ContextLayout, FieldAccess, FieldPolicy, HelperEffects, MemAccess, Nullness,
    PointerPolicy, RetKind, RetProto, ReturnRule, Sleepable,
};
use opswap_bpf::{
    Btf, BtfId, BtfSpace, EntryProto, HelperId, HelperProto, Insn, InsnIdx, KfuncFlags, KfuncId, KfuncProto,
    MapId, Program, ProgramKind, TypeRef, assemble,
};
use opswap_verifier::host::Unavailable;
use opswap_verifier::limits::{ImmediateRules, UnreachableCode};
use opswap_verifier::verified::{Access, Reach, SubprogFacts};
use opswap_verifier::{Host, Limits, VerifiedProgram, verify_with};

use crate::cpu::{Bmi2, Cpu};
use crate::input::Input;
use crate::opt::Level;
use crate::validate::check;
use crate::{CodeAddr, DataAddr, Executable, Linker, RunHeader, compile_for};

/// The contract of a program that is given a buffer of so many bytes and returns a number.
pub(super) fn buffer_entry(size: u32) -> EntryProto {
    EntryProto {
        name: "test".to_owned(),
        context: ContextLayout::Buffer { size, access: MemAccess::ReadWrite },
        ret: ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned },
        sleepable: Sleepable::No,
        declared_at: None,
    }
}

/// Contracts for the tests: kfuncs that take numbers and return one.
struct TestHost {
    entry: EntryProto,
    kfuncs: Vec<KfuncProto>,
    helper: HelperProto,
}

impl Host for TestHost {
    fn btf(&self, _: BtfSpace) -> Option<&Btf> {
        None
    }
    fn entry(&self, _: &ProgramKind) -> Option<&EntryProto> {
        Some(&self.entry)
    }
    fn kfunc(&self, id: KfuncId, _: i16, _: &ProgramKind) -> Result<&KfuncProto, Unavailable> {
        self.kfuncs.get(id.index()).ok_or(Unavailable::Unknown)
    }
    fn helper(&self, _: HelperId, _: &ProgramKind) -> Result<&HelperProto, Unavailable> {
        Ok(&self.helper)
    }
    fn field(&self, _: TypeRef, _: u32, _: &ProgramKind) -> FieldPolicy {
        FieldPolicy { access: FieldAccess::Hidden, pointer: PointerPolicy::Untrusted }
    }
}

fn numbers(count: u32) -> Vec<ArgProto> {
    let kind = ArgKind::Scalar { size: Size::DW, signed: Signedness::Unsigned };
    (0..count)
        .map(|at| ArgProto { name: format!("a{at}").into(), kind: kind.clone(), null: Nullness::NonNull })
        .collect()
}

fn number() -> RetProto {
    let kind = RetKind::Scalar { size: Size::DW, signed: Signedness::Unsigned };
    RetProto { kind, null: Nullness::NonNull }
}

fn kfunc(args: u32) -> KfuncProto {
    KfuncProto {
        name: format!("kfunc{args}").into(),
        args: numbers(args),
        ret: number(),
        flags: KfuncFlags::empty(),
        func: TypeRef::host(BtfId(1)),
        intrinsic: None,
        declared_at: None,
    }
}

/// Proves a program by the rules of RFC 9669; kfunc `n` of `arities` takes so many numbers, every helper one.
pub(super) fn prove(insns: &[Insn], entry: EntryProto, arities: &[u32]) -> Result<VerifiedProgram, String> {
    let helper = HelperProto {
        id: HelperId(0),
        name: "helper".to_owned(),
        args: numbers(1),
        ret: number(),
        flags: KfuncFlags::empty(),
        effects: HelperEffects::empty(),
        maps: None,
        intrinsic: None,
    };
    let host = TestHost { entry, kfuncs: arities.iter().map(|&args| kfunc(args)).collect(), helper };
    let limits = Limits {
        immediates: ImmediateRules::Rfc9669,
        unreachable: UnreachableCode::Allowed,
        insns_processed: 100_000,
        ..Limits::default()
    };
    let program = Program::bare("test", ProgramKind::Named("test".to_owned()), insns.to_vec());
    verify_with(program, &host, &limits).0.map_err(|rejection| format!("{rejection:#}"))
}

/// A program that is right but that the verifier cannot follow (callbacks, loops of millions of rounds). Within this crate's tests
/// an [`Input`] can be written by hand; nobody else can.
pub(super) struct Assumed {
    insns: Vec<Insn>,
    context: ContextLayout,
    functions: Vec<SubprogFacts>,
}

impl Assumed {
    /// A program text over a buffer of so many bytes; each function has 64 bytes of stack.
    pub(super) fn new(text: &str, buffer: u32) -> Self {
        let insns = assemble(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut starts = vec![InsnIdx(0)];
        for (at, insn) in (0..).zip(&insns) {
            if let Insn::Call { target: CallTarget::Subprog(offset) }
            | Insn::LoadImm64 { imm: Imm64::Func(offset), .. } = insn
            {
                starts.extend(InsnIdx(at).jump(*offset));
            }
        }
        starts.sort_unstable();
        starts.dedup();
        let ends = starts.iter().skip(1).copied().chain([InsnIdx(insns.len() as u32)]);
        let functions = starts
            .iter()
            .zip(ends)
            .map(|(&start, end)| SubprogFacts { start, end, stack_bytes: 64 })
            .collect();
        Self { insns, context: buffer_entry(buffer).context, functions }
    }

    pub(super) fn compile(&self, linker: &dyn Linker) -> Executable {
        let input = Input {
            insns: &self.insns,
            context: &self.context,
            functions: &self.functions,
            reach: vec![Reach::Live; self.insns.len()],
            access: vec![Access::Plain; self.insns.len()],
        };
        compile_input(&input, linker, (Cpu::detect(), Level::Full))
    }

    /// Compiles with one access that engines do not make.
    pub(super) fn compile_refusing(&self, slot: usize, linker: &dyn Linker, way: (Cpu, Level)) -> Executable {
        let mut access = vec![Access::Plain; self.insns.len()];
        access[slot] = Access::Refused;
        let input = Input {
            insns: &self.insns,
            context: &self.context,
            functions: &self.functions,
            reach: vec![Reach::Live; self.insns.len()],
            access,
        };
        compile_input(&input, linker, way)
    }
}

/// Host functions by number, for kfuncs and helpers alike, and the CFI hash of the entry.
#[derive(Default)]
pub(super) struct TestLinker {
    pub(super) functions: Vec<CodeAddr>,
    /// How many numbers each takes.
    pub(super) arities: Vec<u32>,
    pub(super) cfi_hash: u32,
}

impl Linker for TestLinker {
    fn kfunc(&self, id: KfuncId, _: i16) -> Option<CodeAddr> {
        self.functions.get(id.index()).copied()
    }
    fn helper(&self, id: HelperId) -> Option<CodeAddr> {
        self.functions.get(id.index()).copied()
    }
    fn map(&self, _: MapId) -> Option<DataAddr> {
        None
    }
    fn map_value(&self, _: MapId) -> Option<DataAddr> {
        None
    }
    fn packet_load(&self) -> Option<CodeAddr> {
        Some(machine::address(machine::packet_load))
    }
    fn cfi_hash(&self) -> u32 {
        self.cfi_hash
    }
}

/// How to compile: for this machine and for one without optional instructions, with all passes and with none.
pub(super) fn ways() -> [(Cpu, Level); 4] {
    let baseline = Cpu { bmi2: Bmi2::Absent };
    [
        (Cpu::detect(), Level::Full),
        (Cpu::detect(), Level::None),
        (baseline, Level::Full),
        (baseline, Level::None),
    ]
}

/// Compiles in one way and validates the image.
pub(super) fn compile_checked(
    program: &VerifiedProgram,
    linker: &dyn Linker,
    way: (Cpu, Level),
) -> Executable {
    compile_input(&Input::of(program), linker, way)
}

fn compile_input(input: &Input<'_>, linker: &dyn Linker, (cpu, level): (Cpu, Level)) -> Executable {
    let executable = compile_for(input, linker, cpu, level).unwrap_or_else(|error| panic!("{error}"));
    check(&executable, input.insns, linker).unwrap_or_else(|flaw| panic!("{flaw}"));
    executable
}

/// Compiles a program text for a buffer of so many bytes.
pub(super) fn compiled(text: &str, buffer: usize, linker: &TestLinker) -> Executable {
    let insns = assemble(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let program = prove(&insns, buffer_entry(buffer as u32), &linker.arities)
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    compile_checked(&program, linker, (Cpu::detect(), Level::Full))
}

/// Runs a program text over a buffer.
pub(super) fn run(text: &str, buffer: &mut [u8], linker: &TestLinker) -> u64 {
    machine::call(&compiled(text, buffer.len(), linker), buffer, &RunHeader::default())
}
