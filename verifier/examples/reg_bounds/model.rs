//! The exact model: sets of 64-bit numbers given by intervals of the whole and intervals of the low half.

use opswap_bpf::insn::{JmpOp, Width};

/// In which order and of which width a range or a comparison is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Domain {
    U64,
    S64,
    U32,
    S32,
}

impl Domain {
    pub(crate) const ALL: [Self; 4] = [Self::U64, Self::S64, Self::U32, Self::S32];

    /// The jump for `<`, `<=`, `>`, `>=`, `==`, `!=` in this domain.
    pub(crate) fn comparison(self, number: usize) -> (JmpOp, Width) {
        let unsigned = [JmpOp::Lt, JmpOp::Le, JmpOp::Gt, JmpOp::Ge, JmpOp::Eq, JmpOp::Ne];
        let signed = [JmpOp::Slt, JmpOp::Sle, JmpOp::Sgt, JmpOp::Sge, JmpOp::Eq, JmpOp::Ne];
        match self {
            Self::U64 => (unsigned[number], Width::W64),
            Self::S64 => (signed[number], Width::W64),
            Self::U32 => (unsigned[number], Width::W32),
            Self::S32 => (signed[number], Width::W32),
        }
    }
}

/// The jump that is taken when this one is not, among the comparisons of the grid.
pub(crate) fn negation(op: JmpOp) -> JmpOp {
    match op {
        JmpOp::Lt => JmpOp::Ge,
        JmpOp::Le => JmpOp::Gt,
        JmpOp::Gt => JmpOp::Le,
        JmpOp::Ge => JmpOp::Lt,
        JmpOp::Slt => JmpOp::Sge,
        JmpOp::Sle => JmpOp::Sgt,
        JmpOp::Sgt => JmpOp::Sle,
        JmpOp::Sge => JmpOp::Slt,
        JmpOp::Eq => JmpOp::Ne,
        JmpOp::Ne | JmpOp::Set => JmpOp::Eq,
    }
}

/// The least range around a set in each domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bounds {
    pub(crate) u64: (u64, u64),
    pub(crate) s64: (i64, i64),
    pub(crate) u32: (u32, u32),
    pub(crate) s32: (i32, i32),
}

impl Bounds {
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.u64.0 <= other.u64.0
            && other.u64.1 <= self.u64.1
            && self.s64.0 <= other.s64.0
            && other.s64.1 <= self.s64.1
            && self.u32.0 <= other.u32.0
            && other.u32.1 <= self.u32.1
            && self.s32.0 <= other.s32.0
            && other.s32.1 <= self.s32.1
    }
}

/// Up to four disjoint intervals of unsigned numbers, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Intervals {
    items: [(u64, u64); 4],
    len: usize,
}

impl Intervals {
    const NONE: Self = Self { items: [(0, 0); 4], len: 0 };

    fn one(lo: u64, hi: u64) -> Self {
        let mut all = Self::NONE;
        all.push(lo, hi);
        all
    }

    fn push(&mut self, lo: u64, hi: u64) {
        if lo <= hi {
            self.items[self.len] = (lo, hi);
            self.len += 1;
        }
    }

    fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.items[..self.len].iter().copied()
    }

    fn intersect(&self, other: &Self) -> Self {
        let mut all = Self::NONE;
        for (a, b) in self.iter() {
            for (c, d) in other.iter() {
                all.push(a.max(c), b.min(d));
            }
        }
        all
    }

    fn without(&self, number: u64) -> Self {
        let mut all = Self::NONE;
        for (lo, hi) in self.iter() {
            if lo <= number && number <= hi {
                if let Some(before) = number.checked_sub(1) {
                    all.push(lo, before);
                }
                if let Some(after) = number.checked_add(1) {
                    all.push(after, hi);
                }
            } else {
                all.push(lo, hi);
            }
        }
        all
    }

    /// The numbers whose order (after `flip` has been exclusive-ored in) lies in `lo..=hi`.
    fn ordered(lo: u64, hi: u64, flip: u64, max: u64) -> Self {
        let (first, last) = (lo ^ flip, hi ^ flip);
        if first <= last {
            return Self::one(first, last);
        }
        let mut all = Self::one(0, last);
        all.push(first, max);
        all
    }
}

/// The numbers that lie in one of the wide intervals while their low half lies in one of the narrow ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Set {
    wide: Intervals,
    narrow: Intervals,
}

const LOW: u64 = u32::MAX as u64;
const SIGN64: u64 = 1 << 63;
const SIGN32: u64 = 1 << 31;

impl Set {
    /// The set with a range in one domain.
    pub(crate) fn range(domain: Domain, lo: u64, hi: u64) -> Self {
        let (all, all_low) = (Intervals::one(0, u64::MAX), Intervals::one(0, LOW));
        match domain {
            Domain::U64 => Self { wide: Intervals::one(lo, hi), narrow: all_low },
            Domain::S64 => {
                let wide = Intervals::ordered(lo ^ SIGN64, hi ^ SIGN64, SIGN64, u64::MAX);
                Self { wide, narrow: all_low }
            }
            Domain::U32 => Self { wide: all, narrow: Intervals::one(lo, hi) },
            Domain::S32 => {
                let narrow = Intervals::ordered((lo ^ SIGN32) & LOW, (hi ^ SIGN32) & LOW, SIGN32, LOW);
                Self { wide: all, narrow }
            }
        }
    }

    /// For each wide interval, cut at `flip`, its first and last member; in order.
    fn members(&self, flip: u64) -> Intervals {
        let mut all = Intervals::NONE;
        let cut = if flip == 0 { Intervals::one(0, u64::MAX) } else { halves(flip, u64::MAX) };
        for (lo, hi) in self.wide.intersect(&cut).iter() {
            if let (Some(first), Some(last)) = (self.first_from(lo), self.last_to(hi)) {
                all.push(first, last);
            }
        }
        all
    }

    fn first_from(&self, number: u64) -> Option<u64> {
        let (upper, low) = (number & !LOW, number & LOW);
        let here = self.narrow.iter().filter(|&(_, hi)| hi >= low).map(|(lo, _)| upper | lo.max(low)).min();
        here.or_else(|| {
            let next = upper.checked_add(LOW + 1)?;
            self.narrow.iter().map(|(lo, _)| next | lo).min()
        })
    }

    fn last_to(&self, number: u64) -> Option<u64> {
        let (upper, low) = (number & !LOW, number & LOW);
        let here = self.narrow.iter().filter(|&(lo, _)| lo <= low).map(|(_, hi)| upper | hi.min(low)).max();
        here.or_else(|| {
            let previous = upper.checked_sub(LOW + 1)?;
            self.narrow.iter().map(|(_, hi)| previous | hi).max()
        })
    }

    /// Least and greatest low half in the order given by `flip`.
    fn low_bounds(&self, flip: u64) -> Option<(u64, u64)> {
        let cut = if flip == 0 { Intervals::one(0, LOW) } else { halves(flip, LOW) };
        let allowed = self.narrow.intersect(&cut);
        let mut found: Option<(u64, u64)> = None;
        for (lo, hi) in self.wide.iter() {
            let mut lows = Intervals::NONE;
            if hi - lo >= LOW {
                lows.push(0, LOW);
            } else if lo & LOW <= hi & LOW {
                lows.push(lo & LOW, hi & LOW);
            } else {
                lows.push(0, hi & LOW);
                lows.push(lo & LOW, LOW);
            }
            for (a, b) in lows.iter() {
                for (c, d) in allowed.iter() {
                    let (first, last) = (a.max(c), b.min(d));
                    if first <= last {
                        let (first, last) = (first ^ flip, last ^ flip);
                        found = Some(found.map_or((first, last), |(x, y)| (x.min(first), y.max(last))));
                    }
                }
            }
        }
        found
    }

    /// Least and greatest member in the order given by `flip`.
    fn wide_bounds(&self, flip: u64) -> Option<(u64, u64)> {
        let members = self.members(flip);
        let first = members.iter().map(|(lo, _)| lo ^ flip).min()?;
        let last = members.iter().map(|(_, hi)| hi ^ flip).max()?;
        Some((first, last))
    }

    /// Least and greatest member in a domain, as ordered numbers.
    fn ends(&self, domain: Domain) -> Option<(u64, u64)> {
        match domain {
            Domain::U64 => self.wide_bounds(0),
            Domain::S64 => self.wide_bounds(SIGN64),
            Domain::U32 => self.low_bounds(0),
            Domain::S32 => self.low_bounds(SIGN32),
        }
    }

    /// The least range in each domain; `None` for the empty set.
    pub(crate) fn bounds(&self) -> Option<Bounds> {
        let (u64, s64) = (self.ends(Domain::U64)?, self.ends(Domain::S64)?);
        let (u32, s32) = (self.ends(Domain::U32)?, self.ends(Domain::S32)?);
        Some(Bounds {
            u64,
            s64: ((s64.0 ^ SIGN64) as i64, (s64.1 ^ SIGN64) as i64),
            u32: (u32.0 as u32, u32.1 as u32),
            s32: ((s32.0 ^ SIGN32) as i32, (s32.1 ^ SIGN32) as i32),
        })
    }

    /// This set without what lies outside `lo..=hi` in the order of a domain.
    fn within(&self, domain: Domain, lo: u64, hi: u64) -> Self {
        let (mut wide, mut narrow) = (self.wide, self.narrow);
        match domain {
            Domain::U64 => wide = wide.intersect(&Intervals::ordered(lo, hi, 0, u64::MAX)),
            Domain::S64 => wide = wide.intersect(&Intervals::ordered(lo, hi, SIGN64, u64::MAX)),
            Domain::U32 => narrow = narrow.intersect(&Intervals::ordered(lo, hi, 0, LOW)),
            Domain::S32 => narrow = narrow.intersect(&Intervals::ordered(lo, hi, SIGN32, LOW)),
        }
        Self { wide, narrow }
    }

    const EMPTY: Self = Self { wide: Intervals::NONE, narrow: Intervals::NONE };

    /// What is left of both operands when the comparison holds.
    pub(crate) fn assume(domain: Domain, op: JmpOp, x: &Self, y: &Self) -> (Self, Self) {
        let (Some(in_x), Some(in_y)) = (x.ends(domain), y.ends(domain)) else {
            return (Self::EMPTY, Self::EMPTY);
        };
        let max = match domain {
            Domain::U64 | Domain::S64 => u64::MAX,
            Domain::U32 | Domain::S32 => LOW,
        };
        let below = |set: &Self, end: Option<u64>| end.map_or(Self::EMPTY, |end| set.within(domain, 0, end));
        let above = |set: &Self, end: Option<u64>| {
            end.filter(|&end| end <= max).map_or(Self::EMPTY, |end| set.within(domain, end, max))
        };
        match op {
            JmpOp::Lt | JmpOp::Slt => (below(x, in_y.1.checked_sub(1)), above(y, in_x.0.checked_add(1))),
            JmpOp::Le | JmpOp::Sle => (below(x, Some(in_y.1)), above(y, Some(in_x.0))),
            JmpOp::Gt | JmpOp::Sgt => (above(x, in_y.0.checked_add(1)), below(y, in_x.1.checked_sub(1))),
            JmpOp::Ge | JmpOp::Sge => (above(x, Some(in_y.0)), below(y, Some(in_x.1))),
            JmpOp::Eq => Self::equal(domain, x, y),
            JmpOp::Ne | JmpOp::Set => (x.unlike(domain, in_y), y.unlike(domain, in_x)),
        }
    }

    /// The members that both have in common, in the comparison's width.
    fn equal(domain: Domain, x: &Self, y: &Self) -> (Self, Self) {
        match domain {
            Domain::U64 | Domain::S64 => {
                let wide = x.wide.intersect(&y.wide);
                let narrow = x.narrow.intersect(&y.narrow);
                (Self { wide, narrow }, Self { wide, narrow })
            }
            Domain::U32 | Domain::S32 => {
                let narrow = x.lows().intersect(&y.lows());
                (Self { wide: x.wide, narrow }, Self { wide: y.wide, narrow })
            }
        }
    }

    /// The low halves of all members; for sets that are constrained in one width only.
    fn lows(&self) -> Intervals {
        let mut below = 0u64;
        let mut all = Intervals::NONE;
        let full = Self { wide: self.wide, narrow: Intervals::one(0, LOW) };
        let mut pieces: Vec<(u64, u64)> = Vec::new();
        for (lo, hi) in full.wide.iter() {
            if hi - lo >= LOW {
                return self.narrow;
            }
            if lo & LOW <= hi & LOW {
                pieces.push((lo & LOW, hi & LOW));
            } else {
                pieces.push((0, hi & LOW));
                pieces.push((lo & LOW, LOW));
            }
        }
        pieces.sort_unstable();
        for (lo, hi) in pieces {
            let lo = lo.max(below);
            if lo <= hi {
                all.push(lo, hi);
                below = hi + 1;
            }
        }
        all.intersect(&self.narrow)
    }

    /// This set without the only number that the other operand can be.
    fn unlike(&self, domain: Domain, (first, last): (u64, u64)) -> Self {
        if first != last {
            return *self;
        }
        match domain {
            Domain::U64 => Self { wide: self.wide.without(first), narrow: self.narrow },
            Domain::S64 => Self { wide: self.wide.without(first ^ SIGN64), narrow: self.narrow },
            Domain::U32 => Self { wide: self.wide, narrow: self.narrow.without(first) },
            Domain::S32 => Self { wide: self.wide, narrow: self.narrow.without(first ^ SIGN32) },
        }
    }
}

/// The two halves around the middle.
fn halves(flip: u64, max: u64) -> Intervals {
    let mut both = Intervals::one(0, flip - 1);
    both.push(flip, max);
    both
}
