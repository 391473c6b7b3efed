//! Chance, the same in every run.

/// Draws at random: SplitMix64, fast and good enough here.
pub struct Dice {
    state: u64,
}

impl Dice {
    pub fn new() -> Dice {
        Dice { state: 42 }
    }

    /// A number below the bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(z ^ (z >> 31)) * u128::from(bound)) >> 64) as u64
    }
}
