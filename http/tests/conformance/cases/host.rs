//! Host: exactly one in version 1.1, and always a host.

use super::{Case, cases, ok, refused};

pub(super) fn cases() -> Vec<Case> {
    cases! {
        Must "9112 3.2" "no Host in 1.1": b"GET / HTTP/1.1\r\n\r\n" => refused(400);
        Must "9112 3.2" "no Host among other lines": b"GET / HTTP/1.1\r\nX-Host: a\r\nHosts: a\r\n\r\n" => refused(400);
        Must "9112 3.2" "Host in 1.0": b"GET / HTTP/1.0\r\nHost: a\r\n\r\n" => ok(["GET / @a"]).closed();
        Must "9112 3.2" "two of the same": b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2" "two different ones": b"GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n" => refused(400);
        Must "9112 3.2" "two, the first empty": b"GET / HTTP/1.1\r\nHost:\r\nHost: b\r\n\r\n" => refused(400);
        Must "9112 3.2" "two, the second empty": b"GET / HTTP/1.1\r\nHost: a\r\nHost:\r\n\r\n" => refused(400);
        Must "9112 3.2" "two far apart": b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\nHost: b\r\n\r\n" => refused(400);
        Must "9112 3.2" "two in 1.0": b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n" => refused(400);
        Must "9112 3.2" "two with an absolute target": b"GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n" => refused(400);
        Must "9110 7.2" "an empty one": b"GET / HTTP/1.1\r\nHost:\r\n\r\n" => ok(["GET / @"]);
        Must "9110 5.1" "its name in capitals": b"GET / HTTP/1.1\r\nHOST: a\r\n\r\n" => ok(["GET / @a"]);
        Must "9110 7.2" "not the first line": b"GET / HTTP/1.1\r\nA: b\r\nHost: a\r\n\r\n" => ok(["GET / @a"]);
        Must "9110 7.2" "with a port": b"GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n" => ok(["GET / @a.example:8080"]);
        Must "9110 7.2" "with an empty port": b"GET / HTTP/1.1\r\nHost: a:\r\n\r\n" => ok(["GET / @a:"]);
        Must "9110 7.2" "an IPv4 address": b"GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n" => ok(["GET / @127.0.0.1:80"]);
        Must "9110 7.2" "an IPv6 address": b"GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n" => ok(["GET / @[::1]"]);
        Must "9110 7.2" "an IPv6 address with a port": b"GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n" => ok(["GET / @[2001:db8::1]:80"]);
        Must "9110 7.2" "all that a name may have": b"GET / HTTP/1.1\r\nHost: a-._~!$&'()*+,;=%41\r\n\r\n" => ok(["GET / @a-._~!$&'()*+,;=%41"]);
        Must "9112 5.1" "space around it": b"GET / HTTP/1.1\r\nHost: \t a \t \r\n\r\n" => ok(["GET / @a"]);
        Must "9112 3.2" "a space inside": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n" => refused(400);
        Must "9112 3.2" "a tab inside": b"GET / HTTP/1.1\r\nHost: a\tb\r\n\r\n" => refused(400);
        Must "9112 3.2" "a list": b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n" => refused(400);
        Must "9112 3.2" "a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" => refused(400);
        Must "9112 3.2" "a query": b"GET / HTTP/1.1\r\nHost: a?b\r\n\r\n" => refused(400);
        Must "9112 3.2" "a fragment": b"GET / HTTP/1.1\r\nHost: a#b\r\n\r\n" => refused(400);
        Must "9112 3.2" "a backslash": b"GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n" => refused(400);
        Must "9112 3.2" "user information": b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n" => refused(400);
        Must "9112 3.2" "a URI": b"GET / HTTP/1.1\r\nHost: http://a\r\n\r\n" => refused(400);
        Must "9112 3.2" "a port of letters": b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n" => refused(400);
        Must "9112 3.2" "a port with a sign": b"GET / HTTP/1.1\r\nHost: a:+80\r\n\r\n" => refused(400);
        Must "9112 3.2" "two ports": b"GET / HTTP/1.1\r\nHost: a:80:81\r\n\r\n" => refused(400);
        Must "9112 3.2" "a port only": b"GET / HTTP/1.1\r\nHost: :80\r\n\r\n" => refused(400);
        Must "9112 3.2" "an IPv6 address without brackets": b"GET / HTTP/1.1\r\nHost: ::1\r\n\r\n" => refused(400);
        Must "9112 3.2" "an IPv6 address without its end": b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n" => refused(400);
        Must "9112 3.2" "empty brackets": b"GET / HTTP/1.1\r\nHost: []\r\n\r\n" => refused(400);
        Must "9112 3.2" "a name behind brackets": b"GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n" => refused(400);
        Must "9112 3.2" "a quote": b"GET / HTTP/1.1\r\nHost: \"a\"\r\n\r\n" => refused(400);
        Must "9112 3.2" "angle brackets": b"GET / HTTP/1.1\r\nHost: <a>\r\n\r\n" => refused(400);
        Must "9112 3.2" "a bar": b"GET / HTTP/1.1\r\nHost: a|b\r\n\r\n" => refused(400);
        Must "9112 3.2" "bytes beyond ASCII": b"GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n" => refused(400);
        Must "9112 3.2" "NUL behind it": b"GET / HTTP/1.1\r\nHost: a\0\r\n\r\n" => refused(400);
        Must "9112 5.1" "a space before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n" => refused(400);
        Must "9112 5.2" "folded": b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n" => refused(400);
        Must "9112 5.2" "folded before the value": b"GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n" => refused(400);
    }
}
