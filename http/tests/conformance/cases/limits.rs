//! Sizes beyond the limits: 414, 431, 413, 501.

use super::{Case, cases, ok, refused};

pub(super) fn cases() -> Vec<Case> {
    cases! {
        Should "9112 3" "a target of 8,000 bytes": format!("GET /?{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(7998)) => ok([long_target()]);
        Must "9110 15.5.15" "a target beyond the limit": format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(8192)) => refused(414);
        Must "9110 15.5.15" "a query beyond the limit": format!("GET /?{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(9000)) => refused(414);
        Must "9110 15.5.15" "an absolute target beyond the limit": format!("GET http://{}/ HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(9000)) => refused(414);
        Must "9110 15.5.15" "a target without end": format!("GET /{}", "x".repeat(20_000)) => refused(414);
        Should "9112 3" "a method without end": "M".repeat(20_000) => refused(501);
        Must "9110 5.4" "a value of 30,000 bytes": format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(30_000)) => ok(["GET / @a"]);
        Must "9110 5.4" "a value beyond the limit": format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(65_536)) => refused(431);
        Must "9110 5.4" "a name beyond the limit": format!("GET / HTTP/1.1\r\nHost: a\r\n{}: y\r\n\r\n", "x".repeat(65_536)) => refused(431);
        Must "9110 5.4" "a line without end": format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(70_000)) => refused(431);
        Must "9110 5.4" "lines beyond the limit of bytes": format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", format!("X: {}\r\n", "x".repeat(2000)).repeat(33)) => refused(431);
        Must "9110 5.4" "100 lines": format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(99)) => ok(["GET / @a"]);
        Must "9110 5.4" "101 lines": format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(100)) => refused(431);
        Should "9110 15.5.14" "a body of 1,001 bytes": format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n{}", "x".repeat(1001)) => refused(413);
        Should "9110 15.5.14" "a body that is told to be large": b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" => refused(413);
    }
}

/// What the handler sees of a target of 8,000 bytes.
fn long_target() -> &'static str {
    const SEEN: [u8; 8007] = {
        let mut seen = [b'x'; 8007];
        let (start, end) = (b"GET /?", b" @a");
        let mut at = 0;
        while at < start.len() {
            seen[at] = start[at];
            at += 1;
        }
        at = 0;
        while at < end.len() {
            seen[8004 + at] = end[at];
            at += 1;
        }
        seen
    };
    std::str::from_utf8(&SEEN).expect("letters")
}
