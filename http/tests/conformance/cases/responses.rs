//! What a response looks like: which have a body, and how it is framed.

use super::{Case, cases, ok};

pub(super) fn cases() -> Vec<Case> {
    cases! {
        Must "9112 4" "a status line of version 1.1": b"GET /r HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /r @a"]).has("HTTP/1.1 200 OK\r\n");
        Should "9110 2.5" "version 1.1 for a client of 1.0": b"GET /r HTTP/1.0\r\n\r\n" => ok(["GET /r @-"]).closed().has("HTTP/1.1 200 OK\r\n");
        Must "9112 6.3" "a known length": b"GET /r/ HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /r/ @a"]).has("Content-Length: 4\r\n").lacks("Transfer-Encoding");
        Must "9112 7.1" "an unknown length in chunks": b"GET /chunks HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /chunks @a"]).has("Transfer-Encoding: chunked\r\n").lacks("Content-Length");
        Must "9112 6.1" "no chunks for a client of 1.0": b"GET /chunks HTTP/1.0\r\n\r\n" => ok(["GET /chunks @-"]).closed().lacks("Transfer-Encoding").lacks("Content-Length");
        Must "9112 9.3" "a client of 1.0 cannot be kept without a length": b"GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" => ok(["GET /chunks @-"]).closed().lacks("Transfer-Encoding");
        Must "9110 9.3.2" "HEAD has no body": b"HEAD /r HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["HEAD /r @a"]).has("Content-Length: 4\r\n");
        Must "9110 9.3.2" "HEAD in 1.0": b"HEAD /r HTTP/1.0\r\n\r\n" => ok(["HEAD /r @-"]).closed().has("Content-Length: 4\r\n");
        Must "9110 9.3.2" "HEAD in 1.0, kept": b"HEAD /r HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" => ok(["HEAD /r @-"]).has("Connection: keep-alive\r\n");
        Must "9110 9.3.2" "HEAD of an unknown length": b"HEAD /chunks HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["HEAD /chunks @a"]).lacks("Content-Length");
        Must "9110 15.3.5" "204 has no body and no length": b"GET /status/204 HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /status/204 @a"]).statuses([204]).lacks("Content-Length").lacks("Transfer-Encoding");
        Must "9110 15.3.5" "204 to POST": b"POST /status/204 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" => ok(["POST /status/204 @a x"]).statuses([204]).lacks("Content-Length");
        Must "9110 15.3.5" "204 in 1.0, kept": b"GET /status/204 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" => ok(["GET /status/204 @-"]).statuses([204]).lacks("Content-Length");
        Must "9110 15.3.6" "205 has no body": b"GET /status/205 HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /status/205 @a"]).statuses([205]).has("Content-Length: 0\r\n");
        Must "9110 15.4.5" "304 has no body": b"GET /status/304 HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /status/304 @a"]).statuses([304]).lacks("Transfer-Encoding");
        Must "9110 15.4.5" "304 to HEAD": b"HEAD /status/304 HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["HEAD /status/304 @a"]).statuses([304]).lacks("Transfer-Encoding");
        Must "9110 15.4.5" "304 with close": b"GET /status/304 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" => ok(["GET /status/304 @a"]).statuses([304]).closed();
        Must "9110 15" "an error of the handler keeps the connection": b"GET /status/404 HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /status/404 @a"]).statuses([404]).has("Content-Length: 4\r\n");
        Must "9110 15" "a status without a name": b"GET /status/299 HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /status/299 @a"]).statuses([299]).has("HTTP/1.1 299 ");
        Must "9110 15.2" "an interim status is no answer": b"GET /status/100 HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /status/100 @a"]).statuses([500]);
        Must "9110 15.2.2" "101 without an upgrade is no answer": b"GET /status/101 HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /status/101 @a"]).statuses([500]);
        Must "9110 15.5.6" "405 from a handler": b"PUT /status/405 HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["PUT /status/405 @a"]).statuses([405]);
    }
}
