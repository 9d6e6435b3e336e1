//! Which core an accepted connection goes to: the power of two choices.
//!
//! The kernel spreads connections by a hash of their addresses, without a look at how long they
//! stay: a core may end up with the long-lived ones, and a listener without siblings has them all.
//! So the loop compares its own core with *one* other, drawn at random, and passes the connection
//! on if its own has clearly more:
//!
//! ```text
//!   own > 1.25 x other + 8
//! ```
//!
//! - One random other, not the emptiest of all: several loops that see the same minimum would all
//!   send there, and a look at every core costs a cache line each. Two choices bring the largest
//!   excess from `log n` down to `log log n` (Mitzenmacher 1996; Azar et al. 1994).
//! - A quarter and eight, because staying is worth something: the socket, its timers and its
//!   buffers begin in the cache that the packet came to, and a hop costs a wake-up.
//! - The counts are read without an order: a stale one misplaces a connection, and the next ones
//!   make up for it. A connection counts for its new core from this decision on, not from its
//!   arrival, or a burst of accepts would all see the same small number.

/// The choice of one accept loop. Switched off it stays at home.
#[derive(Debug)]
pub(super) struct Balance {
    is_on: bool,
    /// The state of an xorshift generator (Marsaglia 2003), not 0.
    random: u32,
}

impl Balance {
    /// `seed` tells the loops of a server apart.
    pub(super) fn new(is_on: bool, seed: usize) -> Self {
        // Spreads small seeds. The state must not be 0.
        let random = (seed as u32).wrapping_mul(0x9e37_79b9) | 1;
        Self { is_on, random }
    }

    /// The core for the next connection of core `own`, of `cores` that have `connections` each.
    pub(super) fn choose(
        &mut self,
        own: usize,
        cores: usize,
        connections: impl Fn(usize) -> usize,
    ) -> usize {
        if !self.is_on || cores < 2 {
            return own;
        }
        let other = self.other(own, cores);
        if is_clearly_more(connections(own), connections(other)) {
            other
        } else {
            own
        }
    }

    /// Any core but `own`.
    fn other(&mut self, own: usize, cores: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        let drawn = (u64::from(self.random) * (cores as u64 - 1)) >> 32;
        let drawn = drawn as usize;
        if drawn < own { drawn } else { drawn + 1 }
    }
}

/// More than a quarter and [`SLACK`] above.
fn is_clearly_more(own: usize, other: usize) -> bool {
    own > other.saturating_add(other / 4).saturating_add(SLACK)
}

/// Connections by which cores may differ whatever they have.
const SLACK: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    /// Places `connections` that all come to core 0 and stay.
    fn place(cores: usize, connections: usize, is_on: bool) -> Vec<usize> {
        let mut balance = Balance::new(is_on, 0);
        let mut counts = vec![0; cores];
        for _ in 0..connections {
            let core = balance.choose(0, cores, |core| counts[core]);
            counts[core] += 1;
        }
        counts
    }

    #[test]
    fn a_lonely_listener_fills_all_cores() {
        // With many cores the least of them all is an unlucky one.
        for (cores, bound) in [(2, 1.35), (3, 1.35), (4, 1.35), (16, 1.35), (192, 1.5)] {
            let counts = place(cores, 1000 * cores, true);
            let (most, least) = (counts.iter().max(), counts.iter().min());
            let ratio = *most.expect("some") as f64 / *least.expect("some") as f64;
            println!("{cores} cores: max/min {ratio:.3}");
            assert!(ratio <= bound, "{counts:?}");
        }
    }

    #[test]
    fn few_connections_stay_at_home() {
        assert_eq!(place(4, 9, true), [9, 0, 0, 0]);
        assert_eq!(place(4, 1000, false), [1000, 0, 0, 0]);
        assert_eq!(place(1, 1000, true), [1000]);
    }

    #[test]
    fn every_other_core_is_drawn_about_equally_often_and_never_the_own() {
        for seed in 0..64 {
            let (mut balance, mut drawn) = (Balance::new(true, seed), [0; 5]);
            for _ in 0..40_000 {
                drawn[balance.other(2, 5)] += 1;
            }
            assert_eq!(drawn[2], 0);
            for core in [0, 1, 3, 4] {
                assert!((9_500..10_500).contains(&drawn[core]), "{drawn:?}");
            }
        }
    }

    #[test]
    fn the_threshold_is_a_quarter_and_eight() {
        for (own, other, passes) in [
            (8, 0, false),
            (9, 0, true),
            (133, 100, false),
            (134, 100, true),
            (usize::MAX, usize::MAX, false),
        ] {
            assert_eq!(is_clearly_more(own, other), passes, "{own} and {other}");
        }
    }
}
