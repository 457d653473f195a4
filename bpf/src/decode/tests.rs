//! The encoding, tried exhaustively: what is accepted encodes back to the same bytes, so no bit is ever ignored.

use super::*;
use crate::encode::{EncodeErrorKind, encode};
use crate::insn::{AtomicOp, JmpOp};

/// RFC 9669's operation codes, plus `callx` (8d) and `may_goto` (e5).
#[rustfmt::skip]
const OPCODES: &[u8] = &[
    // LD: immediates and packets
    0x18, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50,
    // LDX, and with sign extension
    0x61, 0x69, 0x71, 0x79, 0x81, 0x89, 0x91,
    // ST, STX, and atomics
    0x62, 0x6a, 0x72, 0x7a, 0x63, 0x6b, 0x73, 0x7b, 0xc3, 0xcb, 0xd3, 0xdb,
    // ALU
    0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c, 0x84,
    0x94, 0x9c, 0xa4, 0xac, 0xb4, 0xbc, 0xc4, 0xcc, 0xd4, 0xdc,
    // ALU64
    0x07, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x47, 0x4f, 0x57, 0x5f, 0x67, 0x6f, 0x77, 0x7f, 0x87,
    0x97, 0x9f, 0xa7, 0xaf, 0xb7, 0xbf, 0xc7, 0xcf, 0xd7,
    // JMP
    0x05, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x55, 0x5d, 0x65, 0x6d, 0x75, 0x7d, 0x85, 0x8d, 0x95,
    0xa5, 0xad, 0xb5, 0xbd, 0xc5, 0xcd, 0xd5, 0xdd, 0xe5,
    // JMP32
    0x06, 0x16, 0x1e, 0x26, 0x2e, 0x36, 0x3e, 0x46, 0x4e, 0x56, 0x5e, 0x66, 0x6e, 0x76, 0x7e,
    0xa6, 0xae, 0xb6, 0xbe, 0xc6, 0xce, 0xd6, 0xde,
    // the rest of JMP and JMP32 is refused: there is no 32-bit call, exit or may_goto
];

const OFFSETS: [i16; 10] = [0, 1, 2, 8, 16, 32, 33, -1, i16::MAX, i16::MIN];
const IMMS: [i32; 23] = [
    0,
    1,
    2,
    16,
    32,
    64,
    -1,
    0x40,
    0x41,
    0x50,
    0x51,
    0xa0,
    0xa1,
    0xe0,
    0xe1,
    0xf0,
    0xf1,
    0x100,
    0x101,
    0x110,
    0x111,
    i32::MAX,
    i32::MIN,
];

/// All slots with any code and registers, and with the offsets and immediates that rules speak of.
fn slots() -> impl Iterator<Item = Slot> {
    let registers = (0..16).flat_map(|dst| (0..16).map(move |src| (dst, src)));
    let fields = registers.flat_map(|regs| OFFSETS.into_iter().map(move |offset| (regs, offset)));
    let fields = fields.flat_map(|(regs, offset)| IMMS.into_iter().map(move |imm| (regs, offset, imm)));
    fields
        .flat_map(|((dst, src), offset, imm)| (0..=255).map(move |code| Slot { code, dst, src, offset, imm }))
}

/// Every kind of instruction with many operands; a 64-bit immediate load is followed by its second slot.
pub(crate) fn accepted() -> Vec<Insn> {
    let few = slots()
        .filter(|slot| slot.dst != 5 && slot.src <= 6 && matches!(slot.offset, -1 | 0 | 1 | 8 | 16 | 32));
    few.filter_map(|slot| decode(&bytes_of(slot, Slot::default())).ok()).flatten().collect()
}

fn bytes_of(slot: Slot, tail: Slot) -> Vec<u8> {
    let mut bytes = slot.to_bytes().to_vec();
    if slot.code == op::LOAD_IMM64 {
        bytes.extend_from_slice(&tail.to_bytes());
    }
    bytes
}

#[test]
fn what_decodes_encodes_to_the_same_bytes() {
    let tails = [0, 1, -1].map(|imm| Slot { imm, ..Slot::default() });
    let mut accepted = 0_u32;
    for slot in slots() {
        for tail in if slot.code == op::LOAD_IMM64 { &tails[..] } else { &tails[..1] } {
            let bytes = bytes_of(slot, *tail);
            let Ok(insns) = decode(&bytes) else { continue };
            accepted += 1;
            assert_eq!(encode(&insns).as_ref(), Ok(&bytes), "{insns:?}");
        }
    }
    assert!(accepted > 100_000, "only {accepted} slots were accepted");
}

#[test]
fn every_single_bit_counts() {
    // Small but complete: one accepted slot for each shape, each of its bits flipped.
    for slot in slots().filter(|slot| slot.dst < 2 && slot.src < 7 && matches!(slot.offset, 0 | 1 | 8)) {
        let bytes = bytes_of(slot, Slot::default());
        let Ok(insns) = decode(&bytes) else { continue };
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(other) = decode(&flipped) {
                assert_ne!(insns, other, "bit {bit} of {bytes:02x?} changes nothing");
                assert_eq!(encode(&other), Ok(flipped));
            }
        }
    }
}

#[test]
fn exactly_the_operation_codes_of_the_standard_exist() {
    let mut found: Vec<u8> = Vec::new();
    for slot in slots().filter(|slot| slot.dst == 0 && slot.src == 0) {
        if decode(&bytes_of(slot, Slot::default())).is_ok() && !found.contains(&slot.code) {
            found.push(slot.code);
        }
    }
    let mut expected = OPCODES.to_vec();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    for code in (0..=255_u8).filter(|code| !expected.contains(code)) {
        let result = decode(&[code, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(
            result,
            Err(DecodeError { at: InsnIdx(0), kind: DecodeErrorKind::UnknownOpcode { code } })
        );
    }
}

#[test]
fn operations_encode_to_different_codes() {
    let mut seen = Vec::new();
    for alu in AluOp::ALL {
        for width in Width::ALL {
            seen.push(Insn::Alu { op: alu, width, dst: Reg::R1, src: Src::Imm(1) });
        }
    }
    for jmp in JmpOp::ALL {
        for width in Width::ALL {
            seen.push(Insn::Branch { op: jmp, width, dst: Reg::R1, src: Src::Imm(1), offset: 0 });
        }
    }
    for atomic in AtomicOp::ALL {
        for width in Width::ALL {
            seen.push(Insn::Atomic { op: atomic, width, base: Reg::R1, offset: 0, src: Reg::R2 });
        }
    }
    for insn in &seen {
        let bytes = encode(std::slice::from_ref(insn)).expect("encodes");
        assert_eq!(decode(&bytes), Ok(vec![*insn]));
    }
}

#[test]
fn impossible_instructions_do_not_encode() {
    let (dst, src, base, offset) = (Reg::R1, Reg::R2, Reg::R3, 0);
    let load = Insn::LoadImm64 { dst, imm: Imm64::Value(1) };
    let cases = [
        (vec![load], EncodeErrorKind::LoadImm64Pair),
        (vec![load, Insn::Exit], EncodeErrorKind::LoadImm64Pair),
        (vec![Insn::LoadImm64Tail], EncodeErrorKind::LoadImm64Pair),
        (
            vec![Insn::Load { size: Size::DW, extend: Extend::Sign, dst, base, offset }],
            EncodeErrorKind::SignExtendedDoubleWord,
        ),
        (
            vec![Insn::MovSx { width: Width::W32, bits: SxBits::B32, dst, src }],
            EncodeErrorKind::SignExtendedWord,
        ),
        (
            vec![Insn::LoadPacket { size: Size::DW, mode: PacketMode::Abs, imm: 0 }],
            EncodeErrorKind::PacketDoubleWord,
        ),
        (
            vec![Insn::Jump { form: JumpForm::Short, offset: 40_000 }],
            EncodeErrorKind::ShortJump { offset: 40_000 },
        ),
    ];
    for (insns, kind) in cases {
        assert_eq!(encode(&insns).map_err(|error| error.kind), Err(kind));
    }
}

/// Refused slots and their messages.
const REFUSED: &[(&str, &str)] = &[
    ("b7", "insn0: invalid program size: an instruction has 8 bytes, the last one only 1"),
    (
        "9500000000000000 b70000",
        "insn1: invalid program size: an instruction has 8 bytes, the last one only 3",
    ),
    ("ff00000000000000", "insn0: unknown opcode ff"),
    ("9900000000000000", "insn0: unknown opcode 99"),
    ("df00000010000000", "insn0: unknown opcode df"),
    ("8600000000000000", "insn0: unknown opcode 86"),
    ("bf0b000000000000", "insn0: R11 is invalid: registers are r0 to r10"),
    ("bff0000000000000", "insn0: R15 is invalid: registers are r0 to r10"),
    ("0700010001000000", "insn0: BPF_ALU uses reserved fields: field `offset` is 1, it must be 0"),
    ("3700020001000000", "insn0: BPF_ALU uses reserved fields: field `offset` is 2, it must be 0 or 1"),
    ("3700ffff01000000", "insn0: BPF_ALU uses reserved fields: field `offset` is -1, it must be 0 or 1"),
    ("0f00000001000000", "insn0: BPF_ALU uses reserved fields: field `imm` is 1, it must be 0"),
    ("0710000001000000", "insn0: BPF_ALU uses reserved fields: field `src` is 1, it must be 0"),
    ("b700080001000000", "insn0: BPF_MOV uses reserved fields: field `offset` is 8, it must be 0"),
    (
        "bf00010000000000",
        "insn0: BPF_MOV uses reserved fields: field `imm` is 0, it must be 1 or 65536: from address space 1, or to it",
    ),
    (
        "bf00020000000000",
        "insn0: BPF_MOV uses reserved fields: field `offset` is 2, it must be 0, 8, 16 or 32",
    ),
    ("bc00010001000000", "insn0: BPF_MOV uses reserved fields: field `imm` is 1, it must be 0"),
    ("bc00200000000000", "insn0: BPF_MOV uses reserved fields: field `offset` is 32, it must be 0, 8 or 16"),
    ("8700000001000000", "insn0: BPF_NEG uses reserved fields: field `imm` is 1, it must be 0"),
    ("8f00000000000000", "insn0: unknown opcode 8f"),
    ("dc10000010000000", "insn0: BPF_END uses reserved fields: field `src` is 1, it must be 0"),
    ("dc00000011000000", "insn0: BPF_END uses reserved fields: field `imm` is 17, it must be 16, 32 or 64"),
    ("7910000001000000", "insn0: BPF_LDX uses reserved fields: field `imm` is 1, it must be 0"),
    ("7a10000001000000", "insn0: BPF_ST uses reserved fields: field `src` is 1, it must be 0"),
    ("7b10000001000000", "insn0: BPF_STX uses reserved fields: field `imm` is 1, it must be 0"),
    ("0500000001000000", "insn0: BPF_JA uses reserved fields: field `imm` is 1, it must be 0"),
    ("0600010001000000", "insn0: BPF_JA uses reserved fields: field `offset` is 1, it must be 0"),
    ("1510000000000000", "insn0: BPF_JMP/JMP32 uses reserved fields: field `src` is 1, it must be 0"),
    ("1e10000001000000", "insn0: BPF_JMP/JMP32 uses reserved fields: field `imm` is 1, it must be 0"),
    ("e500000003000000", "insn0: invalid may_goto imm 3: field `imm` is 3, it must be 0"),
    ("8501000000000000", "insn0: BPF_CALL uses reserved fields: field `dst` is 1, it must be 0"),
    ("8500010000000000", "insn0: BPF_CALL uses reserved fields: field `offset` is 1, it must be 0"),
    ("8530000000000000", "insn0: BPF_CALL uses reserved fields: field `src` is 3, it must be 0, 1 or 2"),
    ("9500000001000000", "insn0: BPF_EXIT uses reserved fields: field `imm` is 1, it must be 0"),
    ("2001000000000000", "insn0: BPF_LD_[ABS|IND] uses reserved fields: field `dst` is 1, it must be 0"),
    ("db10000002000000", "insn0: BPF_ATOMIC uses invalid atomic opcode 02: field `imm` selects no operation"),
    ("cb10000001000000", "insn0: invalid atomic operand size: 2 bytes, it must be 4 or 8"),
    ("1800000000000000", "insn0: invalid bpf_ld_imm64 insn: the program ends before its second slot"),
    (
        "9500000000000000 1800000000000000 9500000000000000",
        "insn1: invalid bpf_ld_imm64 insn: its second slot may hold an immediate and nothing else",
    ),
    (
        "1800010000000000 0000000000000000",
        "insn0: BPF_LD_IMM64 uses reserved fields: field `offset` is 1, it must be 0",
    ),
    (
        "1870000000000000 0000000000000000",
        "insn0: unrecognized bpf_ld_imm64 insn: field `src` is 7, it must be 0 to 6",
    ),
    (
        "1810000003000000 0000000001000000",
        "insn0: unrecognized bpf_ld_imm64 insn: its second immediate is 1, it must be 0",
    ),
];

#[test]
fn refusals_say_what_and_where() {
    for (hex, message) in REFUSED {
        let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
        let bytes: Vec<u8> =
            digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("a byte")).collect();
        let error = decode(&bytes).expect_err(message);
        assert_eq!(error.to_string(), *message);
        assert!(message.contains(&error.kind.classic()));
    }
}
