//! What a bad handler does to its thread: `/burn/{micros}` and `/block/{millis}`.

use std::hint;
use std::thread;
use std::time::{Duration, Instant};

/// The longest pause, the same for every contender.
const LONGEST: Duration = Duration::from_secs(10);

/// Computes for that long by the clock on the wall.
pub fn burn(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time.min(LONGEST) {
        hint::spin_loop();
    }
}

/// Blocks the thread for that long.
pub fn block(time: Duration) {
    thread::sleep(time.min(LONGEST));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_no_shorter_than_asked() {
        for pause in [burn, block] {
            let start = Instant::now();
            pause(Duration::from_millis(2));
            assert!(start.elapsed() >= Duration::from_millis(2));
        }
    }
}
