//! Content-Length: one decimal number, once.

use super::{Case, Level, case, cases, ok, refused};

pub(super) fn cases() -> Vec<Case> {
    let mut rows = cases! {
        Must "9112 6.3" "five bytes": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" => ok(["POST / @a hello"]);
        Must "9112 6.3" "0": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" => ok(["POST / @a"]);
        Must "9110 8.6" "leading zeros": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 00005\r\n\r\nhello" => ok(["POST / @a hello"]);
        Must "9110 8.6" "more leading zeros than a number has digits": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 000000000000000000000000005\r\n\r\nhello" => ok(["POST / @a hello"]);
        Must "9110 8.6" "several zeros": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 000\r\n\r\n" => ok(["POST / @a"]);
        Must "9110 5.1" "its name in capitals": b"POST / HTTP/1.1\r\nHost: a\r\nCONTENT-LENGTH: 5\r\n\r\nhello" => ok(["POST / @a hello"]);
        Must "9112 5.1" "space around it": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \t 5 \t\r\n\r\nhello" => ok(["POST / @a hello"]);
        Must "9112 5.1" "no space before it": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:5\r\n\r\nhello" => ok(["POST / @a hello"]);
        Must "9112 6.3" "in 1.0": b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello" => ok(["POST / @- hello"]).closed();
        Must "9112 6.3" "the next request begins behind it": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloPOST /b HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\nx" => ok(["POST / @a hello", "POST /b @b x"]);
        Must "9112 6.3" "content that looks like a request": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 22\r\n\r\nGET /hidden HTTP/1.1\r\n" => ok(["POST / @a GET /hidden HTTP/1.1\\r\\n"]);
        Must "9112 6.3" "content beyond it is the next request": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhello\r\n" => ok(["POST / @a he"]).then_refused(400);
        Must "9112 6.3" "GET has a body too": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 35\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n.." => ok(["GET / @a GET /hidden HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n.."]);
        Must "9112 6.3" "HEAD has a body too": b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" => ok(["HEAD / @a hi"]);
        Must "9112 6.3" "an unread body is no request": b"POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 33\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["POST /ignore @a"]);
        Must "9110 8.6" "another field's length": b"POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\nX-Content-Length: 5\r\nContent-Lengt: 5\r\nContent-Length2: 5\r\n\r\n" => ok(["POST / @a"]);

        May "9112 6.3" "twice the same": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello" => refused(400);
        Must "9112 6.3" "twice, different": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ncontent-length: 6\r\n\r\nhello" => refused(400);
        Must "9112 6.3" "0 and another": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello" => refused(400);
        Must "9112 6.3" "another and 0": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nhello" => refused(400);
        Must "9112 6.3" "twice in 1.0": b"POST / HTTP/1.0\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nhello" => refused(400);
        Must "9112 6.3" "twice, far apart": b"POST / HTTP/1.1\r\nContent-Length: 5\r\nHost: a\r\nX: y\r\nContent-Length: 1\r\n\r\nhello" => refused(400);
        May "9112 6.3" "a list of the same": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,5\r\n\r\nhello" => refused(400);
        May "9112 6.3" "a list of the same, with a space": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello" => refused(400);
        Must "9112 5.1" "a space before the colon": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello" => refused(400);
        Must "9112 5.1" "a tab before the colon": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length\t: 5\r\n\r\nhello" => refused(400);
        Must "9110 5.1" "NUL before the colon": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length\0: 5\r\n\r\nhello" => refused(400);
        Must "9112 5.2" "folded": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n 5\r\n\r\nhello" => refused(400);
        Must "9112 5.2" "a digit in a folded line": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n 0\r\n\r\nhello" => refused(400);
        Must "9112 5.2" "a second one in a folded line": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n Content-Length: 0\r\n\r\nhello" => refused(400);
        Must "9112 2.2" "hidden behind CR": b"POST / HTTP/1.1\r\nHost: a\r\nX: y\rContent-Length: 5\r\n\r\nhello" => refused(400);
        May "9112 2.2" "hidden behind LF": b"POST / HTTP/1.1\r\nHost: a\r\nX: y\nContent-Length: 5\r\n\r\nhello" => refused(400);
        Must "9110 8.6" "the largest number": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\nh" => refused(413);
        Must "9110 8.6" "5 beyond 32 bits": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4294967301\r\n\r\nhello" => refused(413);
        Must "9110 8.6" "one more than 63 bits": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\nhello" => refused(413);
        Must "9112 6.3" "one byte too few": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell" => super::broken(400, "POST / @a !").cut();
        Must "9112 6.3" "no byte at all": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n" => super::broken(400, "POST / @a !").cut();
    };
    for (name, value) in INVALID {
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ";
        let input = [head, *value, b"\r\n\r\nhello"].concat();
        rows.push(case(Level::Must, "9112 6.3", *name, input, refused(400)));
    }
    rows
}

/// Values that are no number, whatever some language's parser makes of them.
const INVALID: &[(&str, &[u8])] = &[
    ("empty", b""),
    ("a plus sign", b"+5"),
    ("a minus sign", b"-5"),
    ("minus 0", b"-0"),
    ("plus 0", b"+0"),
    ("hexadecimal", b"0x5"),
    ("a hexadecimal digit", b"a"),
    ("octal", b"0o5"),
    ("binary", b"0b101"),
    ("an exponent", b"5e0"),
    ("1e1", b"1e1"),
    ("a fraction", b"5.0"),
    ("a fraction of nothing", b"5."),
    ("an underscore", b"1_0"),
    ("a thousands separator", b"1,000"),
    ("a space inside", b"5 5"),
    ("a tab inside", b"1\t0"),
    ("a list of different ones", b"5, 6"),
    ("a list that begins empty", b",5"),
    ("a list that ends empty", b"5,"),
    ("a semicolon", b"5;"),
    ("a parameter", b"5;a=b"),
    ("quotes", b"\"5\""),
    ("single quotes", b"'5'"),
    ("a suffix", b"5L"),
    ("a unit", b"5B"),
    ("words", b"five"),
    ("NaN", b"NaN"),
    ("infinity", b"Infinity"),
    ("a vertical tab before it", b"\x0b5"),
    ("a vertical tab behind it", b"5\x0b"),
    ("a form feed behind it", b"5\x0c"),
    ("NUL behind it", b"5\0"),
    ("a no-break space behind it", b"5\xa0"),
    ("a full-width digit", "\u{ff15}".as_bytes()),
    ("an Arabic digit", "\u{665}".as_bytes()),
    ("a superscript digit", b"\xb2"),
    ("2 to the 64th", b"18446744073709551616"),
    ("5 beyond 64 bits", b"18446744073709551621"),
    ("thirty digits", b"999999999999999999999999999999"),
];
