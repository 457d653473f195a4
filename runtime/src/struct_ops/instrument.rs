//! [`Instrument`]: instructions that a table's type puts in front of its programs and at their exits, and [`apply`], which puts
//! them there.
//!
//! The result is verified like any program, so nothing that is written here needs to be trusted.

use opswap_bpf::insn::{CallTarget, Extend, Imm64, JumpForm, Reg, Size, Src};
use opswap_bpf::{Insn, InsnIdx, KfuncId, Program};

use super::table::Refusal;

/// Collects the instructions of a prologue or an epilogue.
///
/// A prologue starts with the context in `R1` and must leave it there. An epilogue starts with the program's result in `R0`, and
/// with `R6` to `R9` free; an exit follows it.
pub struct Instrument<'a> {
    insns: Vec<Insn>,
    /// Offset from the frame pointer at which the context is kept for the epilogue.
    saved: i16,
    kfunc: &'a dyn Fn(&str) -> Option<KfuncId>,
}

impl std::fmt::Debug for Instrument<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instrument").field("insns", &self.insns).finish_non_exhaustive()
    }
}

impl<'a> Instrument<'a> {
    pub(crate) fn new(saved: i16, kfunc: &'a dyn Fn(&str) -> Option<KfuncId>) -> Self {
        Self { insns: Vec::new(), saved, kfunc }
    }

    /// Appends an instruction. Jumps are relative, within what is written here.
    pub fn push(&mut self, insn: Insn) {
        self.insns.push(insn);
    }

    /// Appends a call of the kfunc with this name, with its arguments in `R1` to `R5`.
    ///
    /// # Errors
    /// No such kfunc is registered.
    pub fn call(&mut self, kfunc: &str) -> Result<(), Refusal> {
        let id = (self.kfunc)(kfunc).ok_or_else(|| Refusal::new(format!("there is no kfunc `{kfunc}`")))?;
        self.insns.push(Insn::Call { target: CallTarget::Kfunc { id, module: 0 } });
        Ok(())
    }

    /// In an epilogue: loads the context into `dst`.
    pub fn load_context(&mut self, dst: Reg) {
        let (size, extend) = (Size::DW, Extend::Zero);
        self.insns.push(Insn::Load { size, extend, dst, base: Reg::FP, offset: self.saved });
    }

    pub(crate) fn finish(self) -> Vec<Insn> {
        self.insns
    }
}

/// Where a program's slots go.
#[derive(Clone, Copy)]
struct Moves {
    /// Slots in front.
    front: u32,
    /// First slot behind the main function.
    end: u32,
    /// Slots inserted there.
    behind: u32,
}

impl Moves {
    fn new_place(self, slot: u32) -> u32 {
        slot + self.front + if slot >= self.end { self.behind } else { 0 }
    }

    /// The offset from the slot behind `from` to `from + 1 + offset`, after the move. Targets outside the program stay outside.
    fn new_offset(self, from: u32, offset: i32) -> i32 {
        let Some(target) = InsnIdx(from).jump(offset) else { return offset };
        let distance = i64::from(self.new_place(target.0)) - i64::from(self.new_place(from)) - 1;
        i32::try_from(distance).unwrap_or(offset)
    }
}

/// Puts `prologue` in front of a program and `epilogue` at each exit of its main function, which ends before slot `end`.
///
/// A jump to the program's first slot then goes behind the prologue, as in the kernel.
pub(crate) fn apply(
    mut program: Program,
    end: InsnIdx,
    prologue: Vec<Insn>,
    epilogue: Vec<Insn>,
    saved: i16,
) -> Program {
    let save = Insn::Store { size: Size::DW, base: Reg::FP, offset: saved, src: Src::Reg(Reg::R1) };
    let front: Vec<Insn> = (!epilogue.is_empty()).then_some(save).into_iter().chain(prologue).collect();
    let behind: Vec<Insn> =
        if epilogue.is_empty() { epilogue } else { epilogue.into_iter().chain([Insn::Exit]).collect() };
    let count = |insns: &[Insn]| u32::try_from(insns.len()).unwrap_or(u32::MAX);
    let moves = Moves { front: count(&front), end: end.0, behind: count(&behind) };
    let exits_to = (!behind.is_empty()).then_some(end.0 + moves.front);
    let mut insns = front;
    for (slot, insn) in (0..).zip(program.insns) {
        if slot == end.0 {
            insns.extend(&behind);
        }
        insns.push(moved(insn, slot, moves, exits_to));
    }
    if end.index() + moves.front as usize == insns.len() {
        insns.extend(&behind);
    }
    program.insns = insns;
    for subprog in program.subprogs.iter_mut().filter(|subprog| subprog.start.0 != 0) {
        subprog.start = InsnIdx(moves.new_place(subprog.start.0));
    }
    for line in &mut program.lines {
        line.insn = InsnIdx(moves.new_place(line.insn.0));
    }
    program
}

fn moved(insn: Insn, slot: u32, moves: Moves, exits_to: Option<u32>) -> Insn {
    if let Insn::Call { target: CallTarget::Subprog(offset) } = insn {
        return Insn::Call { target: CallTarget::Subprog(moves.new_offset(slot, offset)) };
    }
    if let Insn::LoadImm64 { dst, imm: Imm64::Func(offset) } = insn {
        return Insn::LoadImm64 { dst, imm: Imm64::Func(moves.new_offset(slot, offset)) };
    }
    match (insn, exits_to) {
        (Insn::Exit, Some(epilogue)) if slot < moves.end => {
            let distance = i64::from(epilogue) - i64::from(moves.new_place(slot)) - 1;
            Insn::Jump { form: JumpForm::Long, offset: i32::try_from(distance).unwrap_or(-1) }
        }
        // Other jumps stay within one function, whose slots move together.
        (other, _) => other,
    }
}

#[cfg(test)]
mod tests {
    use opswap_bpf::program::{Linkage, Subprog};
    use opswap_bpf::{BtfId, InsnIdx, Program, ProgramKind, assemble};

    use super::{Instrument, apply};

    fn text(insns: &[opswap_bpf::Insn]) -> Vec<String> {
        insns.iter().map(ToString::to_string).collect()
    }

    fn program(source: &str, starts: &[u32]) -> Program {
        let insns = assemble(source).expect("assembles");
        let mut program = Program::bare("p", ProgramKind::Named("test".to_owned()), insns);
        program.subprogs = starts
            .iter()
            .map(|&start| Subprog {
                start: InsnIdx(start),
                name: format!("f{start}"),
                func: BtfId(0),
                linkage: Linkage::Static,
            })
            .collect();
        program
    }

    #[test]
    fn jumps_calls_and_exits_find_their_targets_again() {
        let before =
            program("r6 = r1\nif r6 == 0 goto +1\ncall +2\nr0 = 1\nexit\nr0 = 7\nr1 = r2\nexit", &[0, 5]);
        let prologue = assemble("r7 = 1").expect("assembles");
        let mut epilogue = Instrument::new(-16, &|_| None);
        epilogue.load_context(opswap_bpf::insn::Reg::R1);
        let after = apply(before, InsnIdx(5), prologue, epilogue.finish(), -16);
        let expected = assemble(
            "*(u64 *)(r10 - 16) = r1\nr7 = 1\nr6 = r1\nif r6 == 0 goto +1\ncall +4\nr0 = 1\ngotol +0\n\
             r1 = *(u64 *)(r10 - 16)\nexit\nr0 = 7\nr1 = r2\nexit",
        )
        .expect("assembles");
        assert_eq!(text(&after.insns), text(&expected));
        assert_eq!(after.subprogs.iter().map(|subprog| subprog.start.0).collect::<Vec<_>>(), [0, 9]);
    }

    #[test]
    fn without_an_epilogue_exits_stay() {
        let before = program("r0 = 0\nexit", &[0]);
        let prologue = assemble("r7 = 1\nr8 = 2").expect("assembles");
        let after = apply(before, InsnIdx(2), prologue, Vec::new(), -8);
        let expected = assemble("r7 = 1\nr8 = 2\nr0 = 0\nexit").expect("assembles");
        assert_eq!(text(&after.insns), text(&expected));
    }

    #[test]
    fn every_exit_of_a_program_without_functions_leads_to_the_epilogue() {
        let before = program("if r1 == 0 goto +2\nr0 = 1\nexit\nr0 = 2\nexit", &[0]);
        let epilogue = assemble("r0 += 10").expect("assembles");
        let after = apply(before, InsnIdx(5), Vec::new(), epilogue, -8);
        let expected = assemble(
            "*(u64 *)(r10 - 8) = r1\nif r1 == 0 goto +2\nr0 = 1\ngotol +2\nr0 = 2\ngotol +0\nr0 += 10\nexit",
        )
        .expect("assembles");
        assert_eq!(text(&after.insns), text(&expected));
    }

    #[test]
    fn an_unknown_kfunc_is_a_refusal() {
        let mut code = Instrument::new(-8, &|_| None);
        let refusal = code.call("nowhere").expect_err("unknown");
        assert_eq!(refusal.reason(), "there is no kfunc `nowhere`");
    }
}
