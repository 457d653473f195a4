//! Runs an accepted mutant in the interpreter and compiled, and compares.

use opswap_bpf::insn::CallTarget;
use opswap_bpf::interp::{Budget, NoCalls, Protection, Regions, TrapKind, run};
use opswap_bpf::random::Rng;
use opswap_bpf::{HelperId, Insn, KfuncId, MapId};
use opswap_jit::{CodeAddr, DataAddr, Executable, Linker, RunHeader, compile};
use opswap_verifier::VerifiedProgram;

/// Bytes of the memory that programs are given.
pub(crate) const MEMORY: u32 = 256;

/// Nothing can be called.
struct Alone;

impl Linker for Alone {
    fn kfunc(&self, _: KfuncId, _: i16) -> Option<CodeAddr> {
        None
    }
    fn helper(&self, _: HelperId) -> Option<CodeAddr> {
        None
    }
    fn map(&self, _: MapId) -> Option<DataAddr> {
        None
    }
    fn map_value(&self, _: MapId) -> Option<DataAddr> {
        None
    }
}

/// Whether a program needs nothing from outside, and ends soon.
pub(crate) fn alone(insns: &[Insn]) -> bool {
    insns.iter().all(|insn| {
        let calls = matches!(insn, Insn::Call { target: CallTarget::Helper(_) | CallTarget::Kfunc { .. } });
        let names =
            matches!(insn, Insn::LoadImm64 { imm, .. } if !matches!(imm, opswap_bpf::insn::Imm64::Value(_)));
        !calls
            && !names
            && !matches!(insn, Insn::LoadPacket { .. } | Insn::CallReg { .. } | Insn::MayGoto { .. })
    })
}

fn call(executable: &Executable, memory: &mut [u8]) -> u64 {
    type Entry = extern "C" fn(*mut u8, *const RunHeader) -> u64;
    let header = RunHeader::default();
    let CodeAddr(entry) = executable.entry();
    // SAFETY: this is the address of a compiled entry, which has this signature; the executable is borrowed, the memory has the
    // size of the contract that the program was proved against.
    let entry = unsafe { std::mem::transmute::<*const (), Entry>(entry as *const ()) };
    entry(memory.as_mut_ptr(), &raw const header)
}

/// Runs a program of a plain buffer both ways.
///
/// # Errors
/// What differed.
pub(crate) fn compare(proof: &VerifiedProgram, rng: &mut Rng) -> Result<(), String> {
    let executable = compile(proof, &Alone).map_err(|error| format!("not compiled: {error}"))?;
    for _ in 0..2 {
        let before: Vec<u8> = (0..MEMORY / 8).flat_map(|_| rng.edge().to_le_bytes()).collect();
        let mut native = before.clone();
        let base = native.as_mut_ptr() as u64;
        let mut memory = Regions::new().with("memory", base, before, Protection::ReadWrite);
        let budget = Budget { instructions: 1 << 20, ..Budget::default() };
        let arguments = [base, MEMORY.into(), 0, 0, 0];
        let expected = match run(proof.xlated(), arguments, &mut memory, &mut NoCalls, budget) {
            Ok(outcome) => outcome.r0(),
            // Too long to wait for.
            Err(trap) if trap.kind == TrapKind::Instructions => return Ok(()),
            Err(trap) => return Err(format!("ESCAPE: {trap}")),
        };
        let result = call(&executable, &mut native);
        if result != expected {
            return Err(format!("the interpreter gives {expected:#x}, compiled code {result:#x}"));
        }
        if native != memory.bytes("memory") {
            return Err("the memory differs".to_owned());
        }
    }
    Ok(())
}
