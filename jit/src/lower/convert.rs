//! Sign extension and byte order.

use iced_x86::Code;
use opswap_bpf::insn::{Reg, SwapBits, SwapKind, SxBits, Width};

use crate::lower::Lowerer;
use crate::lower::alu::pick;
use crate::regs::gpr;

impl Lowerer<'_> {
    pub(super) fn movsx(&mut self, width: Width, bits: SxBits, dst: Reg, src: Reg) {
        let (dst, src) = (gpr(dst).sized(width), gpr(src));
        match bits {
            SxBits::B8 => self.asm.rr(pick([Code::Movsx_r32_rm8, Code::Movsx_r64_rm8], width), dst, src.r8()),
            SxBits::B16 => {
                self.asm.rr(pick([Code::Movsx_r32_rm16, Code::Movsx_r64_rm16], width), dst, src.r16())
            }
            SxBits::B32 => {
                self.asm.rr(pick([Code::Mov_r32_rm32, Code::Movsxd_r64_rm32], width), dst, src.r32())
            }
        }
    }

    /// x86-64 is little-endian: conversion to little-endian order only truncates, conversion to big-endian order swaps.
    pub(super) fn byte_swap(&mut self, kind: SwapKind, bits: SwapBits, dst: Reg) {
        let dst = gpr(dst);
        match (kind, bits) {
            (SwapKind::ToLe, SwapBits::B16) => self.asm.rr(Code::Movzx_r32_rm16, dst.r32(), dst.r16()),
            (SwapKind::ToLe, SwapBits::B32) => self.asm.rr(Code::Mov_r32_rm32, dst.r32(), dst.r32()),
            (SwapKind::ToLe, SwapBits::B64) => {}
            (SwapKind::ToBe | SwapKind::Bswap, SwapBits::B16) => {
                self.asm.ri(Code::Rol_rm16_imm8, dst.r16(), 8);
                self.asm.rr(Code::Movzx_r32_rm16, dst.r32(), dst.r16());
            }
            (SwapKind::ToBe | SwapKind::Bswap, SwapBits::B32) => self.asm.r(Code::Bswap_r32, dst.r32()),
            (SwapKind::ToBe | SwapKind::Bswap, SwapBits::B64) => self.asm.r(Code::Bswap_r64, dst.r64()),
        }
    }
}
