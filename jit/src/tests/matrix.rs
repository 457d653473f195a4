//! Every operation with every choice of registers and the immediates where encodings change, compiled and interpreted. Each
//! program loads all registers from its buffer, executes the one instruction, and stores all registers back.

use opswap_bpf::Insn;
use opswap_bpf::insn::{
    AluOp, AtomicOp, Extend, Fetch, Imm64, JmpOp, Reg, Size, Src, SwapBits, SwapKind, SxBits, Width,
};
use opswap_bpf::interp::{Budget, NoCalls, Protection, Regions};

use crate::RunHeader;
use crate::tests::harness::machine::call;
use crate::tests::harness::{TestLinker, buffer_entry, compile_checked, prove, ways};

/// Registers that a program may write.
const REGS: [Reg; 10] =
    [Reg::R0, Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5, Reg::R6, Reg::R7, Reg::R8, Reg::R9];
const WIDTHS: [Width; 2] = [Width::W32, Width::W64];
const SIZES: [Size; 4] = [Size::B, Size::H, Size::W, Size::DW];
/// Where forms change: bytes and their neighbours, shift amounts around the widths, powers of two, signs.
const IMMS: [i32; 22] = [
    0,
    1,
    -1,
    2,
    3,
    7,
    8,
    31,
    32,
    33,
    63,
    64,
    127,
    128,
    -128,
    -129,
    255,
    256,
    0x1234_5678,
    -7,
    i32::MAX,
    i32::MIN,
];
const VALUES: [u64; 13] = [
    0,
    1,
    3,
    0x80,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x1234_5678_9abc_def0,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
];
const ALU: [AluOp; 13] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::Mul,
    AluOp::Div,
    AluOp::Sdiv,
    AluOp::Or,
    AluOp::And,
    AluOp::Lsh,
    AluOp::Rsh,
    AluOp::Mod,
    AluOp::Smod,
    AluOp::Xor,
    AluOp::Arsh,
];
const JMP: [JmpOp; 11] = [
    JmpOp::Eq,
    JmpOp::Ne,
    JmpOp::Set,
    JmpOp::Gt,
    JmpOp::Ge,
    JmpOp::Lt,
    JmpOp::Le,
    JmpOp::Sgt,
    JmpOp::Sge,
    JmpOp::Slt,
    JmpOp::Sle,
];
/// Offsets at the edges of an 8-bit displacement, from the middle of the scratch area.
const OFFSETS: [i16; 6] = [0, 8, -8, 120, -128, 136];

/// Buffer: registers in, registers out, whether a branch fell through, scratch area.
const OUT: i16 = 80;
const FELL_THROUGH: i16 = 160;
const SCRATCH_MIDDLE: i32 = 328;
const BUFFER: usize = 512;
/// Stack slots: the buffer's address, a saved register, whether a branch fell through.
const CONTEXT_SLOT: i16 = -8;
const SAVED_SLOT: i16 = -16;
const BRANCH_SLOT: i16 = -24;

fn load(dst: Reg, base: Reg, offset: i16) -> Insn {
    Insn::Load { size: Size::DW, extend: Extend::Zero, dst, base, offset }
}

fn store(base: Reg, offset: i16, src: Src) -> Insn {
    Insn::Store { size: Size::DW, base, offset, src }
}

fn offset_of(reg: Reg) -> i16 {
    8 * reg.index() as i16
}

/// The whole program around some instructions.
fn program(middle: &[Insn]) -> Vec<Insn> {
    let others = || REGS.into_iter().filter(|&reg| reg != Reg::R1);
    let mut insns =
        vec![store(Reg::R10, CONTEXT_SLOT, Src::Reg(Reg::R1)), store(Reg::R10, BRANCH_SLOT, Src::Imm(0))];
    insns.extend(others().map(|reg| load(reg, Reg::R1, offset_of(reg))));
    insns.push(load(Reg::R1, Reg::R1, offset_of(Reg::R1)));
    insns.extend(middle);
    insns.push(store(Reg::R10, SAVED_SLOT, Src::Reg(Reg::R1)));
    insns.push(load(Reg::R1, Reg::R10, CONTEXT_SLOT));
    insns.extend(others().map(|reg| store(Reg::R1, OUT + offset_of(reg), Src::Reg(reg))));
    for (slot, to) in [(SAVED_SLOT, OUT + offset_of(Reg::R1)), (BRANCH_SLOT, FELL_THROUGH)] {
        insns.extend([load(Reg::R2, Reg::R10, slot), store(Reg::R1, to, Src::Reg(Reg::R2))]);
    }
    insns.extend([Insn::Mov { width: Width::W64, dst: Reg::R0, src: Src::Imm(0) }, Insn::Exit]);
    insns
}

/// Registers at the start: two with these values, the others with numbers of their own.
pub(super) fn input(set: &[(Reg, u64)]) -> Vec<u8> {
    let mut buffer: Vec<u8> = (0..BUFFER).map(|at| (at as u8).wrapping_mul(0x9d) ^ 0xa5).collect();
    for &(reg, value) in set {
        buffer[8 * reg.index()..][..8].copy_from_slice(&value.to_le_bytes());
    }
    buffer
}

/// Runs the instructions on every machine and in the interpreter, over every input.
pub(super) fn check(middle: &[Insn], inputs: &[Vec<u8>]) {
    let insns = program(middle);
    let proved =
        prove(&insns, buffer_entry(BUFFER as u32), &[]).unwrap_or_else(|error| panic!("{middle:?}: {error}"));
    let images = ways().map(|way| compile_checked(&proved, &TestLinker::default(), way));
    for input in inputs {
        let mut buffer = input.clone();
        let address = buffer.as_mut_ptr() as u64;
        let mut memory = Regions::new().with("buffer", address, input.clone(), Protection::ReadWrite);
        let arguments = [address, BUFFER as u64, 0, 0, 0];
        let outcome =
            opswap_bpf::interp::run(&insns, arguments, &mut memory, &mut NoCalls, Budget::default());
        let outcome = outcome.unwrap_or_else(|trap| panic!("{middle:?}: {trap}"));
        for image in &images {
            buffer.copy_from_slice(input);
            let r0 = call(image, &mut buffer, &RunHeader::default());
            assert_eq!(r0, outcome.r0(), "{middle:?}");
            if buffer != memory.bytes("buffer") {
                panic!("{}", difference(middle, input, &buffer, memory.bytes("buffer"), image));
            }
        }
    }
}

fn difference(
    middle: &[Insn],
    input: &[u8],
    native: &[u8],
    expected: &[u8],
    image: &crate::Executable,
) -> String {
    use std::fmt::Write as _;
    let word =
        |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let mut text = String::from("native and interpreted results differ\n");
    for insn in middle {
        let _ = writeln!(text, "    {insn}");
    }
    for at in (0..BUFFER).step_by(8).filter(|&at| word(native, at) != word(expected, at)) {
        let (native, expected) = (word(native, at), word(expected, at));
        let _ = writeln!(
            text,
            "  at {at}: native {native:#x}, interpreted {expected:#x}, before {:#x}",
            word(input, at)
        );
    }
    for reg in REGS {
        let _ = writeln!(text, "  {reg} was {:#x}", word(input, 8 * reg.index()));
    }
    for line in crate::disasm::disassemble(image) {
        let _ = writeln!(text, "  {:4x} {}", line.offset, line.text);
    }
    text
}

/// Inputs in which two registers take all pairs of values (all values, when they are the same).
fn pairs(dst: Reg, src: Reg) -> Vec<Vec<u8>> {
    if dst == src {
        return singles(dst);
    }
    VALUES.iter().flat_map(|&a| VALUES.map(|b| input(&[(dst, a), (src, b)]))).collect()
}

fn singles(dst: Reg) -> Vec<Vec<u8>> {
    VALUES.iter().map(|&value| input(&[(dst, value)])).collect()
}

/// Fewer inputs for operations whose values are interesting only now and then.
fn thinned(dst: Reg, src: Reg, by: usize) -> Vec<Vec<u8>> {
    pairs(dst, src).into_iter().step_by(by).collect()
}

#[test]
fn arithmetic_with_registers() {
    for op in ALU {
        for width in WIDTHS {
            for dst in REGS {
                for src in REGS {
                    // Every pair of values for divisions, whose special cases depend on both.
                    let division = matches!(op, AluOp::Div | AluOp::Sdiv | AluOp::Mod | AluOp::Smod);
                    let by = if division { 1 } else { 7 };
                    check(&[Insn::Alu { op, width, dst, src: Src::Reg(src) }], &thinned(dst, src, by));
                }
            }
        }
    }
}

#[test]
fn arithmetic_with_immediates() {
    for op in ALU {
        for width in WIDTHS {
            for dst in REGS {
                for imm in IMMS {
                    check(&[Insn::Alu { op, width, dst, src: Src::Imm(imm) }], &singles(dst));
                }
            }
        }
    }
}

#[test]
fn moves_negations_and_byte_orders() {
    for dst in REGS {
        for width in WIDTHS {
            for src in REGS {
                check(&[Insn::Mov { width, dst, src: Src::Reg(src) }], &singles(src));
                for bits in [SxBits::B8, SxBits::B16, SxBits::B32] {
                    if (width, bits) != (Width::W32, SxBits::B32) {
                        check(&[Insn::MovSx { width, bits, dst, src }], &singles(src));
                    }
                }
            }
            for imm in IMMS {
                check(&[Insn::Mov { width, dst, src: Src::Imm(imm) }], &[input(&[])]);
            }
            check(&[Insn::Neg { width, dst }], &singles(dst));
        }
        for kind in [SwapKind::ToLe, SwapKind::ToBe, SwapKind::Bswap] {
            for bits in [SwapBits::B16, SwapBits::B32, SwapBits::B64] {
                check(&[Insn::ByteSwap { kind, bits, dst }], &singles(dst));
            }
        }
        for value in VALUES {
            check(&[Insn::LoadImm64 { dst, imm: Imm64::Value(value) }, Insn::LoadImm64Tail], &[input(&[])]);
        }
    }
}

#[test]
fn branches_take_the_side_that_they_should() {
    let fell_through = store(Reg::R10, BRANCH_SLOT, Src::Imm(1));
    for op in JMP {
        for width in WIDTHS {
            for dst in REGS {
                for src in REGS {
                    let branch = Insn::Branch { op, width, dst, src: Src::Reg(src), offset: 1 };
                    check(&[branch, fell_through], &thinned(dst, src, 5));
                }
                for imm in IMMS {
                    let branch = Insn::Branch { op, width, dst, src: Src::Imm(imm), offset: 1 };
                    let mut inputs = singles(dst);
                    inputs.push(input(&[(dst, i64::from(imm).cast_unsigned())]));
                    check(&[branch, fell_through], &inputs);
                }
            }
        }
    }
}

/// Makes a register point into the scratch area, uses it, and makes it a number again.
fn with_base(base: Reg, result: Option<Reg>, access: Insn) -> Vec<Insn> {
    let set = [
        load(base, Reg::R10, CONTEXT_SLOT),
        Insn::Alu { op: AluOp::Add, width: Width::W64, dst: base, src: Src::Imm(SCRATCH_MIDDLE) },
    ];
    let mut insns = set.to_vec();
    insns.push(access);
    if result != Some(base) {
        insns.push(Insn::Mov { width: Width::W64, dst: base, src: Src::Imm(0) });
    }
    insns
}

#[test]
fn loads() {
    for base in REGS {
        for dst in REGS {
            for size in SIZES {
                for offset in OFFSETS {
                    check(
                        &with_base(
                            base,
                            Some(dst),
                            Insn::Load { size, extend: Extend::Zero, dst, base, offset },
                        ),
                        &[input(&[])],
                    );
                    if size != Size::DW {
                        let access = Insn::Load { size, extend: Extend::Sign, dst, base, offset: offset + 3 };
                        check(&with_base(base, Some(dst), access), &[input(&[])]);
                    }
                }
                check(
                    &with_base(base, Some(dst), Insn::LoadAcquire { size, dst, base, offset: 8 }),
                    &[input(&[])],
                );
            }
        }
    }
}

#[test]
fn stores() {
    for base in REGS {
        for size in SIZES {
            for offset in OFFSETS {
                for src in REGS.into_iter().filter(|&src| src != base) {
                    let access = Insn::Store { size, base, offset, src: Src::Reg(src) };
                    check(&with_base(base, None, access), &[input(&[])]);
                }
            }
            for src in REGS.into_iter().filter(|&src| src != base) {
                check(
                    &with_base(base, None, Insn::StoreRelease { size, base, offset: -8, src }),
                    &[input(&[])],
                );
            }
            for imm in IMMS {
                let access = Insn::Store { size, base, offset: 8, src: Src::Imm(imm) };
                check(&with_base(base, None, access), &[input(&[])]);
            }
        }
    }
}

#[test]
fn atomics() {
    let mut ops = vec![AtomicOp::Xchg, AtomicOp::Cmpxchg];
    for fetch in [Fetch::No, Fetch::Yes] {
        ops.extend([AtomicOp::Add(fetch), AtomicOp::Or(fetch), AtomicOp::And(fetch), AtomicOp::Xor(fetch)]);
    }
    for op in ops {
        for width in WIDTHS {
            for base in REGS {
                for src in REGS.into_iter().filter(|&src| src != base) {
                    // The comparand of a compare-exchange is R0, which then cannot be the base.
                    if op == AtomicOp::Cmpxchg && base == Reg::R0 {
                        continue;
                    }
                    for offset in [0, -128] {
                        let access = Insn::Atomic { op, width, base, offset, src };
                        check(&with_base(base, None, access), &atomic_inputs(src, offset));
                    }
                }
            }
        }
    }
}

/// Operands of atomic operations, and comparands in R0 that match all of the memory, its lower half, or nothing.
fn atomic_inputs(src: Reg, offset: i16) -> Vec<Vec<u8>> {
    let template = input(&[]);
    let at = (SCRATCH_MIDDLE + i32::from(offset)) as usize;
    let memory = u64::from_le_bytes(template[at..at + 8].try_into().expect("eight bytes"));
    let mut inputs = Vec::new();
    for value in [0, 0xffff_ffff_ffff_ffff, 0x1234_5678_9abc_def0] {
        for r0 in [memory, memory & 0xffff_ffff, memory ^ 1 << 63, 7] {
            inputs.push(input(&[(Reg::R0, r0), (src, value)]));
        }
    }
    inputs
}
