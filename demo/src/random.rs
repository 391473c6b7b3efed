//! Random numbers by SplitMix64: the same for the same seed, on every machine.

pub struct Random(u64);

fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random {
    /// Numbers of their own for each list of words, such as a seed, a site and a day.
    pub fn of(words: &[u64]) -> Random {
        let state = words
            .iter()
            .fold(0x9e37_79b9_7f4a_7c15, |state: u64, word| {
                mixed(
                    state
                        .wrapping_add(*word)
                        .wrapping_mul(0x2545_f491_4f6c_dd1d),
                )
            });
        Random(state)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// From 0 to just below 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        (self.unit() * bound as f64) as u64
    }

    pub fn chance(&mut self, part: f64) -> bool {
        self.unit() < part
    }

    /// Exponential, with this mean.
    pub fn wait(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// About normal, from -6 to 6.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// An hour of the day, as often as its weight says.
    pub fn hour(&mut self, weights: &[f64; 24]) -> i64 {
        self.pick(&std::array::from_fn::<_, 24, _>(|h| (h as i64, weights[h])))
    }

    /// How many of so many a day come in a minute of this hour.
    pub fn of_minute(&mut self, a_day: f64, weights: &[f64; 24], hour: usize) -> u64 {
        let mean = a_day * weights[hour] / weights.iter().sum::<f64>() / 60.0;
        // Waits between arrivals, up to a minute.
        let (mut count, mut at) = (0, self.wait(1.0));
        while at < mean {
            count += 1;
            at += self.wait(1.0);
        }
        count
    }

    /// One of these, as often as its weight says.
    pub fn pick<T: Copy>(&mut self, of: &[(T, f64)]) -> T {
        let total: f64 = of.iter().map(|(_, weight)| weight).sum();
        let mut at = self.unit() * total;
        for (it, weight) in of {
            at -= weight;
            if at < 0.0 {
                return *it;
            }
        }
        of[of.len() - 1].0
    }
}
