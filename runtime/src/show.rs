//! Machine code of a proved program for people: compiled, never run.

use opswap_bpf::{BtfId, HelperId, KfuncId, MapId};
use opswap_jit::disasm::{self, Line};
use opswap_jit::{CodeAddr, DataAddr, JitError, Linker};
use opswap_verifier::VerifiedProgram;

/// Addresses that stand for what a program names; nothing lies there.
struct Placeholders;

/// Where functions would lie.
const FUNCTIONS: usize = 0x7f00_0000_0000;
/// Where data would lie.
const DATA: usize = 0x7e00_0000_0000;

impl Linker for Placeholders {
    fn kfunc(&self, id: KfuncId, _: i16) -> Option<CodeAddr> {
        Some(CodeAddr(FUNCTIONS + 0x10 * id.index()))
    }

    fn helper(&self, id: HelperId) -> Option<CodeAddr> {
        Some(CodeAddr(FUNCTIONS + 0x1000_0000 + 0x10 * id.index()))
    }

    fn map(&self, id: MapId) -> Option<DataAddr> {
        Some(DataAddr(DATA + 0x1000 * id.index()))
    }

    fn map_value(&self, id: MapId) -> Option<DataAddr> {
        Some(DataAddr(DATA + 0x1000_0000 + 0x1_0000 * id.index()))
    }

    fn host_var(&self, id: BtfId, _: u32) -> Option<DataAddr> {
        Some(DataAddr(DATA + 0x2000_0000 + 0x1000 * id.0 as usize))
    }

    fn packet_load(&self) -> Option<CodeAddr> {
        Some(CodeAddr(FUNCTIONS + 0x2000_0000))
    }
}

/// The machine instructions that a proved program is compiled to, with made-up addresses for what it calls and names.
///
/// # Errors
/// The program contains an instruction without x86-64 code.
pub fn disassemble(proof: &VerifiedProgram) -> Result<Vec<Line>, JitError> {
    Ok(disasm::disassemble(&opswap_jit::compile(proof, &Placeholders)?))
}
