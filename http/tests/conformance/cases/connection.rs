//! Keeping and closing, pipelining, and ends that come too early.

use super::{Case, cases, ok, refused};

pub(super) fn cases() -> Vec<Case> {
    cases! {
        Must "9112 9.3" "1.1 is kept": b"GET /k HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /k @a"]).lacks("Connection:");
        Must "9112 9.6" "close": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" => ok(["GET / @a"]).closed().has("Connection: close\r\n");
        Must "9110 7.6.1" "options in any case": b"GET / HTTP/1.1\r\nHost: a\r\nCONNECTION: CLOSE\r\n\r\n" => ok(["GET / @a"]).closed();
        Must "9112 9.6" "nothing is read behind close": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET / @a"]).closed();
        Must "9112 9.6" "close with a body": b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello" => ok(["POST / @a hello"]).closed();
        Must "9112 9.3" "close beside keep-alive": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n" => ok(["GET / @a"]).closed();
        Must "9112 9.3" "close before keep-alive": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, keep-alive\r\n\r\n" => ok(["GET / @a"]).closed();
        Must "9112 9.3" "close on another line": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n" => ok(["GET / @a"]).closed();
        Must "9110 5.6.1" "close among empty elements": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: ,\t,close , \r\n\r\n" => ok(["GET / @a"]).closed();
        Must "9110 7.6.1" "an unknown option": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x-y\r\n\r\n" => ok(["GET / @a"]);
        Must "9110 7.6.1" "an option that begins like close": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n" => ok(["GET / @a"]);
        Must "9110 7.6.1" "an option that ends like close": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x-close\r\n\r\n" => ok(["GET / @a"]);
        Must "9110 7.6.1" "an empty value": b"GET / HTTP/1.1\r\nHost: a\r\nConnection:\r\n\r\n" => ok(["GET / @a"]);
        Must "9112 9.3" "keep-alive in 1.1": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" => ok(["GET / @a"]);
        Must "9110 7.6.1" "naming Host removes nothing here": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n" => ok(["GET / @a"]);
        Must "9110 7.6.1" "naming Content-Length unframes nothing": b"POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\nContent-Length: 5\r\n\r\nhello" => ok(["POST / @a hello"]);
        Must "9110 7.6.1" "naming Transfer-Encoding unframes nothing": b"POST / HTTP/1.1\r\nHost: a\r\nConnection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" => ok(["POST / @a hello"]);

        Must "9112 9.3" "1.0 is closed": b"GET / HTTP/1.0\r\n\r\n" => ok(["GET / @-"]).closed().has("Connection: close\r\n");
        May "9112 9.3" "1.0 with keep-alive": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" => ok(["GET / @-"]).has("Connection: keep-alive\r\n");
        May "9112 9.3" "1.0 with Keep-Alive": b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nKeep-Alive: timeout=5\r\n\r\n" => ok(["GET / @-"]).has("Connection: keep-alive\r\n");
        Must "9112 9.3" "1.0 with keep-alive and close": b"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n" => ok(["GET / @-"]).closed();
        Must "9112 C.2.2" "Proxy-Connection keeps nothing": b"GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n" => ok(["GET / @-"]).closed();
        Must "9112 C.2.2" "Keep-Alive alone keeps nothing": b"GET / HTTP/1.0\r\nKeep-Alive: timeout=5\r\n\r\n" => ok(["GET / @-"]).closed();
        Must "9112 9.3" "1.0 is not pipelined": b"GET / HTTP/1.0\r\n\r\nGET /hidden HTTP/1.0\r\n\r\n" => ok(["GET / @-"]).closed();
        May "9112 9.3" "1.0 kept, then 1.0": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n" => ok(["GET / @-", "GET /b @-"]).closed();
        Must "9112 9.3" "1.1, then 1.0": b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.0\r\n\r\n" => ok(["GET / @a", "GET /b @-"]).closed();
        May "9112 9.3" "1.0 with a body, kept": b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello" => ok(["POST / @- hello"]);

        Must "9112 9.3.2" "three at once": b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\nGET /3 HTTP/1.1\r\nHost: c\r\n\r\n" => ok(["GET /1 @a", "GET /2 @b", "GET /3 @c"]);
        Must "9112 9.3.2" "bodies of both kinds between them": b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPOST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["POST /1 @a abc", "POST /2 @a de", "GET /3 @a"]);
        Must "9112 9.3.2" "the answer to HEAD between two": b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /1 @a", "HEAD /2 @a", "GET /3 @a"]);
        Must "9112 9.3.2" "an answer in chunks between two": b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /chunks HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /1 @a", "GET /chunks @a", "GET /3 @a"]);
        Should "9112 2.2" "an empty line between two": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["POST / @a hi", "GET /2 @a"]);
        Must "9112 9.3.2" "a sound one, then a broken one": b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET / @a"]).then_refused(400);
        Must "9112 9.3.2" "two sound ones, then a broken one": b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/7.1\r\nHost: a\r\n\r\n" => ok(["GET /1 @a", "GET /2 @a"]).then_refused(505);

        May "9110 7.8" "Upgrade is the handler's to take": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" => ok(["GET / @a"]);
        May "9110 7.8" "Upgrade to h2c": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n" => ok(["GET / @a"]);
        Must "9110 7.8" "Upgrade in 1.0": b"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" => ok(["GET / @-"]).closed();
        Must "9110 7.8" "what follows a refused Upgrade is a request": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET / @a", "GET /b @a"]);
        Must "9110 7.8" "Upgrade with a body": b"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 5\r\n\r\nhello" => ok(["POST / @a hello"]);

        Must "9112 9.5" "it ends behind a request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET / @a"]).cut();
        Must "9112 9.5" "it ends behind two": b"GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" => ok(["GET / @a", "POST /b @a hi"]).cut();
        Must "9112 9.5" "it ends behind an empty line": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n" => ok(["GET / @a"]).cut();
        May "9112 8" "it ends inside the method": b"GE" => refused(400).cut();
        May "9112 8" "it ends inside the target": b"GET /a" => refused(400).cut();
        May "9112 8" "it ends inside the version": b"GET / HT" => refused(400).cut();
        May "9112 8" "it ends behind the request line": b"GET / HTTP/1.1\r\n" => refused(400).cut();
        May "9112 8" "it ends inside a name": b"GET / HTTP/1.1\r\nHo" => refused(400).cut();
        May "9112 8" "it ends inside a value": b"GET / HTTP/1.1\r\nHost: a" => refused(400).cut();
        May "9112 8" "it ends inside a line end": b"GET / HTTP/1.1\r\nHost: a\r" => refused(400).cut();
        May "9112 8" "it ends before the empty line": b"GET / HTTP/1.1\r\nHost: a\r\n" => refused(400).cut();
        May "9112 8" "it ends inside the empty line": b"GET / HTTP/1.1\r\nHost: a\r\n\r" => refused(400).cut();
        May "9112 8" "it ends inside the second": b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b" => ok(["GET / @a"]).then_refused(400).cut();
    }
}
