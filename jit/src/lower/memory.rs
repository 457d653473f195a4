//! Plain loads and stores, and their ordered forms: on x86-64 every load acquires and every store releases.

use iced_x86::{Code, Register};
use opswap_bpf::insn::{Extend, Reg, Size, Src};

use crate::asm::Mem;
use crate::ir::Address;
use crate::lower::Lowerer;
use crate::regs::gpr;

impl Address {
    /// As an operand.
    pub(super) fn mem(self) -> Mem {
        let mem = match self.base {
            Some(base) => Mem::new(gpr(base), self.offset),
            None => Mem::at(Register::None, self.offset),
        };
        match self.index {
            Some((index, scale)) => mem.indexed(gpr(index), scale as u32),
            None => mem,
        }
    }
}

impl Lowerer<'_> {
    pub(super) fn load(&mut self, size: Size, extend: Extend, dst: Reg, address: Address) {
        let (dst, from) = (gpr(dst), address.mem());
        match (extend, size) {
            (Extend::Zero, Size::B) => self.asm.rm(Code::Movzx_r32_rm8, dst.r32(), from),
            (Extend::Zero, Size::H) => self.asm.rm(Code::Movzx_r32_rm16, dst.r32(), from),
            (Extend::Zero, Size::W) => self.asm.rm(Code::Mov_r32_rm32, dst.r32(), from),
            (Extend::Sign, Size::B) => self.asm.rm(Code::Movsx_r64_rm8, dst.r64(), from),
            (Extend::Sign, Size::H) => self.asm.rm(Code::Movsx_r64_rm16, dst.r64(), from),
            (Extend::Sign, Size::W) => self.asm.rm(Code::Movsxd_r64_rm32, dst.r64(), from),
            (Extend::Zero | Extend::Sign, Size::DW) => self.asm.rm(Code::Mov_r64_rm64, dst.r64(), from),
        }
    }

    pub(super) fn store(&mut self, size: Size, address: Address, src: Src) {
        match src {
            Src::Reg(src) => self.store_reg(size, address, src),
            Src::Imm(imm) => self.store_imm(size, address, imm),
        }
    }

    fn store_reg(&mut self, size: Size, address: Address, src: Reg) {
        let (src, to) = (gpr(src), address.mem());
        match size {
            Size::B => self.asm.mr(Code::Mov_rm8_r8, to, src.r8()),
            Size::H => self.asm.mr(Code::Mov_rm16_r16, to, src.r16()),
            Size::W => self.asm.mr(Code::Mov_rm32_r32, to, src.r32()),
            Size::DW => self.asm.mr(Code::Mov_rm64_r64, to, src.r64()),
        }
    }

    /// Bytes and half-words keep the immediate's low bits.
    fn store_imm(&mut self, size: Size, address: Address, imm: i32) {
        let to = address.mem();
        let [b0, b1, ..] = imm.to_le_bytes();
        match size {
            Size::B => self.asm.mi(Code::Mov_rm8_imm8, to, i32::from(b0)),
            Size::H => self.asm.mi(Code::Mov_rm16_imm16, to, i32::from(u16::from_le_bytes([b0, b1]))),
            Size::W => self.asm.mi(Code::Mov_rm32_imm32, to, imm),
            Size::DW => self.asm.mi(Code::Mov_rm64_imm32, to, imm),
        }
    }

    pub(super) fn load_acquire(&mut self, size: Size, dst: Reg, base: Reg, offset: i16) {
        self.load(size, Extend::Zero, dst, Address::new(base, offset));
    }

    pub(super) fn store_release(&mut self, size: Size, base: Reg, offset: i16, src: Reg) {
        self.store_reg(size, Address::new(base, offset), src);
    }
}
