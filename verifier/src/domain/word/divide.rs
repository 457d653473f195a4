//! Quotients and remainders. A division by 0 gives 0, a remainder by 0 the dividend; `MIN / -1` is `MIN`, `MIN % -1` is 0.

use super::Word;
use crate::domain::tnum::Tnum;

impl<const N: u32> Word<N> {
    pub(super) fn div(&self, divisor: &Self) -> Self {
        if divisor.umax == 0 {
            return Self::constant(0);
        }
        let umin = if divisor.umin == 0 { 0 } else { self.umin / divisor.umax };
        let umax = self.umax / divisor.umin.max(1);
        let tnum = match divisor.as_constant() {
            Some(power) if power.is_power_of_two() => self.tnum.rsh(power.trailing_zeros()),
            _ => Tnum::unknown(N),
        };
        Self { tnum, umin, umax, ..Self::UNKNOWN }.reduced_or_unknown()
    }

    pub(super) fn modulo(&self, divisor: &Self) -> Self {
        if self.umax < divisor.umin || divisor.umax == 0 {
            return *self;
        }
        let below = if divisor.umin == 0 { self.umax } else { self.umax.min(divisor.umax - 1) };
        // All divisors share this power of two as a factor (0 does, too), so that the bits below pass unchanged.
        let same = divisor.tnum.trailing_zeros().min(N);
        let tnum = Tnum::unknown(N).with_low(same, self.tnum.low(same));
        Self { tnum, umax: below, ..Self::UNKNOWN }.reduced_or_unknown()
    }

    pub(super) fn sdiv(&self, divisor: &Self) -> Self {
        if divisor.umax == 0 {
            return Self::constant(0);
        }
        let (min, max) = (i128::from(self.smin), i128::from(self.smax));
        let (low, high) = (i128::from(divisor.smin), i128::from(divisor.smax));
        let mut range: Option<(i128, i128)> = divisor.tnum.contains(0).then_some((0, 0));
        // The quotient is monotone in both operands while the divisor keeps its sign: its extremes are at the corners.
        for (from, to) in [(low.max(1), high), (low, high.min(-1))] {
            if from > to {
                continue;
            }
            for corner in [min / from, min / to, max / from, max / to] {
                range = Some(range.map_or((corner, corner), |(lo, hi)| (lo.min(corner), hi.max(corner))));
            }
            if min <= 0 && 0 <= max {
                range = range.map(|(lo, hi)| (lo.min(0), hi.max(0)));
            }
        }
        match range {
            Some(range) => Self::wrapped(Tnum::unknown(N), (0, i128::from(Self::MASK)), range),
            None => Self::UNKNOWN,
        }
    }

    pub(super) fn smod(&self, divisor: &Self) -> Self {
        if divisor.umax == 0 {
            return *self;
        }
        let (low, high) = (i128::from(divisor.smin), i128::from(divisor.smax));
        let greatest = low.abs().max(high.abs());
        let (min, max) = (i128::from(self.smin), i128::from(self.smax));
        let least = if low > 0 {
            low
        } else if high < 0 {
            -high
        } else {
            0
        };
        if min > -least && max < least {
            return *self;
        }
        // The remainder has the dividend's sign and is no further from 0; a divisor of 0 passes the dividend.
        let bound = if least == 0 { i128::from(Self::MASK) } else { greatest - 1 };
        let smin = min.clamp(-bound, 0);
        let smax = max.clamp(0, bound);
        let same = divisor.tnum.trailing_zeros().min(N);
        let tnum = Tnum::unknown(N).with_low(same, self.tnum.low(same));
        Self { tnum, smin: smin as i64, smax: smax as i64, ..Self::UNKNOWN }.reduced_or_unknown()
    }
}
