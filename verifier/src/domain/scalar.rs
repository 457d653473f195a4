//! [`ScalarOf`]: what is known of a register that holds a number: a word and its lower half, reduced against each other.
//!
//! | file | owns |
//! |---|---|
//! | `alu` | two-operand arithmetic of both widths |
//! | `cast` | moves, extensions, truncations, byte order |
//! | `refine` | what a branch teaches about its operands |

mod alu;
mod cast;
mod refine;

use std::fmt;

use opswap_bpf::insn::{Extend, Size};

pub use refine::Refined;

use super::span::Halves;
use super::tnum::{Tnum, low_mask};
use super::word::Word;

/// A non-empty set of numbers of `N` bits; the 32-bit operations of a narrow one work on the low `H` bits.
///
/// Always reduced. `H < N`, and `H` is at most 32.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScalarOf<const N: u32, const H: u32> {
    tnum: Tnum,
    umin: u64,
    umax: u64,
    smin: i64,
    smax: i64,
    u32_min: u32,
    u32_max: u32,
    s32_min: i32,
    s32_max: i32,
}

/// How often bits and bounds of both widths are reduced against each other. Two rounds nearly always reach the end; a cut
/// leaves a sound value that is merely not the tightest.
const MAX_ROUNDS: u32 = 8;

impl<const N: u32, const H: u32> ScalarOf<N, H> {
    /// Any number.
    pub fn unknown() -> Self {
        Self::pack(Word::UNKNOWN, Word::UNKNOWN)
    }

    /// Exactly this number.
    pub fn constant(number: u64) -> Self {
        Self::pack(Word::constant(number), Word::constant(number))
    }

    /// The numbers `lo..=hi` as unsigned ones; the ends may come in either order.
    pub fn unsigned_range(lo: u64, hi: u64) -> Self {
        let (lo, hi) = (lo & low_mask(N), hi & low_mask(N));
        Self::of_word(Word::of_unsigned(lo.min(hi), lo.max(hi)))
    }

    /// The numbers `lo..=hi` as signed ones; the ends may come in either order.
    pub fn signed_range(lo: i64, hi: i64) -> Self {
        let fit = |number: i64| number.clamp(Word::<N>::SMIN, Word::<N>::SMAX);
        Self::of_word(Word::of_signed(fit(lo.min(hi)), fit(lo.max(hi))))
    }

    /// The members of a tnum.
    pub fn of_tnum(tnum: Tnum) -> Self {
        Self::of_word(Word::of_tnum(tnum.low(N)))
    }

    /// What a load of `size` bytes can give.
    pub fn from_load(size: Size, extend: Extend) -> Self {
        let bits = size.bits().min(N);
        match extend {
            Extend::Zero => Self::pack(Word::of_bits(bits), Word::of_bits(bits.min(H))),
            Extend::Sign => Self::signed_range(i64::MIN >> (64 - bits), i64::MAX >> (64 - bits)),
        }
    }

    /// The only member, if there is one.
    pub fn as_constant(&self) -> Option<u64> {
        (self.umin == self.umax).then_some(self.umin)
    }

    /// The low half's only value, if there is one.
    pub fn as_constant32(&self) -> Option<u32> {
        (self.u32_min == self.u32_max).then_some(self.u32_min)
    }

    /// Whether nothing at all is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::unknown()
    }

    /// Which bits are known.
    pub fn tnum(&self) -> Tnum {
        self.tnum
    }

    /// Least unsigned member.
    pub fn umin(&self) -> u64 {
        self.umin
    }

    /// Greatest unsigned member.
    pub fn umax(&self) -> u64 {
        self.umax
    }

    /// Least signed member.
    pub fn smin(&self) -> i64 {
        self.smin
    }

    /// Greatest signed member.
    pub fn smax(&self) -> i64 {
        self.smax
    }

    /// Least unsigned value of the low half.
    pub fn u32_min(&self) -> u32 {
        self.u32_min
    }

    /// Greatest unsigned value of the low half.
    pub fn u32_max(&self) -> u32 {
        self.u32_max
    }

    /// Least signed value of the low half.
    pub fn s32_min(&self) -> i32 {
        self.s32_min
    }

    /// Greatest signed value of the low half.
    pub fn s32_max(&self) -> i32 {
        self.s32_max
    }

    /// Whether this number is a member.
    pub fn contains(&self, number: u64) -> bool {
        let number = number & low_mask(N);
        let (full, half) = (Word::<N>::constant(number), Word::<H>::constant(number));
        self.tnum.contains(number)
            && self.umin <= number
            && number <= self.umax
            && self.smin <= full.smin
            && full.smin <= self.smax
            && u64::from(self.u32_min) <= half.umin
            && half.umin <= u64::from(self.u32_max)
            && i64::from(self.s32_min) <= half.smin
            && half.smin <= i64::from(self.s32_max)
    }

    /// Whether every member of `other` is known to be a member.
    pub fn covers(&self, other: &Self) -> bool {
        self.umin <= other.umin
            && other.umax <= self.umax
            && self.smin <= other.smin
            && other.smax <= self.smax
            && self.u32_min <= other.u32_min
            && other.u32_max <= self.u32_max
            && self.s32_min <= other.s32_min
            && other.s32_max <= self.s32_max
            && self.tnum.covers(other.tnum)
    }

    /// The least scalar with the members of both.
    pub fn union(&self, other: &Self) -> Self {
        Self::reduced_or_unknown(self.word().union(&other.word()), self.half().union(&other.half()))
    }

    /// What both have in common, if anything.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        Self::reduced(self.word().intersect(&other.word())?, self.half().intersect(&other.half())?)
    }

    /// The whole as a word.
    pub(super) fn word(&self) -> Word<N> {
        Word { tnum: self.tnum, umin: self.umin, umax: self.umax, smin: self.smin, smax: self.smax }
    }

    /// The low half as a word.
    pub(super) fn half(&self) -> Word<H> {
        Word {
            tnum: self.tnum.low(H),
            umin: u64::from(self.u32_min),
            umax: u64::from(self.u32_max),
            smin: i64::from(self.s32_min),
            smax: i64::from(self.s32_max),
        }
    }

    fn pack(word: Word<N>, half: Word<H>) -> Self {
        Self {
            tnum: word.tnum,
            umin: word.umin,
            umax: word.umax,
            smin: word.smin,
            smax: word.smax,
            u32_min: half.umin as u32,
            u32_max: half.umax as u32,
            s32_min: half.smin as i32,
            s32_max: half.smax as i32,
        }
    }

    /// The numbers of a word.
    fn of_word(word: Word<N>) -> Self {
        Self::reduced_or_unknown(word, Word::UNKNOWN)
    }

    /// The numbers whose low half is in `half`, the rest 0.
    fn of_half(half: Word<H>) -> Self {
        Self::reduced_or_unknown(half.zero_extend(), half)
    }

    /// Results of operators are never empty: an empty one would be our mistake, and `unknown` is always right.
    fn reduced_or_unknown(word: Word<N>, half: Word<H>) -> Self {
        let reduced = Self::reduced(word, half);
        debug_assert!(reduced.is_some(), "an operator contradicted itself: {word:x?} {half:x?}");
        reduced.unwrap_or_else(Self::unknown)
    }

    /// Reduces a word and its low half, both reduced for themselves, against each other; `None` when nothing is left.
    fn reduced(mut word: Word<N>, mut half: Word<H>) -> Option<Self> {
        if let Some(number) = word.as_constant() {
            return half.contains(number & low_mask(H)).then(|| Self::constant(number));
        }
        for _ in 0..MAX_ROUNDS {
            let low = half.tightened_by_whole(&word)?;
            if let Tightened::To(tighter) = low {
                half = tighter;
            }
            match (low, word.tightened_by_low(&half)?) {
                (_, Tightened::To(tighter)) => word = tighter,
                (Tightened::To(_), Tightened::Not) => {}
                (Tightened::Not, Tightened::Not) => break,
            }
        }
        Some(Self::pack(word, half))
    }
}

/// What another word taught.
#[derive(Clone, Copy)]
enum Tightened<const B: u32> {
    /// Nothing.
    Not,
    /// This is left.
    To(Word<B>),
}

impl<const B: u32> Word<B> {
    /// What the lower half of `whole` leaves of this; `None` for nothing.
    fn tightened_by_whole<const N: u32>(mut self, whole: &Word<N>) -> Option<Tightened<B>> {
        let before = self.halves();
        let low = whole.halves().low(B, before);
        let tnum = self.tnum.intersect(whole.tnum.low(B))?;
        if low.same(before) && tnum == self.tnum {
            return Some(Tightened::Not);
        }
        if low.is_empty() {
            return None;
        }
        self.set_halves(low);
        self.tnum = tnum;
        self.reduced().map(Tightened::To)
    }

    /// What is left of this when its low `H` bits are those of `half`; `None` for nothing.
    fn tightened_by_low<const H: u32>(mut self, half: &Word<H>) -> Option<Tightened<B>> {
        let tnum = self.tnum.intersect(Tnum::unknown(B).with_low(H, half.tnum))?;
        let allowed = half.halves();
        let before = self.halves();
        let halves =
            Halves { plus: allowed.clip_by_low(before.plus, H), minus: allowed.clip_by_low(before.minus, H) };
        if halves.same(before) && tnum == self.tnum {
            return Some(Tightened::Not);
        }
        if halves.is_empty() {
            return None;
        }
        self.set_halves(halves);
        self.tnum = tnum;
        self.reduced().map(Tightened::To)
    }
}

impl<const N: u32, const H: u32> fmt::Debug for ScalarOf<N, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(number) = self.as_constant() {
            return write!(f, "{number:#x}");
        }
        write!(f, "u[{:#x}, {:#x}] s[{}, {}] ", self.umin, self.umax, self.smin, self.smax)?;
        write!(f, "u32[{:#x}, {:#x}] s32[{}, {}] ", self.u32_min, self.u32_max, self.s32_min, self.s32_max)?;
        write!(f, "bits({:#x}; {:#x})", self.tnum.value(), self.tnum.mask())
    }
}
