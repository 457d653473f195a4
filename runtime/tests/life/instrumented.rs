//! Prologues and epilogues that a table's type writes around its programs.

use opswap::struct_ops::Instrument;
use opswap::{Refusal, Slot, StructOps, struct_ops};
use opswap_bpf::insn::{AluOp, Extend, Insn, Reg, Size, Src, Width};
use opswap_bpf::proto::StructOpsMember;

use crate::app::{ENTERED, Packet, packet, path, runtime};

/// The same table as `filter_ops`, as seen by a host that counts entries and adds to results.
#[struct_ops(name = "gate_ops")]
struct GateOps {
    #[op(required)]
    pass: fn(packet: &mut Packet, weight: u32) -> u32,
    plain: Option<fn(packet: &mut Packet) -> u32>,
}

impl StructOps for GateOps {
    fn gen_prologue(member: &StructOpsMember, code: &mut Instrument<'_>) -> Result<(), Refusal> {
        if member.name != "pass" {
            return Ok(());
        }
        let set = |dst, src| Insn::Mov { width: Width::W64, dst, src };
        code.push(set(Reg::R6, Src::Reg(Reg::R1)));
        code.push(set(Reg::R1, Src::Imm(3)));
        code.call("count_entry")?;
        code.push(set(Reg::R1, Src::Reg(Reg::R6)));
        Ok(())
    }

    fn gen_epilogue(member: &StructOpsMember, code: &mut Instrument<'_>) -> Result<(), Refusal> {
        if member.name != "pass" {
            return Ok(());
        }
        // r0 += ((struct Packet *)context[0])->len
        code.load_context(Reg::R1);
        let load = |size, dst, base| Insn::Load { size, extend: Extend::Zero, dst, base, offset: 0 };
        code.push(load(Size::DW, Reg::R1, Reg::R1));
        code.push(load(Size::W, Reg::R1, Reg::R1));
        code.push(Insn::Alu { op: AluOp::Add, width: Width::W64, dst: Reg::R0, src: Src::Reg(Reg::R1) });
        Ok(())
    }
}

#[test]
fn prologues_and_epilogues_run_around_the_program() {
    let object = runtime().load(path("gate.bpf.o"));
    let object = object.unwrap_or_else(|error| panic!("{}", crate::app::chain(&error)));
    let gate = object.struct_ops::<GateOps>("gate");
    let gate = gate.unwrap_or_else(|error| panic!("{}", crate::app::chain(&error)));
    let slot = Slot::new(GateOps { pass: |_, _| 0, plain: None });
    let _link = gate.attach(&slot).expect("a free slot");
    ENTERED.set(0);
    // Two exits in the program; the packet's length comes on top.
    assert_eq!(slot.pin().pass(&mut packet(1000), 1), 1000 + 11);
    assert_eq!(slot.pin().pass(&mut packet(1000), 5), 1000 + 2 * 5 + 1);
    assert_eq!(ENTERED.get(), 6);
    assert_eq!(slot.pin().plain(&mut packet(4)), Some(8));
    assert_eq!(ENTERED.get(), 6, "`plain` has no prologue");
}
