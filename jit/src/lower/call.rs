//! Calls, and 64-bit immediates, both of which ask the linker where things lie.

use std::mem::offset_of;

use iced_x86::Code;
use opswap_bpf::HelperId;
use opswap_bpf::insn::{CallTarget, Imm64, MapRef, PacketMode, Reg, Size};

use crate::RunHeader;
use crate::asm::{Cond, Mem};
use crate::error::JitError;
use crate::linker::{CodeAddr, DataAddr};
use crate::lower::{Aborts, Lowerer, target};
use crate::regs::{RUN, RUN_ARGUMENT, gpr};

/// Offset of `RunHeader::abort`.
const ABORT: i32 = offset_of!(RunHeader, abort) as i32;
/// Offset of `RunHeader::leave`.
const LEAVE: i32 = offset_of!(RunHeader, leave) as i32;
/// `bpf_tail_call`: when it finds a program, the caller returns what that gave.
const TAIL_CALL: HelperId = HelperId(12);

impl Lowerer<'_> {
    pub(super) fn call(&mut self, target: CallTarget) -> Result<(), JitError> {
        match target {
            CallTarget::Helper(id) => {
                let address = self.linker.helper(id).ok_or_else(|| unlinked(id))?;
                self.call_host(address);
                if id == TAIL_CALL {
                    self.leave_if_told();
                }
            }
            CallTarget::Kfunc { id, module } => {
                let address = self.linker.kfunc(id, module).ok_or_else(|| unlinked(id))?;
                self.call_host(address);
            }
            CallTarget::Subprog(offset) => self.call_subprog(offset)?,
        }
        Ok(())
    }

    /// The five arguments are in place; the run's header is the sixth.
    fn call_host(&mut self, address: CodeAddr) {
        self.asm.rr(Code::Mov_r64_rm64, RUN_ARGUMENT, RUN);
        self.asm.call_host(address);
        self.leave_if_aborted();
    }

    fn call_subprog(&mut self, offset: i32) -> Result<(), JitError> {
        let id = target(self.input, self.at, offset)?;
        let function = &self.functions[id.index()];
        let (label, aborts) = (function.label, function.aborts);
        self.asm.call(label);
        match aborts {
            Aborts::Maybe => self.leave_if_aborted(),
            Aborts::Never => {}
        }
        Ok(())
    }

    /// A legacy load of the packet, which the host makes: offset and size are its arguments. Beyond the packet the function
    /// returns 0.
    pub(super) fn load_packet(&mut self, size: Size, mode: PacketMode, imm: i32) -> Result<(), JitError> {
        let load = self.linker.packet_load().ok_or_else(|| unlinked("the host's packet"))?;
        let (offset, bytes) = (gpr(Reg::R1).r32(), gpr(Reg::R2).r32());
        match mode {
            PacketMode::Abs => self.asm.ru(Code::Mov_r32_imm32, offset, imm.cast_unsigned()),
            PacketMode::Ind(index) => {
                self.asm.rr(Code::Mov_r32_rm32, offset, gpr(index).r32());
                self.asm.ri(Code::Add_rm32_imm32, offset, imm);
            }
        }
        self.asm.ru(Code::Mov_r32_imm32, bytes, size.bytes());
        self.call_host(load);
        self.leave_if_told();
        Ok(())
    }

    /// Ends the run: the verifier proved this access for engines that make checked reads.
    pub(super) fn refused(&mut self) {
        self.asm.mi(Code::Mov_rm32_imm32, Mem::at(RUN, ABORT), RunHeader::REFUSED.cast_signed());
        self.asm.jump(self.current.abort);
        self.current.abort_used = true;
    }

    /// Returns what is in `R0` if the host says so.
    fn leave_if_told(&mut self) {
        let stay = self.asm.label();
        self.asm.mi(Code::Cmp_rm32_imm8, Mem::at(RUN, LEAVE), 0);
        self.asm.branch(Cond::Equal, stay);
        self.asm.mi(Code::Mov_rm32_imm32, Mem::at(RUN, LEAVE), 0);
        self.current.frame.epilogue(&mut self.asm);
        self.asm.bind(stay);
    }

    fn leave_if_aborted(&mut self) {
        self.asm.mi(Code::Cmp_rm32_imm8, Mem::at(RUN, ABORT), 0);
        self.asm.branch(Cond::NotEqual, self.current.abort);
        self.current.abort_used = true;
    }

    pub(super) fn load_imm64(&mut self, dst: Reg, imm: Imm64) -> Result<(), JitError> {
        let value = match imm {
            Imm64::Value(value) => value,
            Imm64::Map(MapRef::Idx(id)) => address(self.linker.map(id), id)?,
            Imm64::MapValue { map: MapRef::Idx(id), offset } => {
                address(self.linker.map_value(id), id)?.wrapping_add(u64::from(offset))
            }
            Imm64::Map(MapRef::Fd(fd)) | Imm64::MapValue { map: MapRef::Fd(fd), .. } => {
                return Err(unlinked(format_args!("map with file descriptor {fd}")));
            }
            Imm64::HostVar { id, module } => address(self.linker.host_var(id, module), id)?,
            Imm64::Func(offset) => return self.function_address(dst, offset),
        };
        self.load_const(gpr(dst), value);
        Ok(())
    }

    fn function_address(&mut self, dst: Reg, offset: i32) -> Result<(), JitError> {
        let id = target(self.input, self.at, offset)?;
        match self.functions[id.index()].callback {
            Some(callback) => self.asm.address(gpr(dst), callback),
            None => return Err(JitError::Internal(format!("{id} has no entry for the host"))),
        }
        Ok(())
    }
}

fn address(address: Option<DataAddr>, what: impl std::fmt::Display) -> Result<u64, JitError> {
    address.map(|DataAddr(address)| address as u64).ok_or_else(|| unlinked(what))
}

fn unlinked(what: impl std::fmt::Display) -> JitError {
    JitError::Unlinked { what: what.to_string() }
}
