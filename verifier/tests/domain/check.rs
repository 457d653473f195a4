//! Exhaustive checks of the abstract domain at a narrow width: a set of numbers is a bit mask of at most 64 bits, and each
//! abstract result is compared with the set of all concrete results. The concrete meaning of the operations is written here a
//! second time, from RFC 9669.

use std::collections::HashSet;

use opswap_bpf::insn::{AluOp, JmpOp, Width};
use opswap_verifier::domain::{ScalarOf, Tnum};

pub(crate) const ALU_OPS: [AluOp; 13] = [
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

pub(crate) const JMP_OPS: [JmpOp; 11] = [
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

pub(crate) const WIDTHS: [Width; 2] = [Width::W32, Width::W64];

/// What a check saw.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Tally {
    /// Pairs of abstract operands.
    pub(crate) pairs: u64,
    /// Pairs of concrete operands that were covered by them.
    pub(crate) concrete: u64,
    /// Results that no value of the domain could improve; above 4 bits only those that are exactly the set.
    pub(crate) exact: u64,
    /// Results that miss a concrete result.
    pub(crate) unsound: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.pairs += other.pairs;
        self.concrete += other.concrete;
        self.exact += other.exact;
        self.unsound += other.unsound;
    }
}

/// All numbers of `N` bits.
pub(crate) fn everything<const N: u32>() -> u64 {
    if N >= 6 { u64::MAX } else { (1 << (1 << N)) - 1 }
}

fn low(bits: u32) -> u64 {
    (1 << bits) - 1
}

fn signed(number: u64, bits: u32) -> i64 {
    ((number << (64 - bits)) as i64) >> (64 - bits)
}

/// The numbers `lo..=hi` as a set.
fn interval(lo: u64, hi: u64) -> u64 {
    (u64::MAX >> (63 - hi)) & (u64::MAX << lo)
}

/// The numbers of `bits` bits from the signed `lo` to the signed `hi` as a set.
fn signed_interval(lo: i64, hi: i64, bits: u32) -> u64 {
    let cut = |number: i64| number as u64 & low(bits);
    if lo < 0 && hi >= 0 {
        interval(0, cut(hi)) | interval(cut(lo), low(bits))
    } else {
        interval(cut(lo), cut(hi))
    }
}

/// Members of an abstract value: what its bits and each of its ranges allow.
pub(crate) fn members<const N: u32, const H: u32>(value: &ScalarOf<N, H>) -> u64 {
    let mut of_bits = 1u64 << value.tnum().value();
    for bit in (0..N).filter(|bit| value.tnum().mask() >> bit & 1 == 1) {
        of_bits |= of_bits << (1 << bit);
    }
    let of_half = interval(u64::from(value.u32_min()), u64::from(value.u32_max()))
        & signed_interval(i64::from(value.s32_min()), i64::from(value.s32_max()), H);
    let of_halves = (0..1 << (N - H)).fold(0, |set, upper| set | of_half << (upper << H));
    of_bits
        & interval(value.umin(), value.umax())
        & signed_interval(value.smin(), value.smax(), N)
        & of_halves
}

/// The least abstract value around a set, which must not be empty: what a perfect operator would give.
pub(crate) fn best<const N: u32, const H: u32>(set: u64) -> ScalarOf<N, H> {
    let mut rest = set;
    let mut joined: Option<ScalarOf<N, H>> = None;
    while rest != 0 {
        let one = ScalarOf::constant(u64::from(rest.trailing_zeros()));
        joined = Some(joined.map_or(one, |so_far| so_far.union(&one)));
        rest &= rest - 1;
    }
    joined.expect("the set is not empty")
}

/// The concrete meaning of an operation.
pub(crate) fn concrete<const N: u32, const H: u32>(op: AluOp, width: Width, left: u64, right: u64) -> u64 {
    let bits = if width == Width::W64 { N } else { H };
    let (x, y) = (left & low(bits), right & low(bits));
    let (sx, sy) = (signed(x, bits), signed(y, bits));
    let result = match op {
        AluOp::Add => x + y,
        AluOp::Sub => x.wrapping_sub(y),
        AluOp::Mul => x * y,
        AluOp::Div => x.checked_div(y).unwrap_or(0),
        AluOp::Sdiv => {
            if y == 0 {
                0
            } else {
                (sx / sy) as u64
            }
        }
        AluOp::Or => x | y,
        AluOp::And => x & y,
        AluOp::Lsh => x << (y % u64::from(bits)),
        AluOp::Rsh => x >> (y % u64::from(bits)),
        AluOp::Mod => {
            if y == 0 {
                x
            } else {
                x % y
            }
        }
        AluOp::Smod => {
            if y == 0 {
                x
            } else {
                (sx % sy) as u64
            }
        }
        AluOp::Xor => x ^ y,
        AluOp::Arsh => (sx >> (y % u64::from(bits))) as u64,
    };
    result & low(bits)
}

/// The concrete meaning of a condition.
pub(crate) fn holds<const N: u32, const H: u32>(op: JmpOp, width: Width, left: u64, right: u64) -> bool {
    let bits = if width == Width::W64 { N } else { H };
    let (x, y) = (left & low(bits), right & low(bits));
    let (sx, sy) = (signed(x, bits), signed(y, bits));
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

/// Every tnum and every range of either sign and of either width, once each.
pub(crate) fn simple_values<const N: u32, const H: u32>() -> Vec<ScalarOf<N, H>> {
    let mut values = Vec::new();
    for mask in 0..1u64 << N {
        for value in (0..1u64 << N).filter(|value| value & mask == 0) {
            values.push(ScalarOf::of_tnum(Tnum::new(value, mask)));
        }
    }
    for lo in 0..1u64 << N {
        for hi in lo..1u64 << N {
            values.push(ScalarOf::unsigned_range(lo, hi));
            let middle = 1i64 << (N - 1);
            values.push(ScalarOf::signed_range(lo as i64 - middle, hi as i64 - middle));
        }
    }
    for lo in 0..1u64 << H {
        for hi in lo..1u64 << H {
            for (at_least, at_most) in [(JmpOp::Ge, JmpOp::Le), (JmpOp::Sge, JmpOp::Sle)] {
                let least =
                    ScalarOf::refine(at_least, Width::W32, &ScalarOf::unknown(), &ScalarOf::constant(lo));
                let Some((above, _)) = least.taken else { continue };
                let both = ScalarOf::refine(at_most, Width::W32, &above, &ScalarOf::constant(hi));
                values.extend(both.taken.map(|(value, _)| value));
            }
        }
    }
    distinct(values)
}

/// The intersections of two simple values as well.
pub(crate) fn compound_values<const N: u32, const H: u32>() -> Vec<ScalarOf<N, H>> {
    let simple = simple_values();
    let mut values = simple.clone();
    for (at, left) in simple.iter().enumerate() {
        values.extend(simple[at + 1..].iter().filter_map(|right| left.intersect(right)));
    }
    distinct(values)
}

fn distinct<const N: u32, const H: u32>(values: Vec<ScalarOf<N, H>>) -> Vec<ScalarOf<N, H>> {
    let mut seen = HashSet::new();
    values.into_iter().filter(|value| seen.insert(*value)).collect()
}

/// Abstract values with their members.
pub(crate) struct Universe<const N: u32, const H: u32> {
    pub(crate) values: Vec<ScalarOf<N, H>>,
    pub(crate) sets: Vec<u64>,
}

impl<const N: u32, const H: u32> Universe<N, H> {
    pub(crate) fn new(values: Vec<ScalarOf<N, H>>) -> Self {
        let sets = values.iter().map(members).collect();
        Self { values, sets }
    }

    /// For each number, what an operation makes of it and of all members of each value.
    fn images(&self, f: impl Fn(u64, u64) -> u64) -> Vec<Vec<u64>> {
        (0..1u64 << N)
            .map(|x| {
                let single: Vec<u64> = (0..1u64 << N).map(|y| 1 << f(x, y)).collect();
                self.sets.iter().map(|&set| gather(set, &single)).collect()
            })
            .collect()
    }

    /// An operation on all pairs whose left operand is among the given ones.
    pub(crate) fn check_alu(&self, op: AluOp, width: Width, lefts: std::ops::Range<usize>) -> Tally {
        let images = self.images(|x, y| concrete::<N, H>(op, width, x, y));
        let mut tally = Tally::default();
        for left in lefts {
            for (right, operand) in self.values.iter().enumerate() {
                let expected = union_of(self.sets[left], |x| images[x][right]);
                let result = ScalarOf::alu(op, width, &self.values[left], operand);
                tally.add(self.judge(left, right, expected, &result));
            }
        }
        tally
    }

    fn judge(&self, left: usize, right: usize, expected: u64, result: &ScalarOf<N, H>) -> Tally {
        let found = members(result);
        Tally {
            pairs: 1,
            concrete: u64::from(self.sets[left].count_ones() * self.sets[right].count_ones()),
            exact: u64::from(found == expected || N <= 4 && *result == best(expected)),
            unsound: u64::from(expected & !found != 0),
        }
    }

    /// Both sides of a branch on all pairs whose left operand is among the given ones.
    pub(crate) fn check_branch(&self, op: JmpOp, width: Width, lefts: std::ops::Range<usize>) -> Tally {
        let numbers = 1u64 << N;
        let partners = |x: u64, swap: bool| {
            (0..numbers)
                .filter(
                    |&y| if swap { holds::<N, H>(op, width, y, x) } else { holds::<N, H>(op, width, x, y) },
                )
                .fold(0u64, |set, y| set | 1 << y)
        };
        let of_left: Vec<u64> = (0..numbers).map(|x| partners(x, false)).collect();
        let of_right: Vec<u64> = (0..numbers).map(|y| partners(y, true)).collect();
        let all = everything::<N>();
        let mut tally = Tally::default();
        for left in lefts {
            for right in 0..self.values.len() {
                let (a, b) = (self.sets[left], self.sets[right]);
                let refined = ScalarOf::refine(op, width, &self.values[left], &self.values[right]);
                for (side, negate) in [(refined.taken, 0), (refined.not_taken, all)] {
                    let x = filter(a, |x| (of_left[x] ^ negate) & b != 0);
                    let y = filter(b, |y| (of_right[y] ^ negate) & a != 0);
                    let (found_x, found_y) = side.map_or((0, 0), |(x, y)| (members(&x), members(&y)));
                    tally.pairs += 1;
                    tally.concrete += u64::from(a.count_ones() * b.count_ones());
                    tally.unsound += u64::from(x & !found_x != 0 || y & !found_y != 0);
                    tally.unsound += u64::from(found_x & !a != 0 || found_y & !b != 0);
                    tally.exact += u64::from(match side {
                        None => x == 0 && y == 0,
                        Some(_) if found_x == x && found_y == y => true,
                        Some((l, r)) => N <= 4 && x != 0 && l == best(x) && r == best(y),
                    });
                }
            }
        }
        tally
    }

    /// An operation with one operand.
    pub(crate) fn check_unary(
        &self,
        apply: impl Fn(&ScalarOf<N, H>) -> ScalarOf<N, H>,
        meaning: impl Fn(u64) -> u64,
    ) -> Tally {
        let mut tally = Tally::default();
        for (value, &set) in self.values.iter().zip(&self.sets) {
            let expected = union_of(set, |x| 1 << meaning(x as u64));
            let result = apply(value);
            let found = members(&result);
            tally.pairs += 1;
            tally.concrete += u64::from(set.count_ones());
            tally.exact += u64::from(result == best(expected));
            tally.unsound += u64::from(expected & !found != 0);
        }
        tally
    }
}

fn union_of(mut set: u64, f: impl Fn(usize) -> u64) -> u64 {
    let mut all = 0;
    while set != 0 {
        all |= f(set.trailing_zeros() as usize);
        set &= set - 1;
    }
    all
}

fn gather(set: u64, single: &[u64]) -> u64 {
    union_of(set, |y| single[y])
}

fn filter(set: u64, keep: impl Fn(usize) -> bool) -> u64 {
    union_of(set, |x| if keep(x) { 1 << x } else { 0 })
}

/// The low bits of a number, sign-extended, then cut to the width.
pub(crate) fn sign_extended<const N: u32, const H: u32>(number: u64, bits: u32, width: Width) -> u64 {
    let target = if width == Width::W64 { N } else { H };
    signed(number & low(bits), bits) as u64 & low(target)
}
