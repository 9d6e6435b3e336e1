//! The request line: its three parts, methods, versions, and empty lines before it.

use super::{Case, Level, case, cases, ok, refused};

pub(super) fn cases() -> Vec<Case> {
    let mut rows = cases! {
        Must "9112 3" "method, target, version": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET / @a"]);
        Must "9112 3" "a space before the method": b" GET / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3" "a tab before the method": b"\tGET / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        May "9112 3" "two spaces before the target": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        May "9112 3" "two spaces before the version": b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        May "9112 3" "a tab before the target": b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        May "9112 3" "a tab before the version": b"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        May "9112 3" "a vertical tab before the target": b"GET\x0b/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        May "9112 3" "a form feed before the version": b"GET /\x0cHTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        May "9112 3" "a space behind the version": b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n" => refused(400);
        May "9112 3" "a tab behind the version": b"GET / HTTP/1.1\t\r\nHost: a\r\n\r\n" => refused(400);
        May "9112 3" "a word behind the version": b"GET / HTTP/1.1 x\r\nHost: a\r\n\r\n" => refused(400);
        Should "9112 3" "space inside the target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Should "9112 3" "a request hidden in the target": b"GET / HTTP/1.1 /x HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3" "no version": b"GET /\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3" "no version, one space": b"GET / \r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3" "no target": b"GET HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3" "an empty target": b"GET  HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3" "a method only": b"GET\r\n\r\n" => refused(400);
        Must "9112 3" "no method": b"/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3" "a header line first": b"Host: a\r\nGET / HTTP/1.1\r\n\r\n" => refused(400);
        Must "9112 3" "a response": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" => refused(400);
        Must "9112 3" "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" => refused(400);
        Must "9112 3" "an SSH banner": b"SSH-2.0-OpenSSH_9.2\r\n" => refused(400);
        Must "9112 3" "a PROXY line": b"PROXY TCP4 1.2.3.4 1.2.3.4 5 6\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);

        Must "9110 9.1" "methods are told apart by case": b"get / HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["get / @a"]);
        Must "9110 9.1" "the handler judges an unknown method": b"PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["PROPFIND / @a"]);
        Must "9110 9.1" "a method with a hyphen": b"M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["M-SEARCH / @a"]);
        Must "9110 5.6.2" "a method of every token character": b"!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["!#$%&'*+-.^_`|~09azAZ / @a"]);
        Should "9112 3" "a method longer than any known": b"AVERYLONGMETHODTHATNOBODYHASEVERHEARDOF / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(501);
        Must "9110 9.1" "a method with NUL": b"G\0T / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9110 9.1" "a method beyond ASCII": b"G\xc3\x8bT / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9110 9.3.1" "DELETE with a body": b"DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" => ok(["DELETE / @a hello"]);
        Must "9110 9.3.1" "GET with a body": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" => ok(["GET / @a hello"]);
        Must "9110 9.3.3" "POST without a body": b"POST / HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["POST / @a"]);

        Should "9110 2.5" "minor version 2 is taken for 1": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n" => ok(["GET / @a"]);
        Should "9110 2.5" "minor version 9 is taken for 1": b"POST / HTTP/1.9\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" => ok(["POST / @a hello"]);
        Must "9112 3.2" "minor version 2 needs Host as well": b"GET / HTTP/1.2\r\n\r\n" => refused(400);
        Must "9112 6.1" "minor version 2 with both framing fields": b"POST / HTTP/1.3\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Should "9110 15.6.6" "version 2.0": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n" => refused(505);
        Should "9110 15.6.6" "version 3.0": b"GET / HTTP/3.0\r\nHost: a\r\n\r\n" => refused(505);
        Should "9110 15.6.6" "version 0.9": b"GET / HTTP/0.9\r\nHost: a\r\n\r\n" => refused(505);
        Should "9110 15.6.6" "the HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" => refused(505);
        Must "9112 2.3" "the protocol's name in small letters": b"GET / http/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.3" "the protocol's name mixed": b"GET / HTtP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.3" "another protocol": b"GET / HTTPS/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.3" "another protocol of four letters": b"GET / ICAP/1.0\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.3" "two digits of minor version": b"GET / HTTP/1.10\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.3" "two digits of major version": b"GET / HTTP/01.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.3" "no dot": b"GET / HTTP/11\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.3" "no minor version": b"GET / HTTP/1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.3" "no minor digit": b"GET / HTTP/1.\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.3" "a comma for the dot": b"GET / HTTP/1,1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.3" "a sign": b"GET / HTTP/+1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.3" "a space inside": b"GET / HTTP/ 1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.3" "no slash": b"GET / HTTP 1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.3" "a letter for a digit": b"GET / HTTP/1.x\r\nHost: a\r\n\r\n" => refused(400);

        Should "9112 2.2" "an empty line before it": b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET / @a"]);
        May "9112 2.2" "four empty lines before it": b"\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET / @a"]);
        May "9112 2.2" "an empty line of LF before it": b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        May "9112 2.2" "an empty line of CRLF and one of LF": b"\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.2" "CR before it": b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.2" "CR CR LF at its end": b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.2" "CR in the method": b"GE\rT / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.2" "CR in the target": b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.2" "CR for the line's end": b"GET / HTTP/1.1\rHost: a\r\n\r\n" => refused(400);
        May "9112 2.2" "LF for the line's end": b"GET / HTTP/1.1\nHost: a\r\n\r\n" => refused(400);
        May "9112 2.2" "LF for all line ends": b"GET / HTTP/1.1\nHost: a\n\n" => refused(400);
        Must "9112 2.2" "LF in the target": b"GET /\n HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.2" "a space before an empty line": b" \r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    };
    for delimiter in *b"\"(),/:;<=>?@[\\]{}" {
        let input = [b"G", &[delimiter][..], b"T / HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        let name = format!("{} in the method", char::from(delimiter));
        rows.push(case(Level::Must, "9110 9.1", name, input, refused(400)));
    }
    rows
}
