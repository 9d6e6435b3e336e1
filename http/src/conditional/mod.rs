//! Conditional requests and ranges (RFC 9110 13 and 14), for handlers that have resources of their
//! own. [`files`](crate::files) is built on it.
//!
//! A client that has a representation already says so, and gets it again only if it has changed
//! ([`NotModified`](Verdict::NotModified)); a client that wants to change what it has seen says
//! what that was, and nobody else's change is lost ([`PreconditionFailed`](Verdict::PreconditionFailed)).
//!
//! | step (13.2.2) | field | if it holds | if not |
//! |---|---|---|---|
//! | 1 | `If-Match` | to 3 | 412 |
//! | 2 | `If-Unmodified-Since`, without `If-Match` | to 3 | 412 |
//! | 3 | `If-None-Match` | to 5 | 304 for GET and HEAD, else 412 |
//! | 4 | `If-Modified-Since`, without `If-None-Match`, GET and HEAD only | to 5 | 304 |
//! | 5 | `Range` and `If-Range`, GET only: [`byte_range`] | the part | the whole |
//!
//! # Examples
//! ```
//! use ringspun_http::conditional::{self, EntityTag, Validators};
//! use ringspun_http::{IntoResponse, Request, Response};
//!
//! async fn report(request: Request) -> Response {
//!     let current = Validators::new().with_etag(EntityTag::strong("revision-7").unwrap());
//!     let verdict = conditional::evaluate(&request, Some(&current));
//!     verdict.answer(&current).unwrap_or_else(|| {
//!         let mut response = "the long report".into_response();
//!         current.add_to(&mut response);
//!         response
//!     })
//! }
//! ```

mod etag;
mod range;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Method, StatusCode};

pub use self::etag::{EntityTag, InvalidEntityTag};
pub use self::range::{ByteRange, byte_range};
use crate::message::{Request, Response};

/// What tells one state of a representation from another: an entity tag, a date, or both.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Validators {
    etag: Option<EntityTag>,
    /// In whole seconds since 1970, as a date in HTTP can say it.
    modified: Option<u64>,
}

impl Validators {
    /// No validators: conditions on them do not hold, or are passed over.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            etag: None,
            modified: None,
        }
    }

    /// With this entity tag.
    #[must_use]
    pub fn with_etag(mut self, etag: EntityTag) -> Self {
        self.etag = Some(etag);
        self
    }

    /// With the date of the last change. Fractions of a second are dropped, a date in the future is
    /// taken for now (RFC 9110 8.8.2.1), and one that HTTP cannot write, before 1970 or behind 9999,
    /// is none.
    #[must_use]
    pub fn with_last_modified(mut self, date: SystemTime) -> Self {
        self.modified = seconds(date.min(SystemTime::now()));
        self
    }

    /// The entity tag.
    #[must_use]
    pub const fn etag(&self) -> Option<&EntityTag> {
        self.etag.as_ref()
    }

    /// The date of the last change, in whole seconds.
    #[must_use]
    pub fn last_modified(&self) -> Option<SystemTime> {
        self.modified
            .map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds))
    }

    /// Adds the lines `ETag` and `Last-Modified` to a response.
    pub fn add_to(&self, response: &mut Response) {
        self.add_etag(response);
        self.add_date(response);
    }

    fn add_etag(&self, response: &mut Response) {
        if let Some(etag) = &self.etag {
            // Its constructors have checked it.
            let _ = response.add_header("etag", etag.to_string().as_bytes());
        }
    }

    fn add_date(&self, response: &mut Response) {
        if let Some(date) = self.last_modified() {
            let date = httpdate::fmt_http_date(date);
            // A date is sound.
            let _ = response.add_header("last-modified", date.as_bytes());
        }
    }

    /// Whether the representation is the one that this date tells of, beyond doubt: the date is
    /// the same, and the second was over before anybody could have been answered now.
    fn is_strongly_of(&self, date: u64) -> bool {
        let now = seconds(SystemTime::now()).unwrap_or(0);
        self.modified == Some(date) && date < now
    }
}

/// What a request's conditions amount to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "the client has set conditions"]
pub enum Verdict {
    /// Do what the method says.
    Proceed,
    /// The client has this representation already: 304.
    NotModified,
    /// The representation is not the one that the client has in mind: 412, and nothing is done.
    PreconditionFailed,
}

impl Verdict {
    /// The response of a request that goes no further, `None` for [`Verdict::Proceed`].
    ///
    /// Lines that a 200 would have and that caches heed (Cache-Control, Vary, Expires) should be
    /// added to a 304 as well (RFC 9110 15.4.5).
    #[must_use]
    pub fn answer(self, current: &Validators) -> Option<Response> {
        match self {
            Self::Proceed => None,
            Self::NotModified => {
                let mut response = Response::new(StatusCode::NOT_MODIFIED);
                if current.etag.is_some() {
                    current.add_etag(&mut response);
                } else {
                    current.add_date(&mut response);
                }
                Some(response)
            }
            Self::PreconditionFailed => {
                let text = "the representation is not the one that the request is meant for\n";
                Some(Response::text(text).with_status(StatusCode::PRECONDITION_FAILED))
            }
        }
    }
}

/// Looks at the conditions of a request in the order of RFC 9110 13.2.2; see the
/// [module's table](self).
///
/// `current` is what there is now; `None` if there is nothing, which a PUT may want to know
/// (`If-None-Match: *`). What is malformed holds in no case, and malformed dates are passed over.
/// Ask only where the answer would otherwise be a success: the conditions of a request that fails
/// anyway are not looked at.
pub fn evaluate(request: &Request, current: Option<&Validators>) -> Verdict {
    let modified = current.and_then(|current| current.modified);
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);

    let matches = list(request, "if-match", current, EntityTag::strong_eq);
    let unmodified = match matches {
        Some(_) => None,
        None => date(request, "if-unmodified-since").zip(modified),
    };
    if matches == Some(false) || unmodified.is_some_and(|(since, modified)| modified > since) {
        return Verdict::PreconditionFailed;
    }

    let has_it = match list(request, "if-none-match", current, EntityTag::weak_eq) {
        Some(matches) => matches,
        None => {
            let since = date(request, "if-modified-since").filter(|_| reads);
            let dates = since.zip(modified);
            dates.is_some_and(|(since, modified)| modified <= since)
        }
    };
    match (has_it, reads) {
        (false, _) => Verdict::Proceed,
        (true, true) => Verdict::NotModified,
        (true, false) => Verdict::PreconditionFailed,
    }
}

/// Whether a field that lists entity tags names the current one; `None` without such a field.
fn list(
    request: &Request,
    name: &str,
    current: Option<&Validators>,
    same: fn(&EntityTag, &EntityTag) -> bool,
) -> Option<bool> {
    let mut lines = request.headers().get_all(name).peekable();
    lines.peek()?;
    let etag = current.and_then(Validators::etag);
    Some(lines.any(|line| {
        if line.trim_ascii() == b"*" {
            return current.is_some();
        }
        etag.is_some_and(|etag| EntityTag::parse_list(line).any(|other| same(&other, etag)))
    }))
}

/// A date in seconds since 1970. A field that is no date, or is there more than once, is as good
/// as none (RFC 9110 13.1.3 and 13.1.4).
fn date(request: &Request, name: &str) -> Option<u64> {
    let mut lines = request.headers().get_all(name);
    let first = lines.next()?;
    if lines.next().is_some() {
        return None;
    }
    parse_date(first)
}

fn parse_date(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    seconds(httpdate::parse_http_date(text).ok()?)
}

/// Seconds since 1970, where a date in HTTP can say them.
fn seconds(date: SystemTime) -> Option<u64> {
    let since = date.duration_since(UNIX_EPOCH).ok()?.as_secs();
    (since < YEAR_10000).then_some(since)
}

/// The first second that has no date of four digits.
const YEAR_10000: u64 = 253_402_300_800;

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const SAME_RFC850: &str = "Sunday, 06-Nov-94 08:49:37 GMT";
    const SAME_ASCTIME: &str = "Sun Nov  6 08:49:37 1994";
    const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn current() -> Validators {
        Validators::new()
            .with_etag(EntityTag::strong("a").unwrap())
            .with_last_modified(UNIX_EPOCH + Duration::from_millis(784_111_777_900))
    }

    fn request(method: &str, lines: &[(&str, &str)]) -> Request {
        let request = Request::new(method, "/").unwrap();
        lines.iter().fold(request, |request, (name, value)| {
            request.try_with_header(name, value).unwrap()
        })
    }

    #[test]
    #[rustfmt::skip]
    fn every_row_of_the_table() {
        use Verdict::{NotModified as Same, PreconditionFailed as Failed, Proceed as Go};
        const M: &str = "If-Match";
        const N: &str = "If-None-Match";
        const U: &str = "If-Unmodified-Since";
        const S: &str = "If-Modified-Since";
        type Row = (&'static [(&'static str, &'static str)], Verdict, Verdict);
        let rows: &[Row] = &[
            // Lines; verdict on GET; verdict on PUT.
            (&[], Go, Go),
            (&[(M, "\"a\"")], Go, Go),
            (&[(M, "\"b\", \"a\"")], Go, Go),
            (&[(M, "\"b\""), (M, "\"a\"")], Go, Go),
            (&[(M, "*")], Go, Go),
            (&[(M, "\"b\"")], Failed, Failed),
            (&[(M, "W/\"a\"")], Failed, Failed),
            (&[(M, "a")], Failed, Failed),
            (&[(M, "")], Failed, Failed),
            (&[(U, SAME)], Go, Go),
            (&[(U, LATER)], Go, Go),
            (&[(U, OLD)], Failed, Failed),
            (&[(U, "yesterday")], Go, Go),
            (&[(U, OLD), (U, OLD)], Go, Go),
            (&[(M, "\"a\""), (U, OLD)], Go, Go),
            (&[(M, "\"b\""), (U, SAME)], Failed, Failed),
            (&[(N, "\"a\"")], Same, Failed),
            (&[(N, "W/\"a\"")], Same, Failed),
            (&[(N, "\"b\",W/\"a\"")], Same, Failed),
            (&[(N, "*")], Same, Failed),
            (&[(N, "\"b\"")], Go, Go),
            (&[(N, "a")], Go, Go),
            (&[(S, SAME)], Same, Go),
            (&[(S, SAME_RFC850)], Same, Go),
            (&[(S, SAME_ASCTIME)], Same, Go),
            (&[(S, LATER)], Same, Go),
            (&[(S, OLD)], Go, Go),
            (&[(S, "tomorrow")], Go, Go),
            (&[(N, "\"b\""), (S, SAME)], Go, Go),
            (&[(N, "\"a\""), (S, OLD)], Same, Failed),
            (&[(M, "\"a\""), (N, "\"a\"")], Same, Failed),
            (&[(M, "\"b\""), (N, "\"a\"")], Failed, Failed),
            (&[(U, OLD), (S, SAME)], Failed, Failed),
            (&[(U, SAME), (S, SAME)], Same, Go),
        ];
        for (lines, get, put) in rows {
            let verdict = |method| evaluate(&request(method, lines), Some(&current()));
            assert_eq!(verdict("GET"), *get, "GET {lines:?}");
            assert_eq!(verdict("HEAD"), *get, "HEAD {lines:?}");
            assert_eq!(verdict("PUT"), *put, "PUT {lines:?}");
        }
    }

    #[test]
    fn where_nothing_is_yet_only_creation_is_allowed() {
        let verdict = |lines: &[(&str, &str)]| evaluate(&request("PUT", lines), None);
        assert_eq!(verdict(&[("If-None-Match", "*")]), Verdict::Proceed);
        assert_eq!(verdict(&[("If-Match", "*")]), Verdict::PreconditionFailed);
        assert_eq!(
            verdict(&[("If-Match", "\"a\"")]),
            Verdict::PreconditionFailed
        );
        assert_eq!(verdict(&[("If-Unmodified-Since", OLD)]), Verdict::Proceed);
    }

    #[test]
    fn dates_that_http_cannot_write_are_none() {
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(
            Validators::new().with_last_modified(before),
            Validators::new()
        );
        let future = SystemTime::now() + Duration::from_secs(1 << 40);
        let clamped = Validators::new().with_last_modified(future).last_modified();
        assert!(clamped.unwrap() <= SystemTime::now());
        let mut response = Response::ok();
        current().add_to(&mut response);
        assert_eq!(response.header("last-modified"), Some(SAME.as_bytes()));
        assert_eq!(response.header("etag"), Some(&b"\"a\""[..]));
    }

    #[test]
    fn answers() {
        assert!(Verdict::Proceed.answer(&current()).is_none());
        let same = Verdict::NotModified.answer(&current()).unwrap();
        assert_eq!(
            (same.status().as_u16(), same.header("etag")),
            (304, Some(&b"\"a\""[..]))
        );
        let failed = Verdict::PreconditionFailed.answer(&current()).unwrap();
        assert_eq!(failed.status().as_u16(), 412);
    }
}
