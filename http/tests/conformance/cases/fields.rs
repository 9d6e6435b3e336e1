//! Header lines: names, values, line ends, folding.

use super::{Case, Level, case, cases, ok, refused};

pub(super) fn cases() -> Vec<Case> {
    let mut rows = cases! {
        Must "9112 5" "empty values": b"GET / HTTP/1.1\r\nHost: a\r\nX:\r\nY: \r\nZ: \t \r\n\r\n" => ok(["GET / @a"]);
        Must "9112 5.1" "no space behind the colon": b"GET / HTTP/1.1\r\nHost:a\r\nX:a\r\n\r\n" => ok(["GET / @a"]);
        Must "9110 5.5" "bytes beyond ASCII in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: \xe4\xf6\xfc\x80\xff\r\n\r\n" => ok(["GET / @a"]);
        Must "9110 5.5" "a tab inside a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\tb\r\n\r\n" => ok(["GET / @a"]);
        Must "9110 5.5" "colons in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: a:b: c\r\n\r\n" => ok(["GET / @a"]);
        Must "9110 5.6.2" "a name of every token character": b"GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~09azAZ: token\r\n\r\n" => ok(["GET / @a"]);
        Must "9110 5.1" "unknown fields are passed over": b"GET / HTTP/1.1\r\nHost: a\r\nX-Unknown: \"a\r\n\r\n" => ok(["GET / @a"]);
        Must "9110 5.3" "a field three times": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\nX: b\r\nx: c\r\n\r\n" => ok(["GET / @a"]);
        Must "9112 5" "no colon": b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n" => refused(400);
        Must "9112 5" "no colon, at the end": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nZ z\r\n\r\n" => refused(400);
        Must "9112 5" "an empty name": b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n" => refused(400);
        Must "9112 5.1" "a space before the colon": b"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n" => refused(400);
        Must "9112 5.1" "a tab before the colon": b"GET / HTTP/1.1\r\nHost: a\r\nX\t: b\r\n\r\n" => refused(400);
        Must "9112 5.1" "a space inside the name": b"GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n" => refused(400);
        Must "9110 5.1" "a vertical tab before the colon": b"GET / HTTP/1.1\r\nHost: a\r\nX\x0b: b\r\n\r\n" => refused(400);
        Must "9110 5.1" "NUL in the name": b"GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n" => refused(400);
        Must "9110 5.1" "DEL in the name": b"GET / HTTP/1.1\r\nHost: a\r\nX\x7f: b\r\n\r\n" => refused(400);
        Must "9110 5.1" "bytes beyond ASCII in the name": b"GET / HTTP/1.1\r\nHost: a\r\n\xc3\xa4: b\r\n\r\n" => refused(400);
        Must "9110 5.1" "a no-break space before the colon": b"GET / HTTP/1.1\r\nHost: a\r\nX\xa0: b\r\n\r\n" => refused(400);

        Must "9112 2.2" "white space before the first line": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n" => refused(400);
        Must "9112 2.2" "white space before the first of two": b"GET / HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 2.2" "a line of white space first": b"GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 5.2" "folded with a tab": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n" => refused(400);
        Must "9112 5.2" "folded with spaces": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n   b\r\n\r\n" => refused(400);
        Must "9112 5.2" "folded into a line that looks like a field": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n Content-Length: 5\r\n\r\n" => refused(400);
        Must "9112 5.2" "folded into nothing": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n \r\n\r\n" => refused(400);
        Must "9112 5.2" "folded in 1.0": b"GET / HTTP/1.0\r\nX: a\r\n b\r\n\r\n" => refused(400);

        Must "9112 2.2" "CR in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n" => refused(400);
        Must "9112 2.2" "CR for a line's end": b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n" => refused(400);
        Must "9112 2.2" "CR CR LF": b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\r\n\r\n" => refused(400);
        Must "9112 2.2" "CR in a name": b"GET / HTTP/1.1\r\nHost: a\r\nX\r: b\r\n\r\n" => refused(400);
        Must "9112 2.2" "CR behind the last line": b"GET / HTTP/1.1\r\nHost: a\r\n\rX" => refused(400);
        Must "9112 2.2" "CR CR for the empty line": b"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n" => refused(400);
        May "9112 2.2" "LF in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n" => refused(400);
        May "9112 2.2" "LF behind an empty value": b"GET / HTTP/1.1\r\nHost: a\r\nX:\nY: b\r\n\r\n" => refused(400);
        May "9112 2.2" "LF behind a space": b"GET / HTTP/1.1\r\nHost: a\r\nX: a \nY: b\r\n\r\n" => refused(400);
        May "9112 2.2" "LF for the empty line": b"GET / HTTP/1.1\r\nHost: a\r\n\n" => refused(400);
        May "9112 2.2" "LF before the empty line": b"GET / HTTP/1.1\r\nHost: a\n\r\n" => refused(400);
        May "9112 2.2" "LF LF in the middle of a head": b"GET / HTTP/1.1\r\nHost: a\n\nX: b\r\n\r\n" => refused(400);
        Must "9112 2.2" "LF CR": b"GET / HTTP/1.1\r\nHost: a\n\rX: b\r\n\r\n" => refused(400);
    };
    for delimiter in *b"\"(),/;<=>?@[\\]{}" {
        let lines = [b"X", &[delimiter][..], b"Y: b"].concat();
        let name = format!("{} in the name", char::from(delimiter));
        rows.push(with_line(Level::Must, "9110 5.1", name, &lines));
    }
    let controls = (0..0x20).filter(|byte| !b"\t\r\n".contains(byte));
    for control in controls.chain([0x7f]) {
        // RFC 9110 5.5 names CR, LF and NUL; others may be kept or refused.
        let level = if control == 0 {
            Level::Must
        } else {
            Level::May
        };
        let lines = [b"X: a", &[control][..], b"b"].concat();
        let name = format!("control character {control:#04x} in a value");
        rows.push(with_line(level, "9110 5.5", name, &lines));
    }
    rows
}

/// A request that is refused for one line.
fn with_line(level: Level, section: &'static str, name: String, line: &[u8]) -> Case {
    let input = [b"GET / HTTP/1.1\r\nHost: a\r\n", line, b"\r\n\r\n"].concat();
    case(level, section, name, input, refused(400))
}
