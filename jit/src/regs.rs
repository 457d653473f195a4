//! The register map: one table from BPF registers to x86-64 registers, and the registers with a fixed job.
//!
//! `R0` to `R5` sit where the System V calling convention puts a result and five arguments, so that calls need no moves;
//! `R6` to `R9` sit in registers that every callee preserves.
//!
//! | BPF | x86-64 | | x86-64 | job |
//! |---|---|---|---|---|
//! | `R0` | `rax` | | `r12` | the run's header ([`crate::RunHeader`]) |
//! | `R1` … `R5` | `rdi rsi rdx rcx r8` | | `r9` | scratch; sixth argument of a host function |
//! | `R6` … `R9` | `rbx r13 r14 r15` | | `r10 r11` | scratch |
//! | `R10` | `rbp` | | `rsp` | machine stack |

use iced_x86::Register;
use opswap_bpf::insn::{Reg, Width};

/// Pointer to the run's header.
pub(crate) const RUN: Register = Register::R12;
/// Where a host function expects the run's header.
pub(crate) const RUN_ARGUMENT: Register = Register::R9;
/// Scratch registers, free between any two BPF instructions.
pub(crate) const SCRATCH: [Gpr; 3] = [Gpr(9), Gpr(10), Gpr(11)];

/// A general-purpose register, by its x86-64 number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Gpr(u8);

impl Gpr {
    /// Accumulator: `R0`, and the implicit operand of divisions and compare-exchange.
    pub(crate) const RAX: Self = Self(0);
    /// `R4`, and the count of shifts without BMI2.
    pub(crate) const RCX: Self = Self(1);
    /// `R3`, and the upper half of a dividend.
    pub(crate) const RDX: Self = Self(2);

    /// Its number in encodings.
    pub(crate) const fn number(self) -> u8 {
        self.0
    }

    /// Under its 64-bit name.
    pub(crate) fn r64(self) -> Register {
        Register::RAX + u32::from(self.0)
    }

    /// Under its 32-bit name.
    pub(crate) fn r32(self) -> Register {
        Register::EAX + u32::from(self.0)
    }

    /// Under its 16-bit name.
    pub(crate) fn r16(self) -> Register {
        Register::AX + u32::from(self.0)
    }

    /// Its low byte; `spl`, `bpl`, `sil` and `dil`, never `ah` to `bh`.
    pub(crate) fn r8(self) -> Register {
        match self.0 {
            0..=3 => Register::AL + u32::from(self.0),
            number => Register::SPL + u32::from(number - 4),
        }
    }

    /// Under its name for an operation of this width.
    pub(crate) fn sized(self, width: Width) -> Register {
        match width {
            Width::W32 => self.r32(),
            Width::W64 => self.r64(),
        }
    }
}

/// Where a BPF register lives.
pub(crate) const fn gpr(reg: Reg) -> Gpr {
    Gpr(match reg {
        Reg::R0 => 0,
        Reg::R1 => 7,
        Reg::R2 => 6,
        Reg::R3 => 2,
        Reg::R4 => 1,
        Reg::R5 => 8,
        Reg::R6 => 3,
        Reg::R7 => 13,
        Reg::R8 => 14,
        Reg::R9 => 15,
        Reg::R10 => 5,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_register_has_two_jobs() {
        let mut names: Vec<Register> = Reg::ALL.iter().map(|&reg| gpr(reg).r64()).collect();
        names.extend(SCRATCH.iter().map(|scratch| scratch.r64()));
        names.extend([RUN, Register::RSP]);
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), names.len(), "{names:?}");
        assert_eq!(names.len(), 16, "eleven, three scratch, the run's header, the stack pointer");
    }

    #[test]
    fn names_of_all_widths_belong_to_the_same_register() {
        for number in 0..16 {
            let gpr = Gpr(number);
            for name in [gpr.r8(), gpr.r16(), gpr.r32()] {
                assert_eq!(name.full_register(), gpr.r64(), "{name:?}");
            }
        }
    }
}
