//! [`Rng`]: a small seeded generator (splitmix64), so that a failing case is a number.

/// Pseudo-random numbers; the same seed gives the same ones everywhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; 0 when `limit` is 0.
    pub fn below(&mut self, limit: u32) -> u32 {
        let scaled = (u128::from(self.next_u64()) * u128::from(limit)) >> 64;
        u32::try_from(scaled).unwrap_or(0)
    }

    /// Whether something of this chance, in hundredths, happens.
    pub fn percent(&mut self, chance: u32) -> bool {
        self.below(100) < chance
    }

    /// One of the items.
    ///
    /// # Panics
    /// When there are none.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        let at = self.below(u32::try_from(items.len()).unwrap_or(u32::MAX));
        items[at as usize]
    }

    /// A number as tests like them: often at the edge of some width, often small.
    pub fn edge(&mut self) -> u64 {
        let bits = self.below(65);
        let power = 1_u64.checked_shl(bits).unwrap_or(0);
        match self.below(6) {
            0 => u64::from(self.below(16)),
            1 => u64::from(self.below(16)).wrapping_neg(),
            2 => power,
            3 => power.wrapping_sub(1),
            4 => power.wrapping_neg(),
            _ => self.next_u64(),
        }
    }

    /// An immediate of the same kind.
    #[expect(clippy::cast_possible_truncation, reason = "any 32 bits will do")]
    pub fn edge_imm(&mut self) -> i32 {
        let edge = self.edge();
        if self.percent(50) { edge as i32 } else { (edge >> 32) as i32 }
    }
}
