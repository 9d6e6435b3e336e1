//! The part of a representation that a client asks for (RFC 9110 14, 13.1.5).

use std::ops::Range;

use http::Method;

use super::{EntityTag, Validators, parse_date};
use crate::message::Request;

/// What of a representation is to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "the client has asked for a part, perhaps"]
pub enum ByteRange {
    /// All of it: 200.
    Whole,
    /// These bytes, at least one and all within the representation: 206, with
    /// `Content-Range: bytes first-last/length`.
    Part(Range<u64>),
    /// None of the bytes asked for is there: 416, with `Content-Range: bytes */length`.
    Unsatisfiable,
}

/// Which bytes of a representation of `length` bytes a request asks for.
///
/// The whole is sent where no range is asked for; for other methods than GET; where the unit is
/// not `bytes`; where `Range` is malformed; where `If-Range` names another representation than
/// `current`, or does so with a weak validator; and where several ranges are asked for: the
/// parts of a `multipart/byteranges` are hardly ever wanted, and many tiny ones are an old way to
/// keep a server busy. RFC 9110 14.2 lets a server choose so.
///
/// Asked after [`evaluate`](super::evaluate), as step 5 of the table.
pub fn byte_range(request: &Request, length: u64, current: &Validators) -> ByteRange {
    let headers = request.headers();
    let mut lines = headers.get_all("range");
    let Some(line) = lines.next() else {
        return ByteRange::Whole;
    };
    if *request.method() != Method::GET || lines.next().is_some() {
        return ByteRange::Whole;
    }
    let mut conditions = headers.get_all("if-range");
    let condition = conditions.next();
    let holds = condition.is_none_or(|value| is_of(value, current));
    if !holds || conditions.next().is_some() {
        return ByteRange::Whole;
    }
    parse(line, length)
}

/// Whether `If-Range` names this representation.
fn is_of(value: &[u8], current: &Validators) -> bool {
    match EntityTag::parse(value) {
        Some(tag) => current.etag().is_some_and(|etag| etag.strong_eq(&tag)),
        None => parse_date(value).is_some_and(|date| current.is_strongly_of(date)),
    }
}

fn parse(line: &[u8], length: u64) -> ByteRange {
    parse_bytes(line, length).unwrap_or(ByteRange::Whole)
}

/// `None` for what is malformed, of another unit, or more than one range.
fn parse_bytes(line: &[u8], length: u64) -> Option<ByteRange> {
    let text = std::str::from_utf8(line).ok()?;
    let (unit, range) = text.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim_matches([' ', '\t']).split_once('-')?;
    if first.is_empty() {
        let suffix = number(last)?;
        return Some(match (suffix, length) {
            (0, _) => ByteRange::Unsatisfiable,
            // No bytes are the last ones, and there is no way to write that as a range.
            (_, 0) => ByteRange::Whole,
            _ => ByteRange::Part(length.saturating_sub(suffix)..length),
        });
    }
    let first = number(first)?;
    let last = if last.is_empty() {
        u64::MAX
    } else {
        number(last)?
    };
    if last < first {
        return None;
    }
    if first >= length {
        return Some(ByteRange::Unsatisfiable);
    }
    Some(ByteRange::Part(first..last.saturating_add(1).min(length)))
}

/// Digits only; what does not fit is as good as the largest number.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn ranges() {
        use ByteRange::{Part, Unsatisfiable, Whole};
        for (range, expected) in [
            ("bytes=0-0", Part(0..1)),
            ("bytes=0-", Part(0..100)),
            ("Bytes=10-19", Part(10..20)),
            ("bytes= 10-19 ", Part(10..20)),
            ("bytes=99-99", Part(99..100)),
            ("bytes=90-1000", Part(90..100)),
            ("bytes=90-99999999999999999999999", Part(90..100)),
            ("bytes=-1", Part(99..100)),
            ("bytes=-100", Part(0..100)),
            ("bytes=-1000", Part(0..100)),
            ("bytes=-99999999999999999999999", Part(0..100)),
            ("bytes=00000000000000000000000000-1", Part(0..2)),
            ("bytes=100-", Unsatisfiable),
            ("bytes=100-200", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=5-4", Whole),
            ("bytes=-", Whole),
            ("bytes=", Whole),
            ("bytes", Whole),
            ("", Whole),
            ("bytes=a-b", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=0x1-2", Whole),
            ("bytes=1-2-3", Whole),
            ("bytes=1 - 2", Whole),
            ("bytes=--1", Whole),
            ("lines=1-2", Whole),
            ("bytes =1-2", Whole),
            ("bytes=1-2,4-5", Whole),
            ("bytes=1-2,", Whole),
        ] {
            assert_eq!(parse(range.as_bytes(), 100), expected, "{range}");
        }
        assert_eq!(parse(b"bytes=0-", 0), Unsatisfiable);
        assert_eq!(parse(b"bytes=-5", 0), Whole);
        assert_eq!(parse(b"bytes=0-", u64::MAX), Part(0..u64::MAX));
    }

    #[test]
    fn conditions_and_methods() {
        let date = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let current = Validators::new()
            .with_etag(EntityTag::strong("a").unwrap())
            .with_last_modified(date);
        let ask = |method, lines: &[(&str, &str)], current: &Validators| {
            let request = Request::new(method, "/").unwrap();
            let request = lines.iter().fold(request, |request, (name, value)| {
                request.try_with_header(name, value).unwrap()
            });
            byte_range(&request, 100, current) == ByteRange::Part(1..3)
        };
        let range = ("Range", "bytes=1-2");
        assert!(ask("GET", &[range], &current));
        assert!(!ask("HEAD", &[range], &current));
        assert!(!ask("POST", &[range], &current));
        assert!(!ask("GET", &[range, range], &current));
        for (condition, holds) in [
            ("\"a\"", true),
            ("\"b\"", false),
            ("W/\"a\"", false),
            ("\"a\", \"b\"", false),
            ("Sun, 06 Nov 1994 08:49:37 GMT", true),
            ("Sun, 06 Nov 1994 08:49:38 GMT", false),
            ("Sun, 06 Nov 1994 08:49:36 GMT", false),
            ("nonsense", false),
        ] {
            let lines = [range, ("If-Range", condition)];
            assert_eq!(ask("GET", &lines, &current), holds, "{condition}");
            assert!(!ask("GET", &lines, &Validators::new()), "{condition}");
        }
        let weak = Validators::new().with_etag(EntityTag::weak("a").unwrap());
        assert!(!ask("GET", &[range, ("If-Range", "W/\"a\"")], &weak));
        // Within one second of the wall clock.
        let asked = loop {
            let now = SystemTime::now();
            let fresh = Validators::new().with_last_modified(now);
            let text = httpdate::fmt_http_date(now);
            let asked = ask("GET", &[range, ("If-Range", &text)], &fresh);
            if Validators::new().with_last_modified(SystemTime::now()) == fresh {
                break asked;
            }
        };
        assert!(!asked, "it may change within the same second");
    }
}
