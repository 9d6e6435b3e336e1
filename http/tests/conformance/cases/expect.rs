//! Expect: 100 for who waits, and nothing else.

use super::{Case, cases, ok, refused};

pub(super) fn cases() -> Vec<Case> {
    cases! {
        Must "9110 10.1.1" "100 for who waits": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello" => ok(["POST / @a hello"]).permitted();
        Must "9110 10.1.1" "100 before chunks": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5\r\nhello\r\n0\r\n\r\n" => ok(["POST / @a hello"]).permitted();
        Must "9110 10.1.1" "in any case": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nEXPECT: 100-Continue\r\n\r\nhello" => ok(["POST / @a hello"]).permitted();
        Must "9110 10.1.1" "it is passed over in 1.0": b"POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello" => ok(["POST / @- hello"]).closed();
        Must "9110 10.1.1" "nothing is promised without": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nhell" => ok(["POST / @a hell"]);
        Must "9110 10.1.1" "with close": b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello" => ok(["POST / @a hello"]).closed().permitted();
        May "9110 10.1.1" "without a body": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n" => ok(["POST / @a"]);
        Should "9110 10.1.1" "a body beyond the limit is not asked for": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n" => refused(413);
        May "9110 10.1.1" "another expectation": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 200-ok\r\n\r\nhello" => refused(417);
        May "9110 10.1.1" "another beside it": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue, x\r\n\r\nhello" => refused(417);
        May "9110 10.1.1" "another on its own line": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\nExpect: x\r\n\r\nhello" => refused(417);
        May "9110 10.1.1" "a misspelling": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100 continue\r\n\r\nhello" => refused(417);
        May "9110 10.1.1" "an empty value": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect:\r\n\r\nhello" => refused(417);
    }
}
