//! What a bad handler does to its thread: `/burn/{micros}` and `/block/{millis}`.

use std::hint;
use std::thread;
use std::time::{Duration, Instant};

/// The longest pause, the same for every contender.
const LONGEST: Duration = Duration::from_secs(10);

/// The body of the answer after a pause.
pub const DONE: &str = "done\n";

/// Keeps this thread busy or blocked, on purpose, as a handler does that knows no better.
///
/// `None` if the path is none of the two.
#[must_use]
pub fn pause(path: &str) -> Option<()> {
    if let Some(micros) = path.strip_prefix("/burn/") {
        burn(Duration::from_micros(micros.parse().ok()?));
    } else {
        let millis = path.strip_prefix("/block/")?;
        block(Duration::from_millis(millis.parse().ok()?));
    }
    Some(())
}

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

    #[test]
    fn paths() {
        assert_eq!(pause("/burn/10"), Some(()));
        assert_eq!(pause("/block/1"), Some(()));
        for path in ["/burn/", "/burn/x", "/block/-1", "/plaintext"] {
            assert_eq!(pause(path), None, "{path}");
        }
    }
}
