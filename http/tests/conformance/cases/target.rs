//! The request target: four forms, and who may use which.

use super::{Case, Level, case, cases, ok, refused};

pub(super) fn cases() -> Vec<Case> {
    let mut rows = cases! {
        Must "9112 3.2.1" "origin form with a query": b"GET /a/b?c=d&e HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /a/b?c=d&e @a"]);
        Must "9112 3.2.1" "an empty query": b"GET /? HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /? @a"]);
        Must "9112 3.2.1" "two slashes are no authority": b"GET //b/c HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET //b/c @a"]);
        Must "9112 3.2.1" "question marks in the query": b"GET /a?b?c HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /a?b?c @a"]);
        Must "9112 3.2.1" "all that a path may have": b"GET /-._~!$&'()*+,;=:@%41 HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /-._~!$&'()*+,;=:@%41 @a"]);
        Must "9112 3.2.1" "dot segments are left alone": b"GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /a/../b @a"]);
        Must "9112 3.2.1" "an encoded slash is left alone": b"GET /a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /a%2Fb @a"]);
        May "9112 3.2" "what browsers do not encode": b"GET /?a=b|c^{d} HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /?a=b|c^{d} @a"]);
        May "9112 3.2" "a broken percent encoding is the handler's": b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET /%zz @a"]);
        Must "9112 3.2" "no slash before the path": b"GET a HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2" "a query without a path": b"GET ?a HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2" "a relative path": b"GET ../a HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2" "a backslash path": b"GET \\a HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2" "a fragment": b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2" "a fragment in the query": b"GET /?a#b HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2" "bytes beyond ASCII": b"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2" "bytes that are no text": b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2" "a no-break space": b"GET /\xa0 HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2" "a script tag": b"GET /<script> HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2" "a quote": b"GET /\"a\" HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);

        Must "9112 3.2.2" "absolute form": b"GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET http://a/b?c @a"]);
        Must "9112 3.2.2" "its authority overrides Host": b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET http://b/ @b"]);
        Must "9112 3.2.2" "its port belongs to the host": b"GET http://b:81/ HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET http://b:81/ @b:81"]);
        Must "9112 3.2.2" "without a path": b"GET http://b HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET http://b @b"]);
        Must "9112 3.2.2" "a query without a path, absolute": b"GET http://b?c HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET http://b?c @b"]);
        Must "9110 4.2.3" "the scheme in capitals": b"GET HTTP://b/ HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET HTTP://b/ @b"]);
        Must "9112 3.2.2" "scheme https": b"GET https://b/ HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET https://b/ @b"]);
        Must "9112 3.2.2" "an IPv6 address": b"GET http://[::1]:80/ HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["GET http://[::1]:80/ @[::1]:80"]);
        Must "9112 3.2.2" "absolute form in 1.0 without Host": b"GET http://b/ HTTP/1.0\r\n\r\n" => ok(["GET http://b/ @b"]).closed();
        Must "9112 3.2" "absolute form without Host": b"GET http://a/ HTTP/1.1\r\n\r\n" => refused(400);
        Must "9112 3.2" "absolute form with an empty Host": b"GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n" => refused(400);
        Must "9112 3.2" "absolute form with an invalid Host": b"GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n" => refused(400);
        Must "9110 4.2.1" "an empty host": b"GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9110 4.2.1" "a port without a host": b"GET http://:80/a HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Should "9110 4.2.4" "user information": b"GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Should "9110 4.2.4" "user information that looks like a host": b"GET http://a:80@b/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2.2" "a port of letters": b"GET http://a:b/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2.2" "one slash": b"GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2.2" "a backslash in the authority": b"GET http://a\\b/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2.2" "an IPv6 address without its end": b"GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        May "9112 3.2.2" "scheme ftp": b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        May "9112 3.2.2" "scheme file": b"GET file:///etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        May "9112 3.2.2" "scheme javascript": b"GET javascript:alert(1) HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);

        Must "9112 3.2.3" "authority form is for CONNECT": b"GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2.3" "CONNECT": b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n" => ok(["CONNECT a:443 @a:443"]).statuses([404]).closed();
        Must "9112 3.2.3" "CONNECT to an IPv6 address": b"CONNECT [::1]:443 HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["CONNECT [::1]:443 @[::1]:443"]).statuses([404]).closed();
        Must "9110 9.3.6" "what follows a refused CONNECT is no request": b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["CONNECT a:443 @a:443"]).statuses([404]).closed();
        Must "9110 9.3.6" "CONNECT without a port": b"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9110 9.3.6" "CONNECT with an empty port": b"CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2.3" "CONNECT without a host": b"CONNECT :443 HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2.3" "CONNECT with a path": b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2.3" "CONNECT with a URI": b"CONNECT http://a:443/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2.3" "CONNECT with user information": b"CONNECT u@a:443 HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2.3" "CONNECT with a path behind the port": b"CONNECT a:443/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);

        Must "9112 3.2.4" "asterisk form": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["OPTIONS * @a"]);
        Must "9112 3.2.4" "OPTIONS of a path": b"OPTIONS /a HTTP/1.1\r\nHost: a\r\n\r\n" => ok(["OPTIONS /a @a"]);
        Must "9112 3.2.4" "asterisk form is for OPTIONS": b"GET * HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2.4" "two asterisks": b"OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
        Must "9112 3.2.4" "an asterisk with a query": b"OPTIONS *?a HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    };
    for byte in [0, 1, 7, 8, 0x0b, 0x0c, 0x1b, 0x1f, 0x7f] {
        let input = [b"GET /a", &[byte][..], b"b HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        let name = format!("control character {byte:#04x}");
        rows.push(case(Level::Must, "9112 3.2", name, input, refused(400)));
    }
    rows
}
