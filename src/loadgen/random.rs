//! The generator's randomness: small, seeded, and the same on every machine.

/// SplitMix64 (Steele, Lea, Flood 2014): one 64-bit word of state, passes BigCrush, splits by seeding.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A stream of its own for each (seed, purpose).
    pub fn new(seed: u64, purpose: u64) -> Random {
        let mut random = Random { state: seed ^ purpose.wrapping_mul(0x9E37_79B9_7F4A_7C15) };
        random.next();
        random
    }

    /// The next 64 bits.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which must not be 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// A number from 0 to 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of these.
    pub fn pick<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// Appends a version 4 UUID.
    pub fn write_uuid(&mut self, out: &mut String) {
        let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
        let uuid = uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
        out.push_str(uuid.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()));
    }

    /// A version 4 UUID.
    pub fn uuid(&mut self) -> String {
        let mut out = String::with_capacity(36);
        self.write_uuid(&mut out);
        out
    }
}

/// Zipf-distributed ranks: rank k is drawn in proportion to 1 / (k + 1).
#[derive(Clone, Debug)]
pub struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    /// Ranks from 0 to `count` - 1.
    pub fn new(count: usize) -> Zipf {
        let mut total = 0.0;
        let cumulative = (0..count.max(1))
            .map(|rank| {
                total += 1.0 / (rank as f64 + 1.0);
                total
            })
            .collect();
        Zipf { cumulative }
    }

    /// Draws a rank.
    pub fn draw(&self, random: &mut Random) -> usize {
        let total = self.cumulative.last().copied().unwrap_or(1.0);
        let wanted = random.unit() * total;
        self.cumulative.partition_point(|sum| *sum < wanted).min(self.cumulative.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_reproducible_and_differ() {
        let draw = |seed, purpose| {
            let mut random = Random::new(seed, purpose);
            (0..4).map(|_| random.next()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    #[test]
    fn zipf_prefers_low_ranks() {
        let zipf = Zipf::new(1000);
        let mut random = Random::new(7, 7);
        let draws: Vec<usize> = (0..10_000).map(|_| zipf.draw(&mut random)).collect();
        let head = draws.iter().filter(|rank| **rank < 10).count();
        assert!((3000..5000).contains(&head), "{head}");
        assert!(draws.iter().any(|rank| *rank > 900));
    }
}
