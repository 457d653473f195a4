//! Text and instructions, both ways.

use super::*;
use crate::display::Listing;
use crate::encode::encode;

/// Plain form, kernel form, bytes.
const FORMS: &[(&str, &str, &str)] = &[
    ("r1 += r2", "(0f) r1 += r2", "0f21000000000000"),
    ("w1 -= 8", "(14) w1 -= 8", "1401000008000000"),
    ("r1 *= -8", "(27) r1 *= -8", "27010000f8ffffff"),
    ("r1 /= r2", "(3f) r1 /= r2", "3f21000000000000"),
    ("w3 s/= 7", "(34) w3 s/= 7", "3403010007000000"),
    ("r3 %= 7", "(97) r3 %= 7", "9703000007000000"),
    ("r3 s%= r4", "(9f) r3 s%= r4", "9f43010000000000"),
    ("r1 |= 1", "(47) r1 |= 1", "4701000001000000"),
    ("r1 &= 1", "(57) r1 &= 1", "5701000001000000"),
    ("r1 ^= 1", "(a7) r1 ^= 1", "a701000001000000"),
    ("r1 <<= 3", "(67) r1 <<= 3", "6701000003000000"),
    ("w1 >>= w2", "(7c) w1 >>= w2", "7c21000000000000"),
    ("r1 s>>= 3", "(c7) r1 s>>= 3", "c701000003000000"),
    ("r9 = r10", "(bf) r9 = r10", "bfa9000000000000"),
    ("w0 = -1", "(b4) w0 = -1", "b4000000ffffffff"),
    ("r1 = (s8)r2", "(bf) r1 = (s8)r2", "bf21080000000000"),
    ("w1 = (s16)w2", "(bc) w1 = (s16)w2", "bc21100000000000"),
    ("r1 = (s32)r2", "(bf) r1 = (s32)r2", "bf21200000000000"),
    ("r1 = addr_space_cast(r2, 0, 1)", "(bf) r1 = addr_space_cast(r2, 0, 1)", "bf21010001000000"),
    ("r3 = addr_space_cast(r3, 1, 0)", "(bf) r3 = addr_space_cast(r3, 1, 0)", "bf33010000000100"),
    ("r1 = -r1", "(87) r1 = -r1", "8701000000000000"),
    ("w1 = -w1", "(84) w1 = -w1", "8401000000000000"),
    ("r1 = le16 r1", "(d4) r1 = le16 r1", "d401000010000000"),
    ("r1 = be32 r1", "(dc) r1 = be32 r1", "dc01000020000000"),
    ("r1 = bswap64 r1", "(d7) r1 = bswap64 r1", "d701000040000000"),
    ("r1 = 0x1122334455667788 ll", "(18) r1 = 0x1122334455667788", "18010000887766550000000044332211"),
    ("r1 = map_fd[5]", "(18) r1 = map_fd[5]", "18110000050000000000000000000000"),
    ("r1 = map_value_fd[5] + 16", "(18) r1 = map_value_fd[5] + 16", "18210000050000000000000010000000"),
    ("r1 = host_var[7]", "(18) r1 = host_var[7]", "18310000070000000000000000000000"),
    ("r1 = host_var[7] module 2", "(18) r1 = host_var[7] module 2", "18310000070000000000000002000000"),
    ("r1 = func -2", "(18) r1 = func pc-2", "18410000feffffff0000000000000000"),
    ("r1 = map[3]", "(18) r1 = map[3]", "18510000030000000000000000000000"),
    ("r1 = map_value[3] + 8", "(18) r1 = map_value[3] + 8", "18610000030000000000000008000000"),
    ("r1 = *(u64 *)(r10 - 8)", "(79) r1 = *(u64 *)(r10 -8)", "79a1f8ff00000000"),
    ("r1 = *(u8 *)(r2 + 0)", "(71) r1 = *(u8 *)(r2 +0)", "7121000000000000"),
    ("r1 = *(s32 *)(r2 + 4)", "(81) r1 = *(s32 *)(r2 +4)", "8121040000000000"),
    ("*(u16 *)(r10 - 2) = r3", "(6b) *(u16 *)(r10 -2) = r3", "6b3afeff00000000"),
    ("*(u32 *)(r10 - 4) = -7", "(62) *(u32 *)(r10 -4) = -7", "620afcfff9ffffff"),
    ("lock *(u64 *)(r1 + 8) += r2", "(db) lock *(u64 *)(r1 +8) += r2", "db21080000000000"),
    ("lock *(u32 *)(r1 + 8) ^= w2", "(c3) lock *(u32 *)(r1 +8) ^= r2", "c3210800a0000000"),
    (
        "r2 = atomic_fetch_or((u64 *)(r1 + 0), r2)",
        "(db) r2 = atomic64_fetch_or((u64 *)(r1 +0), r2)",
        "db21000041000000",
    ),
    (
        "w2 = atomic_xchg((u32 *)(r1 + 0), w2)",
        "(c3) r2 = atomic_xchg((u32 *)(r1 +0), r2)",
        "c3210000e1000000",
    ),
    (
        "r0 = atomic_cmpxchg((u64 *)(r1 - 8), r0, r2)",
        "(db) r0 = atomic64_cmpxchg((u64 *)(r1 -8), r0, r2)",
        "db21f8fff1000000",
    ),
    ("r1 = load_acquire((u16 *)(r2 + 2))", "(cb) r1 = load_acquire((u16 *)(r2 +2))", "cb21020000010000"),
    ("store_release((u8 *)(r1 + 2), r2)", "(d3) store_release((u8 *)(r1 +2), r2)", "d321020010010000"),
    ("r0 = *(u16 *)skb[12]", "(28) r0 = *(u16 *)skb[12]", "280000000c000000"),
    ("r0 = *(u8 *)skb[r7 + 12]", "(50) r0 = *(u8 *)skb[r7 + 12]", "507000000c000000"),
    ("goto +5", "(05) goto pc+5", "0500050000000000"),
    ("gotol -70000", "(06) gotol pc-70000", "0600000090eefeff"),
    ("if r1 == 5 goto +3", "(15) if r1 == 0x5 goto pc+3", "1501030005000000"),
    ("if w1 s<= -1 goto -1", "(d6) if w1 s<= 0xffffffff goto pc-1", "d601ffffffffffff"),
    ("if r1 & r2 goto +0", "(4d) if r1 & r2 goto pc+0", "4d21000000000000"),
    ("may_goto +4", "(e5) may_goto pc+4", "e500040000000000"),
    ("call helper#1", "(85) call unknown#1", "8500000001000000"),
    ("call -3", "(85) call pc-3", "85100000fdffffff"),
    ("call kfunc#7", "(85) call kernel-function#7", "8520000007000000"),
    ("call kfunc#7 module -2", "(85) call kernel-function#7", "8520feff07000000"),
    ("callx r2", "(8d) callx r2", "8d02000000000000"),
    ("exit", "(95) exit", "9500000000000000"),
];

#[test]
fn each_instruction_has_its_two_forms_and_its_bytes() {
    for (plain, kernel, hex) in FORMS {
        let insns = assemble(plain).unwrap_or_else(|error| panic!("`{plain}`: {error}"));
        assert_eq!(insns[0].to_string(), *plain);
        assert_eq!(insns[0].kernel_text(None).to_string(), *kernel);
        let bytes: String =
            encode(&insns).expect("encodes").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(bytes, *hex, "{plain}");
    }
}

#[test]
fn what_is_printed_assembles_to_the_same() {
    let insns = crate::decode::tests::accepted();
    assert!(insns.len() > 10_000);
    let text = Listing(&insns).to_string();
    let back = assemble(&text).expect("assembles");
    assert_eq!(back.len(), insns.len());
    for (back, insn) in back.iter().zip(&insns) {
        assert_eq!(back, insn);
    }
}

/// Text that other tools write, and what it means in ours.
const VARIANTS: &[(&str, &str)] = &[
    ("R1 = 1", "line 1, column 1: expected an instruction, found `R1`"),
    ("r1=*(u64*)(r10-8)", "r1 = *(u64 *)(r10 - 8)"),
    ("r1 = *(u64 *)(r10 -8) // as the kernel", "r1 = *(u64 *)(r10 - 8)"),
    ("r1 = *(u64 *)(r2)", "r1 = *(u64 *)(r2 + 0)"),
    ("w1 = *(u32 *)(r2 + 0)", "r1 = *(u32 *)(r2 + 0)"),
    ("*(u32 *)(r2 + 0) = w3", "*(u32 *)(r2 + 0) = r3"),
    ("*(u8 *)(r2 + 0) = 0xff", "*(u8 *)(r2 + 0) = 255"),
    ("w1 = 0xffffffff", "w1 = -1"),
    ("goto pc-1", "goto -1"),
    ("12: goto +1", "goto +1"),
    ("r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)", "r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)"),
    ("r2 = atomic_fetch_add((u32 *)(r1 +0), r2)", "w2 = atomic_fetch_add((u32 *)(r1 + 0), w2)"),
    ("r1 = -1 ll", "r1 = 0xffffffffffffffff ll"),
    ("r1 = map_value[3]", "r1 = map_value[3] + 0"),
];

/// Mistakes and their messages.
const MISTAKES: &[(&str, &str)] = &[
    (
        "r1 =",
        "line 1, column 5: expected a register, a number, a load or an operation, found the end of the line",
    ),
    ("r11 = 1", "line 1, column 1: expected an instruction, found `r11`"),
    ("r1 = r11", "line 1, column 6: expected a register, a number, a load or an operation, found `r11`"),
    ("exit\n  r1 = w2", "line 2, column 8: expected a 64-bit register, r0 to r10, found `w2`"),
    ("r1 = 1 2", "line 1, column 8: expected the end of the line, found `2`"),
    (
        "r1 = 0xffffffff",
        "line 1, column 6: 4294967295 is out of range: a 32-bit immediate, sign-extended, goes from -2147483648 to \
         2147483647: `r1 = … ll` loads 64 bits",
    ),
    (
        "r1 = *(s64 *)(r2 + 0)",
        "line 1, column 8: expected a type: u8, u16, u32, u64, s8, s16 or s32, found `s64`",
    ),
    (
        "r1 = *(u64 *)(r2 + 40000)",
        "line 1, column 18: 40000 is out of range: a memory offset goes from -32768 to 32767",
    ),
    ("w1 = (s32)w2", "line 1, column 7: expected s8, s16, or in a 64-bit move s32, found `s32`"),
    (
        "w1 = *(u64 *)(r2 + 0)",
        "line 1, column 7: expected a load of at most 32 bits without sign extension, for a 32-bit register, found `(`",
    ),
    ("r1 = be16 r2", "line 1, column 11: expected the destination register again, found `r2`"),
    ("r1 = be17 r1", "line 1, column 6: expected a register, a number, a load or an operation, found `be17`"),
    ("lock *(u16 *)(r1 + 0) += r2", "line 1, column 7: expected `(u32 *)` or `(u64 *)`, found `(`"),
    (
        "r3 = atomic_xchg((u64 *)(r1 + 0), r2)",
        "line 1, column 35: expected the register that takes the old value (r0 for cmpxchg), found `r2`",
    ),
    ("goto 3", "line 1, column 6: expected a label or an offset with its sign, such as `+3`, found `3`"),
    ("goto nowhere", "line 1, column 6: no label `nowhere` is known"),
    ("call nobody", "line 1, column 6: no label or function `nobody` is known"),
    ("r1 = map[nothing]", "line 1, column 10: no map `nothing` is known"),
    ("a: exit\na: exit", "line 2, column 1: label `a` is defined twice, first in line 1"),
    (
        "goto +40000",
        "line 1, column 6: 40000 is out of range: a 16-bit jump offset goes from -32768 to 32767: use `gotol`",
    ),
    (
        "if r1 = 1 goto +1",
        "line 1, column 7: expected a comparison: == != & > >= < <= s> s>= s< s<=, found `=`",
    ),
    ("if r1 == 1 jump +1", "line 1, column 12: expected `goto`, found `jump`"),
    ("é", "line 1, column 1: expected an instruction, found `é`"),
];

#[test]
fn other_spellings_are_understood() {
    for (text, meaning) in VARIANTS {
        let found = assemble(text).map_or_else(|error| error.to_string(), |insns| insns[0].to_string());
        assert_eq!(found, *meaning);
    }
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (text, message) in MISTAKES {
        assert_eq!(assemble(text).map_err(|error| error.to_string()), Err((*message).to_owned()));
    }
}

struct Known;

impl Names for Known {
    fn call(&self, name: &str) -> Option<CallTarget> {
        (name == "lookup").then_some(CallTarget::Helper(crate::HelperId(1)))
    }

    fn map(&self, name: &str) -> Option<MapId> {
        (name == "counts").then_some(MapId(4))
    }

    fn host_var(&self, name: &str) -> Option<(BtfId, u32)> {
        (name == "jiffies").then_some((BtfId(9), 1))
    }
}

#[test]
fn labels_and_names_are_resolved() {
    let text = "\
        start:  r1 = map[counts]     ; two slots\n\
                r2 = host_var[jiffies]\n\
                r3 = func sub\n\
                call lookup\n\
        again:  if r0 == 0 goto end\n\
                call sub\n\
                may_goto end\n\
                goto again\n\
                gotol start\n\
        sub:\n\
        end:    exit\n";
    let assembly = assemble_with(text, &Known).expect("assembles");
    let expected = "   0: r1 = map[4]\n   2: r2 = host_var[9] module 1\n   4: r3 = func +7\n   6: call helper#1\n   \
                    7: if r0 == 0 goto +4\n   8: call +3\n   9: may_goto +2\n  10: goto -4\n  11: gotol -12\n  12: exit\n";
    assert_eq!(Listing(&assembly.insns).to_string(), expected);
    assert_eq!(assembly.lines, [1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 11]);
    assert_eq!(assembly.labels["sub"], InsnIdx(12));
    assert_eq!(assembly.labels["end"], InsnIdx(12));
}

#[test]
fn a_label_out_of_reach_is_an_error() {
    let text = format!("if r1 == 0 goto end\n{}end: exit\n", "r1 = 0\n".repeat(40_000));
    let error = assemble(&text).expect_err("too far");
    assert_eq!(error.kind, AsmErrorKind::TooFar { distance: 40_000 });
}

#[test]
fn no_text_makes_the_assembler_panic() {
    // Cut and garble every form at every place.
    for (plain, ..) in FORMS {
        for end in 0..plain.len() {
            for garbage in
                ["", " ", "(", "-", "0x", "é", "[", "99999999999999999999999999999999999999999", ":"]
            {
                // Only that it returns matters here.
                let _ = assemble(&format!("{}{garbage}", &plain[..end]));
                let _ = assemble(&format!("{garbage}{}", &plain[end..]));
            }
        }
    }
}
