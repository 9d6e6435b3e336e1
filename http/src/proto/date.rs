//! The Date line of responses, made once a second on each thread.
//!
//! Formatting a date costs more than all the rest of a small response's head, and a clock read
//! 25 ns. So every thread keeps the finished line and the instant at which it gets stale, and
//! compares that with the core's coarse clock, which is a plain load. The line follows the wall
//! clock: it is made anew when the wall clock's second ends, and a set clock shows within a second.

use std::cell::RefCell;
use std::io::Write;
use std::time::{Duration, Instant, SystemTime};

use ringspun_runtime::time::coarse_now;

/// The Date line: `Date: Sun, 06 Nov 1994 08:49:37 GMT` and CRLF.
#[derive(Clone, Copy)]
pub(crate) struct DateLine {
    text: [u8; Self::LEN],
    /// When the wall clock shows another second; `None` before the first use.
    stale_at: Option<Instant>,
}

impl DateLine {
    /// Bytes of the line.
    pub(crate) const LEN: usize = 37;

    /// The line with its CRLF.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.text
    }

    /// When the line is to be made anew.
    pub(crate) fn stale_at(&self) -> Option<Instant> {
        self.stale_at
    }

    #[cold]
    fn refresh(&mut self, now: Instant) {
        let wall = SystemTime::now();
        self.text = format_line(wall);
        let fraction = wall
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(Duration::ZERO, |since| {
                Duration::from_nanos(since.subsec_nanos().into())
            });
        self.stale_at = Some(now + (Duration::from_secs(1) - fraction));
    }
}

/// The Date line of now. Good for a batch of responses.
pub(crate) fn date_line() -> DateLine {
    let now = coarse_now();
    LINE.with_borrow_mut(|line| {
        if line.stale_at.is_none_or(|stale_at| now >= stale_at) {
            line.refresh(now);
        }
        *line
    })
}

/// The line for a point in time. Times outside of what the format can show become its ends.
fn format_line(time: SystemTime) -> [u8; DateLine::LEN] {
    let mut line = *EPOCH;
    let last = SystemTime::UNIX_EPOCH + Duration::from_secs(YEAR_10000 - 1);
    let time = time.clamp(SystemTime::UNIX_EPOCH, last);
    // IMF-fixdate always has 29 bytes (RFC 9110 5.6.7), so the write always fits.
    let _ = write!(
        &mut line[6..DateLine::LEN - 2],
        "{}",
        httpdate::HttpDate::from(time)
    );
    line
}

/// The line of the time before all others.
const EPOCH: &[u8; DateLine::LEN] = b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";

/// Seconds from 1970 to the year that has five digits.
const YEAR_10000: u64 = 253_402_300_800;

thread_local! {
    static LINE: RefCell<DateLine> =
        const { RefCell::new(DateLine { text: *EPOCH, stale_at: None }) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(
            &format_line(time),
            b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        );
        let early = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(
            &format_line(early),
            b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
        );
        let late = SystemTime::UNIX_EPOCH + Duration::from_secs(2 * YEAR_10000);
        assert_eq!(
            &format_line(late),
            b"Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n"
        );
    }

    #[test]
    fn the_line_is_a_date_of_now() {
        let before = SystemTime::now() - Duration::from_secs(2);
        let line = date_line();
        let text = std::str::from_utf8(line.bytes()).unwrap();
        let date = text
            .strip_prefix("Date: ")
            .unwrap()
            .strip_suffix("\r\n")
            .unwrap();
        let time = httpdate::parse_http_date(date).unwrap();
        assert!(time >= before && time <= SystemTime::now());
    }

    #[test]
    fn a_stale_line_is_made_anew_once_a_second() {
        let now = Instant::now();
        let mut line = DateLine {
            text: *EPOCH,
            stale_at: None,
        };
        line.refresh(now);
        let stale_at = line.stale_at.unwrap();
        assert!(stale_at > now && stale_at <= now + Duration::from_secs(1));
    }
}
