//! Random numbers of tests, from a seed that a failure names.

use std::time::Duration;

/// xorshift64*; each task has one of its own, so that a program does not depend on the schedule.
#[derive(Clone)]
pub struct Rng(u64);

impl Rng {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        let mut rng = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        rng.next(2);
        rng
    }

    /// A number below `below`.
    pub fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % below
    }

    /// One of its own for somebody else.
    pub fn split(&mut self) -> Self {
        Self((self.next(u64::MAX) << 20 ^ self.next(u64::MAX)) | 1)
    }

    /// A time of up to `most` microseconds.
    pub fn micros(&mut self, most: u64) -> Duration {
        Duration::from_micros(self.next(most))
    }
}

/// The seed of `RINGSPUN_SEED`, or the time's; printed, so that a run that fails can be repeated.
pub fn seed() -> u64 {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed();
    let seed = match std::env::var("RINGSPUN_SEED") {
        Ok(seed) => seed.parse().expect("RINGSPUN_SEED is a number"),
        Err(_) => now.expect("after 1970").as_nanos() as u64 >> 10,
    };
    println!("RINGSPUN_SEED={seed}");
    seed
}
