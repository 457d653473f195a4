//! Atomic read-modify-write operations, sequentially consistent by the `lock` prefix.

use iced_x86::Code;
use opswap_bpf::insn::{AtomicOp, Fetch, Reg, Width};

use crate::asm::{Cond, Mem};
use crate::lower::Lowerer;
use crate::lower::alu::pick;
use crate::regs::{Gpr, SCRATCH, gpr};

impl Lowerer<'_> {
    pub(super) fn atomic(&mut self, op: AtomicOp, width: Width, base: Reg, offset: i16, src: Reg) {
        let (base, src) = (gpr(base), gpr(src));
        let to = Mem::new(base, i32::from(offset));
        let name = src.sized(width);
        match op {
            AtomicOp::Add(Fetch::No) => {
                self.asm.lock_mr(pick([Code::Add_rm32_r32, Code::Add_rm64_r64], width), to, name)
            }
            AtomicOp::Or(Fetch::No) => {
                self.asm.lock_mr(pick([Code::Or_rm32_r32, Code::Or_rm64_r64], width), to, name)
            }
            AtomicOp::And(Fetch::No) => {
                self.asm.lock_mr(pick([Code::And_rm32_r32, Code::And_rm64_r64], width), to, name)
            }
            AtomicOp::Xor(Fetch::No) => {
                self.asm.lock_mr(pick([Code::Xor_rm32_r32, Code::Xor_rm64_r64], width), to, name)
            }
            // A 32-bit register operand zeroes the upper half of the source.
            AtomicOp::Add(Fetch::Yes) => {
                self.asm.lock_mr(pick([Code::Xadd_rm32_r32, Code::Xadd_rm64_r64], width), to, name)
            }
            // `xchg` with memory locks by itself.
            AtomicOp::Xchg => self.asm.mr(pick([Code::Xchg_rm32_r32, Code::Xchg_rm64_r64], width), to, name),
            AtomicOp::Or(Fetch::Yes) => {
                self.fetch_loop([Code::Or_r32_rm32, Code::Or_r64_rm64], width, base, offset, src)
            }
            AtomicOp::And(Fetch::Yes) => {
                self.fetch_loop([Code::And_r32_rm32, Code::And_r64_rm64], width, base, offset, src)
            }
            AtomicOp::Xor(Fetch::Yes) => {
                self.fetch_loop([Code::Xor_r32_rm32, Code::Xor_r64_rm64], width, base, offset, src)
            }
            AtomicOp::Cmpxchg => {
                self.asm.lock_mr(pick([Code::Cmpxchg_rm32_r32, Code::Cmpxchg_rm64_r64], width), to, name);
                if width == Width::W32 {
                    // On success the instruction leaves rax as it was, upper half included.
                    self.move_gpr(Width::W32, Gpr::RAX, Gpr::RAX);
                }
            }
        }
    }

    /// Operations without a fetching instruction: compute and compare-exchange until nobody came between.
    fn fetch_loop(&mut self, operation: [Code; 2], width: Width, base: Gpr, offset: i16, src: Gpr) {
        let [_, new, r0] = SCRATCH;
        // R0 is set aside: rax is the comparand.
        let moved = |gpr: Gpr| if gpr == Gpr::RAX { r0 } else { gpr };
        let to = Mem::new(moved(base), i32::from(offset));
        self.move_gpr(Width::W64, r0, Gpr::RAX);
        self.asm.rm(pick([Code::Mov_r32_rm32, Code::Mov_r64_rm64], width), Gpr::RAX.sized(width), to);
        let again = self.asm.label();
        self.asm.bind(again);
        self.move_gpr(width, new, Gpr::RAX);
        self.asm.rr(pick(operation, width), new.sized(width), moved(src).sized(width));
        self.asm.lock_mr(pick([Code::Cmpxchg_rm32_r32, Code::Cmpxchg_rm64_r64], width), to, new.sized(width));
        self.asm.branch(Cond::NotEqual, again);
        if src == Gpr::RAX {
            if width == Width::W32 {
                self.move_gpr(Width::W32, Gpr::RAX, Gpr::RAX);
            }
        } else {
            self.move_gpr(width, src, Gpr::RAX);
            self.move_gpr(Width::W64, Gpr::RAX, r0);
        }
    }
}
