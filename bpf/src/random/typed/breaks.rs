//! [`break_rules`]: small changes of the kind that programmers and attackers make.

use crate::insn::{AluOp, CallTarget, Insn, JmpOp, JumpForm, Reg, Size, Src, Width};
use crate::random::Rng;

/// Changes one to three instructions of a program. The result may still keep all the rules.
pub fn break_rules(rng: &mut Rng, insns: &mut [Insn]) {
    let changes = 1 + rng.below(3);
    for _ in 0..changes {
        let slots = u32::try_from(insns.len()).unwrap_or(0);
        let calls: Vec<usize> = (0..insns.len()).filter(|at| is_call(insns[*at])).collect();
        // What is done to objects is done by calls.
        let at =
            if !calls.is_empty() && rng.percent(20) { rng.pick(&calls) } else { rng.below(slots) as usize };
        let other = insns[rng.below(slots) as usize];
        let wide = |insn: Insn| matches!(insn, Insn::LoadImm64 { .. } | Insn::LoadImm64Tail);
        if wide(insns[at]) {
            change_wide(rng, &mut insns[at]);
        } else if rng.percent(20) {
            // The check, the release, the initialisation that was forgotten.
            insns[at] = Insn::Jump { form: JumpForm::Short, offset: 0 };
        } else if rng.percent(12) && !wide(other) {
            insns[at] = other;
        } else if is_call(insns[at]) && rng.percent(50) {
            // The other way of giving something back, or the same once more.
            insns[at] = insns[rng.pick(&calls)];
        } else {
            change(rng, &mut insns[at]);
        }
    }
}

/// A call of the host.
fn is_call(insn: Insn) -> bool {
    matches!(insn, Insn::Call { target: CallTarget::Helper(_) | CallTarget::Kfunc { .. } })
}

fn change_wide(rng: &mut Rng, insn: &mut Insn) {
    if let Insn::LoadImm64 { dst, .. } = insn {
        *dst = register(rng, *dst);
    }
}

/// Another register, often a neighbour.
fn register(rng: &mut Rng, reg: Reg) -> Reg {
    if rng.percent(50) {
        let index = u8::try_from(reg.index()).unwrap_or(0);
        let near = if rng.percent(50) { index + 1 } else { index.wrapping_sub(1) };
        Reg::from_index(near).unwrap_or(reg)
    } else {
        rng.pick(&Reg::ALL)
    }
}

fn immediate(rng: &mut Rng, imm: i32) -> i32 {
    match rng.below(6) {
        0 => imm.wrapping_add(1),
        1 => imm.wrapping_sub(1),
        2 => imm.wrapping_mul(2),
        3 => imm.wrapping_neg(),
        4 => imm ^ 1 << rng.below(32),
        _ => rng.edge_imm(),
    }
}

fn operand(rng: &mut Rng, src: &mut Src) {
    *src = match *src {
        Src::Imm(imm) if rng.percent(85) => Src::Imm(immediate(rng, imm)),
        Src::Reg(reg) if rng.percent(85) => Src::Reg(register(rng, reg)),
        Src::Imm(_) => Src::Reg(rng.pick(&Reg::ALL)),
        Src::Reg(_) => Src::Imm(rng.edge_imm()),
    };
}

fn distance(rng: &mut Rng, offset: i16) -> i16 {
    let by = rng.pick(&[1, -1, 2, -2, 4, -4, 8, -8, 16, -64, 512, -512]);
    offset.wrapping_add(by)
}

fn jump(rng: &mut Rng, offset: i16) -> i16 {
    let by = rng.pick(&[1, -1, 2, -2, 3, 5, -8]);
    offset.wrapping_add(by)
}

fn change(rng: &mut Rng, insn: &mut Insn) {
    let what = rng.below(4);
    match insn {
        Insn::Alu { op, width, dst, src } => match what {
            0 => *op = rng.pick(&AluOp::ALL),
            1 => *width = rng.pick(&Width::ALL),
            2 => *dst = register(rng, *dst),
            _ => operand(rng, src),
        },
        Insn::Mov { width, dst, src } => match what {
            0 => *width = rng.pick(&Width::ALL),
            1 => *dst = register(rng, *dst),
            _ => operand(rng, src),
        },
        Insn::MovSx { dst, src, .. } | Insn::AddressCast { dst, src, .. } => match what {
            0 => *dst = register(rng, *dst),
            _ => *src = register(rng, *src),
        },
        Insn::Neg { dst, .. } | Insn::ByteSwap { dst, .. } => *dst = register(rng, *dst),
        Insn::Load { size, dst, base, offset, extend } => match what {
            0 if *extend == crate::insn::Extend::Zero => *size = rng.pick(&Size::ALL),
            1 => *dst = register(rng, *dst),
            2 => *base = register(rng, *base),
            _ => *offset = distance(rng, *offset),
        },
        Insn::Store { size, base, offset, src } => match what {
            0 => *size = rng.pick(&Size::ALL),
            1 => operand(rng, src),
            2 => *base = register(rng, *base),
            _ => *offset = distance(rng, *offset),
        },
        Insn::Atomic { width, base, offset, src, .. } => match what {
            0 => *width = rng.pick(&Width::ALL),
            1 => *src = register(rng, *src),
            2 => *base = register(rng, *base),
            _ => *offset = distance(rng, *offset),
        },
        Insn::LoadAcquire { base, offset, .. } | Insn::StoreRelease { base, offset, .. } => match what {
            0 | 1 => *base = register(rng, *base),
            _ => *offset = distance(rng, *offset),
        },
        Insn::Jump { form: JumpForm::Short, offset } => {
            *offset = jump(rng, i16::try_from(*offset).unwrap_or(0)).into();
        }
        Insn::Branch { op, width, dst, src, offset } => match what {
            0 => *op = rng.pick(&JmpOp::ALL),
            1 if rng.percent(50) => *width = rng.pick(&Width::ALL),
            1 => *dst = register(rng, *dst),
            2 => operand(rng, src),
            _ => *offset = jump(rng, *offset),
        },
        Insn::MayGoto { offset } => *offset = jump(rng, *offset),
        Insn::Call { target: CallTarget::Subprog(offset) } => *offset = immediate(rng, *offset),
        Insn::Call { target: CallTarget::Helper(id) } => id.0 = 1 + rng.below(12),
        // Functions of one kind of object stand together.
        Insn::Call { target: CallTarget::Kfunc { id, .. } } => {
            id.0 = if what < 3 { (id.0 + rng.below(7)).saturating_sub(3) } else { rng.below(64) };
        }
        Insn::LoadPacket { .. }
        | Insn::LoadImm64 { .. }
        | Insn::LoadImm64Tail
        | Insn::Jump { form: JumpForm::Long, .. }
        | Insn::CallReg { .. }
        | Insn::Exit => {}
    }
}
