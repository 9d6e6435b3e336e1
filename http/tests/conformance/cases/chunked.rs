//! The chunked coding: sizes, extensions, line ends, trailers.

use super::{Case, Level, broken, case, cases, ok};

pub(super) fn cases() -> Vec<Case> {
    let mut rows = Vec::new();
    for &(level, section, name, body, content) in SOUND {
        rows.push(case(level, section, name, post(body), ok([content])));
    }
    for &(level, section, name, body) in BROKEN {
        let wants = broken(400, "POST / @a !");
        rows.push(case(level, section, name, post(body), wants));
    }
    for &(name, body) in CUT {
        let wants = broken(400, "POST / @a !").cut();
        rows.push(case(Level::Must, "9112 8", name, post(body), wants));
    }
    rows.extend(cases! {
        Must "9112 7.1" "the next request begins behind it": post(b"5\r\nhello\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n") => ok(["POST / @a hello", "GET /b @b"]);
        Must "9112 7.1" "the next request begins behind the trailer": post(b"0\r\nA: b\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n") => ok(["POST / @a", "GET /b @b"]);
        Must "9112 7.1" "what follows the end is a request": post(b"0\r\n\r\nX\r\n") => ok(["POST / @a"]).then_refused(400);
        Must "9112 7.1" "content that looks like the end": post(b"7\r\n0\r\n\r\nGE\r\n0\r\n\r\n") => ok(["POST / @a 0\\r\\n\\r\\nGE"]);
        Must "9112 7.1" "an unread body is no request": post_to("/ignore", b"21\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\n\r\n") => ok(["POST /ignore @a"]);
        Must "9112 7.1" "an unread body that is broken": post_to("/ignore", b"x\r\n") => ok(["POST /ignore @a"]).closed_silently();
        Should "9110 15.5.14" "chunks beyond the limit": post([b"1f4\r\n", &[b'x'; 500][..], b"\r\n"].concat().repeat(3)) => broken(413, "POST / @a !");
        Must "9112 7.1" "a size of 5 beyond 32 bits": post([b"100000005\r\n", &[b'x'; 1100][..]].concat()) => broken(413, "POST / @a !");
        Must "9112 7.1" "the largest size": post([b"ffffffffffffffff\r\n", &[b'x'; 1100][..]].concat()) => broken(413, "POST / @a !");
        Must "9112 7.1" "the limit itself": post([b"3e8\r\n", &[b'x'; 1000][..], b"\r\n0\r\n\r\n"].concat()) => ok([thousand()]);
        May "9112 7.1.1" "extensions without end": post(format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(5000))) => broken(400, "POST / @a !");
        May "9112 7.1.2" "a trailer without end": post(format!("0\r\nA: {}\r\n\r\n", "x".repeat(9000))) => broken(431, "POST / @a !");
        May "9112 7.1.2" "a trailer of a hundred lines": post(format!("0\r\n{}\r\n", "A: b\r\n".repeat(100))) => broken(431, "POST / @a !");
    });
    rows
}

fn post(body: impl AsRef<[u8]>) -> Vec<u8> {
    post_to("/", body)
}

fn post_to(path: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    [head.as_bytes(), body.as_ref()].concat()
}

/// What the handler sees of a body of a thousand letters.
fn thousand() -> &'static str {
    const SEEN: [u8; 1010] = {
        let mut seen = [b'x'; 1010];
        let prefix = b"POST / @a ";
        let mut at = 0;
        while at < prefix.len() {
            seen[at] = prefix[at];
            at += 1;
        }
        seen
    };
    std::str::from_utf8(&SEEN).expect("letters")
}

use Level::{May, Must, Should, Stricter};

/// Level, section, name, body, what is seen.
#[rustfmt::skip]
const SOUND: &[(Level, &str, &str, &[u8], &str)] = &[
    (Must, "9112 7.1", "nothing", b"0\r\n\r\n", "POST / @a"),
    (Must, "9112 7.1", "three chunks", b"1\r\nh\r\n3\r\nell\r\n1\r\no\r\n0\r\n\r\n", "POST / @a hello"),
    (Must, "9112 7.1", "a hexadecimal digit", b"a\r\n0123456789\r\n0\r\n\r\n", "POST / @a 0123456789"),
    (Must, "9112 7.1", "a hexadecimal digit in capitals", b"A\r\n0123456789\r\n0\r\n\r\n", "POST / @a 0123456789"),
    (Must, "9112 7.1", "leading zeros", b"0005\r\nhello\r\n0\r\n\r\n", "POST / @a hello"),
    (Must, "9112 7.1", "sixteen digits", b"0000000000000005\r\nhello\r\n0\r\n\r\n", "POST / @a hello"),
    (Must, "9112 7.1", "several zeros at the end", b"5\r\nhello\r\n0000\r\n\r\n", "POST / @a hello"),
    (Must, "9112 7.1", "content with line ends", b"4\r\n\r\n\r\n\r\n0\r\n\r\n", "POST / @a \\r\\n\\r\\n"),
    (Must, "9112 7.1.1", "an extension", b"5;a=b\r\nhello\r\n0\r\n\r\n", "POST / @a hello"),
    (Must, "9112 7.1.1", "an extension without a value", b"5;a\r\nhello\r\n0\r\n\r\n", "POST / @a hello"),
    (Must, "9112 7.1.1", "several extensions", b"5;a;b=c;d=\"e\"\r\nhello\r\n0\r\n\r\n", "POST / @a hello"),
    (Must, "9112 7.1.1", "a quoted semicolon", b"5;a=\"b;c\\\"d\"\r\nhello\r\n0\r\n\r\n", "POST / @a hello"),
    (Must, "9112 7.1.1", "space around the semicolon", b"5 \t; a = b\r\nhello\r\n0\r\n\r\n", "POST / @a hello"),
    (Must, "9112 7.1.1", "an extension of the last chunk", b"5\r\nhello\r\n0;a=b\r\n\r\n", "POST / @a hello"),
    (Must, "9112 7.1.1", "bytes beyond ASCII in a quoted extension", b"5;a=\"\xff\"\r\nhello\r\n0\r\n\r\n", "POST / @a hello"),
    (Must, "9112 7.1.2", "a trailer", b"5\r\nhello\r\n0\r\nA: b\r\n\r\n", "POST / @a hello"),
    (Must, "9112 7.1.2", "a trailer of several lines", b"0\r\nA: b\r\nC:\r\nD: \te \r\nA: f\r\n\r\n", "POST / @a"),
    (Must, "9110 6.5.1", "Content-Length in a trailer frames nothing", b"5\r\nhello\r\n0\r\nContent-Length: 50\r\n\r\n", "POST / @a hello"),
    (Must, "9110 6.5.1", "Transfer-Encoding in a trailer frames nothing", b"5\r\nhello\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n", "POST / @a hello"),
    (Must, "9110 6.5.1", "Host in a trailer routes nothing", b"5\r\nhello\r\n0\r\nHost: b\r\n\r\n", "POST / @a hello"),
    (Must, "9110 6.5.1", "Connection in a trailer closes nothing", b"5\r\nhello\r\n0\r\nConnection: close\r\n\r\n", "POST / @a hello"),
];

/// Level, section, name, body.
#[rustfmt::skip]
const BROKEN: &[(Level, &str, &str, &[u8])] = &[
    (Must, "9112 7.1", "no size", b"\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "an extension without a size", b";a\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "a plus sign", b"+5\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "a minus sign", b"-5\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "minus 0", b"5\r\nhello\r\n-0\r\n\r\n"),
    (Must, "9112 7.1", "a prefix of 0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "a suffix of h", b"5h\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "a fraction", b"5.0\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "an underscore", b"0_5\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "a comma", b"5,5\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "quotes", b"\"5\"\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "a letter beyond f", b"g\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "a full-width digit", b"\xef\xbc\x95\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "a space before the size", b" 5\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "a tab before the size", b"\t5\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "a space behind the size", b"5 \r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "a tab behind the size", b"5\t\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "a space behind the last size", b"5\r\nhello\r\n0 \r\n\r\n"),
    (Must, "9112 7.1", "two sizes", b"5 5\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "a vertical tab behind the size", b"5\x0b\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "a form feed behind the size", b"5\x0c\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "NUL behind the size", b"5\0\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "a no-break space behind the size", b"5\xa0\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "2 to the 64th", b"10000000000000000\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "5 beyond 64 bits", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "twenty digits", b"ffffffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    (Stricter, "9112 7.1", "seventeen digits, sixteen of them 0", b"00000000000000005\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "LF behind the size", b"5\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "LF everywhere", b"5\nhello\n0\n\n"),
    (Must, "9112 7.1", "CR behind the size", b"5\rhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "CR CR LF behind the size", b"5\r\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "LF behind the last size", b"5\r\nhello\r\n0\n\r\n"),
    (Must, "9112 7.1", "CR behind the last size", b"5\r\nhello\r\n0\r\r\n"),
    (Must, "9112 7.1", "one byte too many", b"5\r\nhello!\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "bytes too few", b"5\r\nhel\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "no line end behind the content", b"5\r\nhello0\r\n\r\n"),
    (Must, "9112 7.1", "LF behind the content", b"5\r\nhello\n0\r\n\r\n"),
    (Must, "9112 7.1", "CR behind the content", b"5\r\nhello\r0\r\n\r\n"),
    (Must, "9112 7.1", "CR CR LF behind the content", b"5\r\nhello\r\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "an empty line behind the content", b"5\r\nhello\r\n\r\n0\r\n\r\n"),
    (Must, "9112 7.1", "a space behind the content", b"5\r\nhello \r\n0\r\n\r\n"),
    (Must, "9112 7.1.1", "LF in an extension", b"5;a\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1.1", "LF in an extension before CRLF", b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1.1", "CR in an extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1.1", "NUL in an extension", b"5;a\0\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1.1", "CRLF in a quoted extension", b"5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1.1", "an extension without a semicolon", b"5 a=b\r\nhello\r\n0\r\n\r\n"),
    (Must, "9112 7.1.1", "LF in an extension of the last chunk", b"0;a\n\r\n\r\n"),
    (Must, "9112 7.1", "LF for the empty line", b"0\r\n\n"),
    (Must, "9112 7.1", "CR and a byte for the empty line", b"0\r\n\rX"),
    (Must, "9112 7.1", "CR CR LF for the empty line", b"0\r\n\r\r\n"),
    (Must, "9112 7.1.2", "a trailer line without a colon", b"0\r\nA\r\n\r\n"),
    (Must, "9112 7.1.2", "a trailer line without a name", b"0\r\n: b\r\n\r\n"),
    (Must, "9112 5.1", "a space before a trailer's colon", b"0\r\nA : b\r\n\r\n"),
    (Must, "9112 7.1.2", "a space in a trailer's name", b"0\r\nA b: c\r\n\r\n"),
    (Must, "9112 5.2", "a folded trailer", b"0\r\nA: b\r\n c\r\n\r\n"),
    (Must, "9112 5.2", "a trailer that begins with a space", b"0\r\n A: b\r\n\r\n"),
    (Must, "9112 2.2", "LF in a trailer", b"0\r\nA: b\nC: d\r\n\r\n"),
    (Must, "9112 2.2", "CR in a trailer", b"0\r\nA: b\rC: d\r\n\r\n"),
    (Must, "9110 5.5", "NUL in a trailer", b"0\r\nA: \0\r\n\r\n"),
    (Must, "9112 7.1.2", "a request for a trailer", b"0\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"),
    (Should, "9112 7.1", "a request for a chunk", b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"),
    (May, "9112 7.1.1", "a control character in an extension", b"5;a\x01\r\nhello\r\n0\r\n\r\n"),
];

/// Name, body that ends too early.
#[rustfmt::skip]
const CUT: &[(&str, &[u8])] = &[
    ("it ends before the first chunk", b""),
    ("it ends inside a size", b"5"),
    ("it ends behind a size", b"5\r\n"),
    ("it ends inside the content", b"5\r\nhel"),
    ("it ends behind the content", b"5\r\nhello"),
    ("it ends behind a chunk", b"5\r\nhello\r\n"),
    ("it ends inside the last chunk", b"5\r\nhello\r\n0\r"),
    ("it ends behind the last chunk", b"5\r\nhello\r\n0\r\n"),
    ("it ends inside the trailer", b"5\r\nhello\r\n0\r\nA: b"),
    ("it ends behind the trailer", b"5\r\nhello\r\n0\r\nA: b\r\n"),
    ("it ends inside the empty line", b"5\r\nhello\r\n0\r\n\r"),
];
