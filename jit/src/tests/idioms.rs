//! Random programs made of what the optimiser looks for, and of near misses: rotations whose temporary is still needed, shift
//! pairs of other widths, sums and copies of sums, branches over jumps that something else jumps to.

use opswap_bpf::Insn;
use opswap_bpf::insn::{AluOp, AtomicOp, Extend, Fetch, JmpOp, JumpForm, Reg, Size, Src, Width};
use opswap_bpf::random::Rng;

use crate::tests::matrix::{check, input};

const PROGRAMS: u64 = 1_500;
/// Few, so that they meet often.
const REGS: [Reg; 5] = [Reg::R0, Reg::R2, Reg::R3, Reg::R6, Reg::R9];

/// Writes random instructions.
struct Writer {
    rng: Rng,
    insns: Vec<Insn>,
}

impl Writer {
    fn below(&mut self, bound: usize) -> usize {
        self.rng.below(bound as u32) as usize
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    fn reg(&mut self) -> Reg {
        self.one_of(&REGS)
    }

    fn width(&mut self) -> Width {
        self.one_of(&[Width::W32, Width::W64])
    }

    fn alu(&mut self, op: AluOp, width: Width, dst: Reg, src: Src) {
        self.insns.push(Insn::Alu { op, width, dst, src });
    }

    fn mov(&mut self, width: Width, dst: Reg, src: Reg) {
        self.insns.push(Insn::Mov { width, dst, src: Src::Reg(src) });
    }

    /// A rotation, or almost one.
    fn rotation(&mut self) {
        let (temporary, value, mut dst) = (self.reg(), self.reg(), self.reg());
        let width = self.width();
        let bits = if width == Width::W32 { 32 } else { 64 };
        let first = self.one_of(&[1, 7, 13, bits / 2, bits - 1]);
        let second = if self.below(5) == 0 { first } else { bits - first };
        let (up, down) = if self.below(2) == 0 { (AluOp::Lsh, AluOp::Rsh) } else { (AluOp::Rsh, AluOp::Lsh) };
        let join = self.one_of(&[AluOp::Or, AluOp::Add, AluOp::Xor, AluOp::And]);
        let copy_width = if self.below(4) == 0 { Width::W32 } else { Width::W64 };
        self.mov(copy_width, temporary, value);
        self.alu(down, width, temporary, Src::Imm(first));
        if self.below(2) == 0 {
            self.mov(copy_width, dst, value);
        } else {
            dst = value;
        }
        self.alu(up, width, dst, Src::Imm(second));
        self.alu(join, width, dst, Src::Reg(temporary));
        if self.below(2) == 0 {
            // Now nobody needs the temporary.
            self.insns.push(Insn::Mov { width: Width::W64, dst: temporary, src: Src::Imm(5) });
        }
    }

    fn shift_pair(&mut self) {
        let (dst, src, width) = (self.reg(), self.reg(), self.width());
        if self.below(2) == 0 {
            self.mov(width, dst, src);
        }
        let amount = self.one_of(&[32, 48, 56, 16, 8]);
        let back = self.one_of(&[AluOp::Rsh, AluOp::Arsh]);
        self.alu(AluOp::Lsh, Width::W64, dst, Src::Imm(amount));
        self.alu(back, Width::W64, dst, Src::Imm(amount));
    }

    fn sums(&mut self) {
        for _ in 0..2 + self.below(6) {
            let (dst, src, width) = (self.reg(), self.reg(), self.width());
            let imm = self.one_of(&[1, -1, 8, 127, 128, -129, 0x1234_5678, i32::MAX, i32::MIN]);
            let shift = self.one_of(&[1, 2, 3, 4]);
            match self.below(8) {
                0 | 1 => self.mov(width, dst, src),
                2 => self.alu(AluOp::Add, width, dst, Src::Imm(imm)),
                3 => self.alu(AluOp::Sub, width, dst, Src::Imm(imm)),
                4 | 5 => self.alu(AluOp::Add, width, dst, Src::Reg(src)),
                6 => self.alu(AluOp::Lsh, width, dst, Src::Imm(shift)),
                _ => {
                    let op = self.one_of(&[
                        AluOp::Xor,
                        AluOp::And,
                        AluOp::Rsh,
                        AluOp::Div,
                        AluOp::Mod,
                        AluOp::Mul,
                    ]);
                    let src = if self.below(2) == 0 { Src::Reg(src) } else { Src::Imm(3) };
                    self.alu(op, width, dst, src);
                }
            }
        }
    }

    /// An access to the stack through registers that were computed.
    fn access(&mut self) {
        let (base, copy, value) = (self.reg(), self.reg(), self.reg());
        if base == copy || value == base || value == copy {
            return;
        }
        let size = self.one_of(&[Size::B, Size::H, Size::W, Size::DW]);
        self.mov(Width::W64, base, Reg::R10);
        self.alu(AluOp::Add, Width::W64, base, Src::Imm(-64));
        self.mov(Width::W64, copy, base);
        self.insns.push(Insn::Store { size: Size::DW, base: Reg::R10, offset: -56, src: Src::Imm(-3) });
        self.insns.push(Insn::Store { size, base: copy, offset: 8, src: Src::Reg(value) });
        let extend = if size != Size::DW && self.below(2) == 0 { Extend::Sign } else { Extend::Zero };
        self.insns.push(Insn::Load { size, extend, dst: value, base, offset: 8 });
        for pointer in [base, copy] {
            self.insns.push(Insn::Mov { width: Width::W64, dst: pointer, src: Src::Imm(1) });
        }
    }

    /// Stores to a few overlapping stack slots and loads from them, directly and through a register.
    fn slots(&mut self) {
        for offset in [-64, -56] {
            self.insns.push(Insn::Store { size: Size::DW, base: Reg::R10, offset, src: Src::Imm(-3) });
        }
        for _ in 0..3 + self.below(6) {
            let size = self.one_of(&[Size::B, Size::H, Size::W, Size::W, Size::DW, Size::DW]);
            let aligned = self.one_of(&[-64, -60, -56, -52]);
            let offset = if size == Size::DW { aligned & !7 } else { aligned };
            let (reg, other) = (self.reg(), self.reg());
            match self.below(6) {
                0 | 1 => self.insns.push(Insn::Store { size, base: Reg::R10, offset, src: Src::Reg(reg) }),
                2 => {
                    self.insns.push(Insn::Store { size, base: Reg::R10, offset, src: Src::Imm(0x1234_5678) })
                }
                3 => self.sums(),
                4 if reg != other && self.below(2) == 0 => {
                    // At a distance that nobody knows.
                    self.alu(AluOp::And, Width::W64, other, Src::Imm(8));
                    self.mov(Width::W64, reg, Reg::R10);
                    self.alu(AluOp::Add, Width::W64, reg, Src::Reg(other));
                    self.insns.push(Insn::Store { size, base: reg, offset: -64, src: Src::Reg(other) });
                    self.insns.push(Insn::Mov { width: Width::W64, dst: reg, src: Src::Imm(9) });
                }
                4 if reg != other => {
                    // Through a pointer, which is a number again afterwards.
                    self.mov(Width::W64, reg, Reg::R10);
                    let op = self.one_of(&[AtomicOp::Add(Fetch::No), AtomicOp::Xchg]);
                    let base = reg;
                    if size == Size::DW {
                        self.insns.push(Insn::Atomic { op, width: Width::W64, base, offset, src: other });
                    } else {
                        self.insns.push(Insn::Store { size, base, offset, src: Src::Reg(other) });
                    }
                    self.insns.push(Insn::Mov { width: Width::W64, dst: reg, src: Src::Imm(9) });
                }
                _ => {
                    let sign = size != Size::DW && self.below(4) == 0;
                    let extend = if sign { Extend::Sign } else { Extend::Zero };
                    self.insns.push(Insn::Load { size, extend, dst: reg, base: Reg::R10, offset });
                }
            }
        }
    }

    /// Jumps and branches forward, among few enough slots that they often lead to each other.
    fn jumps(&mut self) {
        let count = 3 + self.below(8);
        for at in 0..count {
            let left = count - at;
            let offset = self.below(left) as i16;
            match self.below(4) {
                0 => self.insns.push(Insn::Jump { form: JumpForm::Short, offset: offset.into() }),
                1 | 2 => {
                    let op =
                        self.one_of(&[JmpOp::Eq, JmpOp::Set, JmpOp::Lt, JmpOp::Sge, JmpOp::Sgt, JmpOp::Le]);
                    let (width, dst) = (self.width(), self.reg());
                    let src = if self.below(2) == 0 { Src::Imm(3) } else { Src::Reg(self.reg()) };
                    let offset = if self.below(2) == 0 { 1.min(left as i16 - 1) } else { offset };
                    self.insns.push(Insn::Branch { op, width, dst, src, offset });
                }
                _ => {
                    let dst = self.reg();
                    self.alu(AluOp::Add, Width::W64, dst, Src::Imm(1));
                }
            }
        }
    }
}

#[test]
fn idioms_and_near_misses() {
    for seed in 0..PROGRAMS {
        let mut writer = Writer { rng: Rng::new(seed), insns: Vec::new() };
        for _ in 0..1 + seed % 6 {
            match writer.below(6) {
                0 => writer.rotation(),
                1 => writer.shift_pair(),
                2 => writer.sums(),
                3 => writer.access(),
                4 => writer.slots(),
                _ => writer.jumps(),
            }
        }
        let values = [0, 1, 3, 0xffff_ffff, 0x8000_0000, 0x1234_5678_9abc_def0, u64::MAX];
        let inputs: Vec<Vec<u8>> =
            (0..4).map(|_| input(&REGS.map(|reg| (reg, values[writer.below(values.len())])))).collect();
        check(&writer.insns, &inputs);
    }
}
