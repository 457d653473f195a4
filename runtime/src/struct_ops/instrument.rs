//! [`Instrument`]: instructions that a table's type puts in front of its programs and at their exits.

use opswap_bpf::Insn;

/// Collects the instructions of a prologue or an epilogue.
#[derive(Debug)]
pub struct Instrument<'a> {
    insns: &'a mut Vec<Insn>,
}

impl<'a> Instrument<'a> {
    pub(crate) fn new(insns: &'a mut Vec<Insn>) -> Self {
        Self { insns }
    }

    /// Appends an instruction.
    pub fn push(&mut self, insn: Insn) {
        self.insns.push(insn);
    }
}
