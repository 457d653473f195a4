//! The abstract domain at 64 bits: random members of random values stay members of every result, and the values at which
//! verifiers went wrong before stay right.

use opswap_bpf::insn::{AluOp, Extend, JmpOp, Size, SwapBits, SwapKind, SxBits, Width};
use opswap_verifier::domain::{Scalar, Tnum};
use proptest::prelude::*;

#[path = "domain/check.rs"]
#[expect(dead_code, reason = "the exhaustive checks at narrow widths use the rest")]
mod check;

use check::{ALU_OPS, JMP_OPS, WIDTHS};

const LOADS: [(Size, Extend); 7] = [
    (Size::B, Extend::Zero),
    (Size::H, Extend::Zero),
    (Size::W, Extend::Zero),
    (Size::DW, Extend::Zero),
    (Size::B, Extend::Sign),
    (Size::H, Extend::Sign),
    (Size::W, Extend::Sign),
];

/// RFC 9669, section 4.1, written for these tests.
fn concrete(op: AluOp, width: Width, x: u64, y: u64) -> u64 {
    match width {
        Width::W64 => concrete64(op, x, y),
        Width::W32 => u64::from(concrete32(op, x as u32, y as u32)),
    }
}

fn concrete64(op: AluOp, x: u64, y: u64) -> u64 {
    match op {
        AluOp::Add => x.wrapping_add(y),
        AluOp::Sub => x.wrapping_sub(y),
        AluOp::Mul => x.wrapping_mul(y),
        AluOp::Div => x.checked_div(y).unwrap_or(0),
        AluOp::Sdiv => (x as i64).checked_div(y as i64).map_or(if y == 0 { 0 } else { x }, |q| q as u64),
        AluOp::Or => x | y,
        AluOp::And => x & y,
        AluOp::Lsh => x << (y & 63),
        AluOp::Rsh => x >> (y & 63),
        AluOp::Mod => x.checked_rem(y).unwrap_or(x),
        AluOp::Smod => (x as i64).checked_rem(y as i64).map_or(if y == 0 { x } else { 0 }, |r| r as u64),
        AluOp::Xor => x ^ y,
        AluOp::Arsh => (x as i64 >> (y & 63)) as u64,
    }
}

fn concrete32(op: AluOp, x: u32, y: u32) -> u32 {
    match op {
        AluOp::Add => x.wrapping_add(y),
        AluOp::Sub => x.wrapping_sub(y),
        AluOp::Mul => x.wrapping_mul(y),
        AluOp::Div => x.checked_div(y).unwrap_or(0),
        AluOp::Sdiv => (x as i32).checked_div(y as i32).map_or(if y == 0 { 0 } else { x }, |q| q as u32),
        AluOp::Or => x | y,
        AluOp::And => x & y,
        AluOp::Lsh => x << (y & 31),
        AluOp::Rsh => x >> (y & 31),
        AluOp::Mod => x.checked_rem(y).unwrap_or(x),
        AluOp::Smod => (x as i32).checked_rem(y as i32).map_or(if y == 0 { x } else { 0 }, |r| r as u32),
        AluOp::Xor => x ^ y,
        AluOp::Arsh => (x as i32 >> (y & 31)) as u32,
    }
}

fn holds(op: JmpOp, width: Width, x: u64, y: u64) -> bool {
    let (x, y, sx, sy) = match width {
        Width::W64 => (x, y, x as i64, y as i64),
        Width::W32 => {
            (x & 0xffff_ffff, y & 0xffff_ffff, i64::from(x as u32 as i32), i64::from(y as u32 as i32))
        }
    };
    match op {
        JmpOp::Eq => x == y,
        JmpOp::Ne => x != y,
        JmpOp::Set => x & y != 0,
        JmpOp::Gt => x > y,
        JmpOp::Ge => x >= y,
        JmpOp::Lt => x < y,
        JmpOp::Le => x <= y,
        JmpOp::Sgt => sx > sy,
        JmpOp::Sge => sx >= sy,
        JmpOp::Slt => sx < sy,
        JmpOp::Sle => sx <= sy,
    }
}

fn number() -> impl Strategy<Value = u64> {
    let corners: Vec<u64> = [0u64, 1, 2, 7, 8, 31, 63, 64, 255, 256, 0x7fff, 0x8000]
        .into_iter()
        .chain([0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff, 0x1_0000_0000, 1 << 62, 1 << 63])
        .flat_map(|n| [n, n.wrapping_neg(), n.wrapping_add(1), n.wrapping_sub(1)])
        .collect();
    prop_oneof![
        proptest::sample::select(corners),
        any::<u64>(),
        (any::<u64>(), 0u32..64).prop_map(|(n, s)| n >> s)
    ]
}

/// A value and one of its members.
fn member() -> impl Strategy<Value = (Scalar, u64)> {
    (number(), number(), number(), 0u8..9, any::<bool>()).prop_map(|(n, other, third, kind, more)| {
        let near = n.wrapping_add(other >> 50);
        let value = match kind {
            0 => Scalar::constant(n),
            1 => Scalar::unknown(),
            2 => Scalar::unsigned_range(n.min(other), n.max(other)),
            3 => Scalar::signed_range((n as i64).min(other as i64), (n as i64).max(other as i64)),
            4 => Scalar::of_tnum(Tnum::new(n, other)),
            5 => Scalar::unsigned_range(n.min(near), n.max(near)),
            6 => Scalar::constant(n).union(&Scalar::constant(other)),
            7 => half(n, n as u32, other as u32),
            _ => Scalar::constant(n).union(&Scalar::unsigned_range(other.min(third), other.max(third))),
        };
        let narrowed = more.then(|| value.intersect(&Scalar::of_tnum(Tnum::new(n, third)))).flatten();
        (narrowed.filter(|narrowed| narrowed.contains(n)).unwrap_or(value), n)
    })
}

/// The low half lies between two numbers.
fn half(n: u64, lo: u32, hi: u32) -> Scalar {
    let mut value = Scalar::unknown();
    for end in [lo, hi] {
        let (op, end) = if n as u32 <= end { (JmpOp::Le, end) } else { (JmpOp::Ge, end) };
        let refined = Scalar::refine(op, Width::W32, &value, &Scalar::constant(u64::from(end)));
        value = refined.taken.map_or(value, |(value, _)| value);
    }
    value
}

/// Reducing again changes nothing.
fn is_reduced(value: &Scalar) -> bool {
    value.intersect(value) == Some(*value) && value.union(value) == *value
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_contain_their_member((value, n) in member()) {
        prop_assert!(value.contains(n), "{n:#x} is not in {value:?}");
        prop_assert!(is_reduced(&value), "{value:?}");
    }

    #[test]
    fn arithmetic_contains_the_result((a, x) in member(), (b, y) in member()) {
        for width in WIDTHS {
            for op in ALU_OPS {
                let (result, expected) = (Scalar::alu(op, width, &a, &b), concrete(op, width, x, y));
                prop_assert!(result.contains(expected), "{op:?} {width:?}: {expected:#x} not in {result:?} of {a:?}, {b:?}");
            }
            let negated = if width == Width::W64 { x.wrapping_neg() } else { u64::from((x as u32).wrapping_neg()) };
            prop_assert!(a.neg(width).contains(negated), "neg {width:?} of {a:?}");
        }
    }

    #[test]
    fn branches_keep_the_operands((a, x) in member(), (b, y) in member()) {
        for width in WIDTHS {
            for op in JMP_OPS {
                let refined = Scalar::refine(op, width, &a, &b);
                let side = if holds(op, width, x, y) { refined.taken } else { refined.not_taken };
                let kept = side.is_some_and(|(a, b)| a.contains(x) && b.contains(y));
                prop_assert!(kept, "{op:?} {width:?}: {x:#x}, {y:#x} not in {side:?} of {a:?}, {b:?}");
                for (l, r) in [refined.taken, refined.not_taken].into_iter().flatten() {
                    prop_assert!(a.covers(&l) && b.covers(&r), "{op:?} {width:?} widened {a:?}, {b:?} to {l:?}, {r:?}");
                }
            }
        }
    }

    #[test]
    fn casts_contain_the_result((a, x) in member()) {
        prop_assert!(a.mov32().contains(u64::from(x as u32)));
        for (size, mask) in [(Size::B, 0xff), (Size::H, 0xffff), (Size::W, 0xffff_ffff), (Size::DW, u64::MAX)] {
            prop_assert!(a.truncate(size).contains(x & mask));
        }
        let sx = [(SxBits::B8, x as i8 as i64), (SxBits::B16, x as i16 as i64), (SxBits::B32, x as i32 as i64)];
        for (bits, wide) in sx {
            prop_assert!(a.movsx(Width::W64, bits).contains(wide as u64));
            prop_assert!(a.movsx(Width::W32, bits).contains(u64::from(wide as u32)));
        }
        let (b16, b32) = (u64::from(x as u16), u64::from(x as u32));
        let (s16, s32) = (u64::from((x as u16).swap_bytes()), u64::from((x as u32).swap_bytes()));
        for kind in [SwapKind::ToBe, SwapKind::Bswap] {
            prop_assert!(a.byteswap(kind, SwapBits::B16).contains(s16));
            prop_assert!(a.byteswap(kind, SwapBits::B32).contains(s32));
            prop_assert!(a.byteswap(kind, SwapBits::B64).contains(x.swap_bytes()));
        }
        prop_assert!(a.byteswap(SwapKind::ToLe, SwapBits::B16).contains(b16));
        prop_assert!(a.byteswap(SwapKind::ToLe, SwapBits::B32).contains(b32));
        prop_assert!(a.byteswap(SwapKind::ToLe, SwapBits::B64).contains(x));
    }

    #[test]
    fn sets_behave((a, x) in member(), (b, y) in member()) {
        let both = a.union(&b);
        prop_assert!(both.contains(x) && both.contains(y) && both.covers(&a) && both.covers(&b));
        prop_assert!(a.intersect(&b).is_none_or(|common| a.covers(&common) && b.covers(&common)));
        prop_assert_eq!(a.intersect(&b).is_some_and(|common| common.contains(x)), b.contains(x));
    }
}

#[test]
fn loads_give_what_fits() {
    for (size, extend) in LOADS {
        let value = Scalar::from_load(size, extend);
        let bits = size.bits();
        let top = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
        let (umax, smin) = match extend {
            Extend::Zero => (top, if bits == 64 { i64::MIN } else { 0 }),
            Extend::Sign => (u64::MAX, i64::MIN >> (64 - bits)),
        };
        assert_eq!((value.umin(), value.umax(), value.smin()), (0, umax, smin), "{size:?} {extend:?}");
    }
    assert!(Scalar::from_load(Size::DW, Extend::Zero).is_unknown());
}

#[test]
fn a_register_is_64_bytes() {
    assert_eq!(size_of::<Scalar>(), 64);
}

fn c(number: u64) -> Scalar {
    Scalar::constant(number)
}

fn w64(op: AluOp, a: &Scalar, b: &Scalar) -> Scalar {
    Scalar::alu(op, Width::W64, a, b)
}

fn w32(op: AluOp, a: &Scalar, b: &Scalar) -> Scalar {
    Scalar::alu(op, Width::W32, a, b)
}

fn taken(op: JmpOp, width: Width, a: &Scalar, b: u64) -> Option<Scalar> {
    Scalar::refine(op, width, a, &c(b)).taken.map(|(a, _)| a)
}

/// CVE-2017-16995: a 32-bit move of -1 is 0xffffffff, not -1.
#[test]
fn a_32_bit_move_zero_extends() {
    let moved = c(u64::MAX).mov32();
    assert_eq!(moved.as_constant(), Some(0xffff_ffff));
    assert_eq!(taken(JmpOp::Eq, Width::W64, &moved, u64::MAX), None);
}

/// CVE-2017-16996 and CVE-2021-45402: a truncation cuts the bounds as well.
#[test]
fn a_truncation_cuts_the_bounds() {
    let cut = Scalar::unsigned_range(0x1_0000_0000, 0x1_0000_0010).mov32();
    assert_eq!((cut.umin(), cut.umax()), (0, 0x10));
    let minus = Scalar::signed_range(-1, 0).mov32();
    assert_eq!((minus.smin(), minus.smax(), minus.umax()), (0, 0xffff_ffff, 0xffff_ffff));
}

/// CVE-2017-17853: a logical shift of a negative number is not negative.
#[test]
fn a_logical_shift_loses_the_sign() {
    let shifted = w64(AluOp::Rsh, &Scalar::signed_range(-1, 0), &c(1));
    assert!(shifted.contains(0) && shifted.contains(i64::MAX as u64) && shifted.smin() == 0);
}

/// CVE-2018-18445: a 32-bit shift sees 32 bits only.
#[test]
fn a_32_bit_shift_ignores_the_upper_half() {
    let value = w64(AluOp::Lsh, &Scalar::unsigned_range(2, 3), &c(31));
    let shifted = w32(AluOp::Rsh, &value, &c(31));
    assert_eq!((shifted.umin(), shifted.umax()), (0, 1));
}

/// CVE-2020-8835 and CVE-2021-31440: what is known of 64 bits says nothing of the low half when the upper may differ.
#[test]
fn the_low_half_of_a_wide_range_is_free() {
    let value = Scalar::unsigned_range(1, 0x1_0000_0001);
    assert_eq!((value.u32_min(), value.u32_max()), (0, u32::MAX));
    let low = taken(JmpOp::Le, Width::W32, &value, 0).expect("0x1_0000_0000 is possible");
    assert_eq!(low.as_constant(), Some(0x1_0000_0000));
}

/// CVE-2020-27194 and CVE-2021-3490: bitwise operations of the low half, one of them known.
#[test]
fn bitwise_operations_update_the_low_half() {
    let value = Scalar::unsigned_range(1, 0x6_0000_0000);
    let or = w32(AluOp::Or, &value, &c(0));
    assert_eq!((or.u32_min(), or.u32_max()), (0, u32::MAX));
    let known = w64(AluOp::Or, &w64(AluOp::Lsh, &Scalar::unknown(), &c(32)), &c(1));
    let and = w64(AluOp::And, &known, &c(0x1_0000_0002));
    assert_eq!((and.u32_min(), and.u32_max()), (0, 0));
}

/// CVE-2021-20268: a signed overflow may go either way.
#[test]
fn sums_may_overflow_either_way() {
    let sum = w64(AluOp::Add, &Scalar::signed_range(i64::MAX - 1, i64::MAX), &Scalar::signed_range(0, 2));
    assert!(sum.contains(i64::MAX as u64) && sum.contains(i64::MIN as u64 + 1));
    let sum = w64(AluOp::Sub, &Scalar::signed_range(i64::MIN, i64::MIN + 1), &Scalar::signed_range(0, 2));
    assert!(sum.contains(i64::MIN as u64) && sum.contains(i64::MAX as u64));
}

/// CVE-2021-3444 and CVE-2021-3600: a remainder by 0 leaves the dividend, cut to 32 bits.
#[test]
fn divisions_by_zero_are_defined() {
    let value = c(0xffff_ffff_0000_0005);
    assert_eq!(w32(AluOp::Mod, &value, &c(0)).as_constant(), Some(5));
    assert_eq!(w64(AluOp::Mod, &value, &c(0)).as_constant(), value.as_constant());
    assert_eq!(w64(AluOp::Div, &value, &c(0)).as_constant(), Some(0));
    assert_eq!(w32(AluOp::Smod, &value, &c(1 << 32)).as_constant(), Some(5));
    assert!(w64(AluOp::Mod, &Scalar::unsigned_range(7, 9), &Scalar::unsigned_range(0, 2)).contains(9));
}

/// CVE-2024-49888: the least number divided by -1.
#[test]
fn the_least_number_divided_by_minus_one() {
    let (min64, min32, minus) = (c(1 << 63), c(1 << 31), c(u64::MAX));
    assert_eq!(w64(AluOp::Sdiv, &min64, &minus).as_constant(), Some(1 << 63));
    assert_eq!(w32(AluOp::Sdiv, &min32, &minus).as_constant(), Some(1 << 31));
    assert_eq!(w64(AluOp::Smod, &min64, &minus).as_constant(), Some(0));
    assert_eq!(w32(AluOp::Smod, &min32, &minus).as_constant(), Some(0));
    let near = w64(AluOp::Sdiv, &Scalar::signed_range(i64::MIN, i64::MIN + 1), &Scalar::signed_range(-1, -1));
    assert!(near.contains(1 << 63) && near.contains(i64::MAX as u64));
}

/// CVE-2024-41003: a comparison that cannot fail has no other side.
#[test]
fn impossible_sides_are_empty() {
    let odd = w64(AluOp::Or, &Scalar::unknown(), &c(2));
    let refined = Scalar::refine(JmpOp::Ne, Width::W64, &odd, &c(0x7fff_fffd));
    assert!(refined.taken.is_some() && refined.not_taken.is_none());
}

/// A constant whose bits decide a test has one side only, in both widths.
#[test]
fn a_bit_test_of_a_known_bit_has_one_side() {
    let value = w64(AluOp::Or, &Scalar::unknown(), &c(8));
    let refined = Scalar::refine(JmpOp::Set, Width::W32, &value, &c(8));
    assert!(refined.taken.is_some() && refined.not_taken.is_none());
    let refined = Scalar::refine(JmpOp::Set, Width::W64, &c(8), &Scalar::unsigned_range(0, 7));
    assert!(refined.taken.is_none() && refined.not_taken.is_some());
}

/// CVE-2026-31413: what an arithmetic shift to the sign leaves, or-ed with a constant, is that constant or -1.
#[test]
fn sign_masks_combine() {
    let sign = w64(AluOp::Arsh, &Scalar::unknown(), &c(63));
    assert_eq!((sign.smin(), sign.smax()), (-1, 0));
    let or = w64(AluOp::Or, &sign, &c(8));
    assert!(or.contains(8) && or.contains(u64::MAX));
    assert_eq!((or.smin(), or.smax()), (-1, 8));
    let and = w64(AluOp::And, &sign, &c(8));
    assert_eq!((and.umin(), and.umax()), (0, 8));
}

/// 44b7f7151dfc: a sign extension forgets the upper bits.
#[test]
fn sign_extension_forgets_the_upper_bits() {
    let value = w64(AluOp::Or, &w64(AluOp::And, &Scalar::unknown(), &c(0xff)), &c(0x1234_0000));
    let extended = value.movsx(Width::W64, SxBits::B8);
    assert_eq!((extended.smin(), extended.smax()), (-128, 127));
    assert_eq!(c(0x80).movsx(Width::W32, SxBits::B8).as_constant(), Some(0xffff_ff80));
}
