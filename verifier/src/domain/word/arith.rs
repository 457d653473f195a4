//! Sums, differences, products. Ranges are computed exactly in 128 bits; they survive when all of the exact result lies
//! between two neighbouring multiples of `2^N`, because then the wrap-around moves it as a whole.

use super::Word;
use crate::domain::span::to_signed;
use crate::domain::tnum::Tnum;

impl<const N: u32> Word<N> {
    /// The numbers `min..=max`, given exactly, modulo `2^N`; with the bits of `tnum`.
    pub(super) fn wrapped(tnum: Tnum, unsigned: (i128, i128), signed: (i128, i128)) -> Self {
        let mut word = Self { tnum, ..Self::UNKNOWN };
        if unsigned.0 >> N == unsigned.1 >> N {
            word.umin = unsigned.0 as u64 & Self::MASK;
            word.umax = unsigned.1 as u64 & Self::MASK;
        }
        let bias = i128::from(Self::SIGN);
        if (signed.0 + bias) >> N == (signed.1 + bias) >> N {
            word.smin = to_signed(signed.0 as u64 & Self::MASK, N);
            word.smax = to_signed(signed.1 as u64 & Self::MASK, N);
        }
        word.reduced_or_unknown()
    }

    /// The ranges as exact numbers: unsigned, signed.
    pub(super) fn exact(&self) -> ((i128, i128), (i128, i128)) {
        let unsigned = (i128::from(self.umin), i128::from(self.umax));
        (unsigned, (i128::from(self.smin), i128::from(self.smax)))
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        let ((u0, u1), (s0, s1)) = self.exact();
        let ((v0, v1), (t0, t1)) = other.exact();
        Self::wrapped(self.tnum.add(other.tnum, N), (u0 + v0, u1 + v1), (s0 + t0, s1 + t1))
    }

    pub(super) fn sub(&self, other: &Self) -> Self {
        let ((u0, u1), (s0, s1)) = self.exact();
        let ((v0, v1), (t0, t1)) = other.exact();
        Self::wrapped(self.tnum.sub(other.tnum, N), (u0 - v1, u1 - v0), (s0 - t1, s1 - t0))
    }

    pub(in crate::domain) fn neg(&self) -> Self {
        Self::constant(0).sub(self)
    }

    pub(super) fn mul(&self, other: &Self) -> Self {
        let (_, (s0, s1)) = self.exact();
        let (_, (t0, t1)) = other.exact();
        let corners = [s0 * t0, s0 * t1, s1 * t0, s1 * t1];
        let signed = corners.into_iter().fold((i128::MAX, i128::MIN), |(lo, hi), c| (lo.min(c), hi.max(c)));
        let least = u128::from(self.umin) * u128::from(other.umin);
        let most = u128::from(self.umax) * u128::from(other.umax);
        let mut word = Self { tnum: self.tnum.mul(other.tnum, N), ..Self::UNKNOWN };
        if least >> N == most >> N {
            word.umin = least as u64 & Self::MASK;
            word.umax = most as u64 & Self::MASK;
        }
        let bias = i128::from(Self::SIGN);
        if (signed.0 + bias) >> N == (signed.1 + bias) >> N {
            word.smin = to_signed(signed.0 as u64 & Self::MASK, N);
            word.smax = to_signed(signed.1 as u64 & Self::MASK, N);
        }
        word.reduced_or_unknown()
    }
}
