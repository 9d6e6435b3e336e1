//! Transfer-Encoding: chunked and nothing else, never beside Content-Length, never in 1.0.

use super::{Case, Level, case, cases, ok, refused};

pub(super) fn cases() -> Vec<Case> {
    let mut rows = cases! {
        Must "9112 6.1" "chunked": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" => ok(["POST / @a hello"]);
        Must "9112 7" "coding names in any case": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: cHuNkEd\r\n\r\n5\r\nhello\r\n0\r\n\r\n" => ok(["POST / @a hello"]);
        Must "9110 5.1" "its name in any case": b"POST / HTTP/1.1\r\nHost: a\r\ntRANSFER-eNCODING: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" => ok(["POST / @a hello"]);
        Must "9112 5.1" "no space before the value": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" => ok(["POST / @a hello"]);
        Must "9112 5.1" "a tab before the value": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" => ok(["POST / @a hello"]);
        Must "9112 5.1" "space around the value": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \t chunked \t \r\n\r\n5\r\nhello\r\n0\r\n\r\n" => ok(["POST / @a hello"]);
        Must "9112 6.1" "GET in chunks": b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" => ok(["GET / @a hello"]);
        Must "9110 10.1.4" "TE frames nothing": b"POST / HTTP/1.1\r\nHost: a\r\nTE: chunked\r\nContent-Length: 5\r\n\r\nhello" => ok(["POST / @a hello"]);
        Must "9110 8.4" "Content-Encoding frames nothing": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello" => ok(["POST / @a hello"]);
        Must "9110 5.1" "another field's coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nTransferEncoding: chunked\r\nX-Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" => ok(["POST / @a 0\\r\\n\\r\\n"]);

        May "9112 6.1" "Content-Length before it": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        May "9112 6.1" "Content-Length behind it": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" => refused(400);
        May "9112 6.1" "Content-Length 0 before it": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        May "9112 6.1" "Content-Length 0 behind it": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n" => refused(400);
        May "9112 6.1" "both, in other letters": b"POST / HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: 5\r\ntransfer-ENCODING: CHUNKED\r\n\r\n0\r\n\r\n" => refused(400);
        May "9112 6.1" "both, with a hidden request": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n5c\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 6.3" "Content-Length with an unknown coding": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\nhello" => refused(400);
        Must "9112 6.3" "an invalid Content-Length beside it": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 6.1" "in 1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 6.1" "in 1.0, kept alive": b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 6.1" "in 1.0 with Content-Length": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 6.1" "identity in 1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello" => refused(400);

        Should "9112 6.1" "gzip before chunked": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" => refused(501);
        Should "9112 6.1" "gzip and chunked on two lines": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => refused(501);
        Should "9112 6.1" "identity before chunked": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" => refused(501);
        Should "9112 6.1" "an unknown coding with a parameter": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x;a=b, chunked\r\n\r\n0\r\n\r\n" => refused(501);
        Must "9112 6.3" "gzip alone": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n" => refused(400);
        Must "9112 6.3" "identity alone": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n" => refused(400);
        Must "9112 6.3" "gzip behind chunked": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 6.3" "identity behind chunked": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 6.3" "identity behind chunked on two lines": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 6.3" "gzip between two chunked": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip, chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 6.1" "chunked twice": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 6.1" "chunked twice on two lines": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 6.1" "chunked twice behind another": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked, chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 6.3" "another line behind it": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" => refused(400);
        Stricter "9110 5.6.1" "an empty element behind it": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n0\r\n\r\n" => refused(400);
        Stricter "9110 5.6.1" "an empty element before it": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Stricter "9110 5.6.1" "an empty line of it before": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Stricter "9110 5.6.1" "an empty line of it behind": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n" => refused(400);

        Must "9112 5.1" "a space before the colon": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 5.1" "a tab before the colon": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9110 5.1" "a vertical tab before the colon": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\x0b: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9110 5.1" "NUL before the colon": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\0: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9110 5.1" "a no-break space before the colon": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\xa0: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9110 5.1" "a space in the name": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer Encoding: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9110 5.1" "a byte beyond ASCII in the name": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-\xc3\x8bncoding: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 5" "no colon": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 2.2" "a space before the name, first line": b"POST / HTTP/1.1\r\n Transfer-Encoding: chunked\r\nHost: a\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 5.2" "a space before the name": b"POST / HTTP/1.1\r\nHost: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 5.2" "a tab before the name": b"POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 5.2" "folded before the value": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 5.2" "folded behind the value": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n , gzip\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 5.2" "folded before the colon": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\r\n : chunked\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 2.2" "hidden behind CR": b"POST / HTTP/1.1\r\nHost: a\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        May "9112 2.2" "hidden behind LF": b"POST / HTTP/1.1\r\nHost: a\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => refused(400);
        May "9112 2.2" "ended by LF": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 2.2" "ended by CR CR LF": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\r\n\r\n0\r\n\r\n" => refused(400);
        Must "9112 2.2" "ended by CR": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\rX: y\r\n\r\n0\r\n\r\n" => refused(400);
    };
    for (name, value) in NOT_CHUNKED {
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ";
        let input = [head, *value, b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"].concat();
        rows.push(case(Level::Must, "9112 6.3", *name, input, refused(400)));
    }
    rows
}

/// Values whose last coding is not chunked, however much they look like it.
const NOT_CHUNKED: &[(&str, &[u8])] = &[
    ("empty", b""),
    ("a comma", b","),
    ("a letter before it", b"xchunked"),
    ("a letter behind it", b"chunkedx"),
    ("a part of it", b"chunk"),
    ("a misspelling", b"chunkd"),
    ("a word before it", b"x chunked"),
    ("a word behind it", b"chunked x"),
    ("it twice with a space", b"chunked chunked"),
    ("a space inside", b"chun ked"),
    ("a tab inside", b"chun\tked"),
    ("a semicolon behind it", b"chunked;"),
    ("a parameter behind it", b"chunked;q=1"),
    ("a parameter that is no parameter", b"chunked; x"),
    ("an equals sign", b"chunked=x"),
    ("a semicolon before it", b";chunked"),
    ("semicolons for commas", b"gzip; chunked"),
    ("quotes", b"\"chunked\""),
    ("single quotes", b"'chunked'"),
    ("brackets", b"[chunked]"),
    ("a colon before it", b": chunked"),
    ("a dot behind it", b"chunked."),
    ("a percent encoding", b"%63hunked"),
    ("a backslash", b"chunked\\"),
    ("a vertical tab before it", b"\x0bchunked"),
    ("a vertical tab behind it", b"chunked\x0b"),
    ("a form feed before it", b"\x0cchunked"),
    ("a form feed behind it", b"chunked\x0c"),
    ("NUL inside", b"ch\0unked"),
    ("NUL behind it", b"chunked\0"),
    ("DEL behind it", b"chunked\x7f"),
    ("backspace behind it", b"chunked\x08"),
    ("a no-break space before it", b"\xa0chunked"),
    ("a no-break space behind it", b"chunked\xa0"),
    ("a next-line character", b"chunked\x85"),
    ("a byte of 255", b"chunked\xff"),
    ("a zero-width space", "\u{200b}chunked".as_bytes()),
    ("a full-width letter", "\u{ff43}hunked".as_bytes()),
    ("a Kelvin sign", "chun\u{212a}ed".as_bytes()),
    ("another name", b"cow"),
];
