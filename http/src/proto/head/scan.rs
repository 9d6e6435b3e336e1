//! The short way through a head: one pass over the heads that nearly all clients send.
//!
//! It takes a head only if it is there to its end and nothing about it is unusual: a common method,
//! a target in origin form, version 1.1, lines that break no rule. Everything else, each error
//! above all, is left to the long way (`parse_at_length`), which alone gives verdicts. So the short
//! way needs no words for what is wrong, and what it takes the long way would have taken with the
//! same result: the tests and the fuzz target `head` compare the two.

use std::mem;

use http::{Method, Version};

use super::{Fields, Head, HeadLimits, HeaderPos, MAX_HEADERS, Span};
use crate::proto::bytes;
use crate::proto::target::Target;

impl Head {
    /// Parses the head at the beginning of `window`, which is as long as a head may be. Gives its
    /// length, or `None` to have it parsed at length.
    #[inline]
    pub(super) fn scan(&mut self, window: &[u8], limits: &HeadLimits) -> Option<usize> {
        let known_host = mem::take(&mut self.known_host);
        let mut fields = Fields {
            known_host: &known_host,
            ..Fields::default()
        };
        let len = self.scan_with(window, limits, &mut fields);
        let has_new_host = fields.has_new_host;
        self.known_host = known_host;
        if has_new_host && len.is_some() {
            self.remember_host();
        }
        len
    }

    #[inline]
    fn scan_with(
        &mut self,
        window: &[u8],
        limits: &HeadLimits,
        fields: &mut Fields<'_>,
    ) -> Option<usize> {
        let (method, start) = common_method(window)?;
        let (target, end) = Target::scan(window.get(start..)?)?;
        let text = &window[start..start + end];
        let lines = start + end + VERSION.len();
        if end > limits.target || window.get(start + end..lines)? != VERSION {
            return None;
        }
        self.next_index.clear();
        let len = scan_lines(window, lines, limits, &mut self.next_index, fields)?;
        let head = &window[..len];
        self.settle(method, Version::HTTP_11, target, text, fields, head)
            .ok()?;
        Some(len)
    }

    #[cold]
    fn remember_host(&mut self) {
        let mut known = mem::take(&mut self.known_host);
        known.clear();
        if let Some(host) = self
            .header("host")
            .filter(|host| host.len() <= LONGEST_HOST)
        {
            known.extend_from_slice(host);
        }
        self.known_host = known;
    }
}

/// Indexes the lines from `at` on, down to the empty one; gives the position behind that.
#[inline]
fn scan_lines(
    window: &[u8],
    mut at: usize,
    limits: &HeadLimits,
    index: &mut Vec<HeaderPos>,
    fields: &mut Fields<'_>,
) -> Option<usize> {
    let most = limits.headers.min(MAX_HEADERS);
    while window.get(at..at + 2)? != b"\r\n" {
        let rest = &window[at..];
        let colon = bytes::name_len(rest)?;
        if colon == 0 || rest[colon] != b':' || index.len() >= most {
            return None;
        }
        let mut start = colon + 1;
        while *rest.get(start)? == b' ' {
            start += 1;
        }
        let line_end = start + bytes::value_len(&rest[start..])?;
        if rest.get(line_end..line_end + 2)? != b"\r\n" {
            return None;
        }
        let mut end = line_end;
        while end > start && rest[end - 1] == b' ' {
            end -= 1;
        }
        fields.take(&rest[..colon], &rest[start..end]).ok()?;
        index.push(HeaderPos {
            name: Span::new(at..at + colon),
            value: Span::new(at + start..at + end),
        });
        at += line_end + 2;
    }
    Some(at + 2)
}

/// The method that the window begins with, and the position behind the space after it.
fn common_method(window: &[u8]) -> Option<(Method, usize)> {
    match window {
        [b'G', b'E', b'T', b' ', ..] => Some((Method::GET, 4)),
        [b'P', b'O', b'S', b'T', b' ', ..] => Some((Method::POST, 5)),
        [b'H', b'E', b'A', b'D', b' ', ..] => Some((Method::HEAD, 5)),
        [b'P', b'U', b'T', b' ', ..] => Some((Method::PUT, 4)),
        _ => None,
    }
}

/// A name in DNS has at most 253 bytes (RFC 1035 2.3.4); with a port.
const LONGEST_HOST: usize = 259;

/// What stands between the target and the first line.
const VERSION: &[u8] = b" HTTP/1.1\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    /// What both ways make of an input, if the short one takes it.
    fn compare(input: &[u8], limits: &HeadLimits) -> bool {
        let (mut short, mut long) = (Head::new(), Head::new());
        let Some(len) = short.scan(input, limits) else {
            return false;
        };
        let text = String::from_utf8_lossy(input);
        let verdict = long.parse_at_length(input, limits);
        assert_eq!(verdict, Ok(Some(len)), "{text:?}");
        // A host known from before changes nothing but the work.
        assert_eq!(short.scan(input, limits), Some(len));
        long.known_host.clone_from(&short.known_host);
        (long.next_index, short.next_index) = (Vec::new(), Vec::new());
        assert_eq!(format!("{short:?}"), format!("{long:?}"), "{text:?}");
        true
    }

    #[test]
    fn the_short_way_takes_what_clients_send() {
        for head in COMMON {
            assert!(compare(head.as_bytes(), &HeadLimits::default()), "{head:?}");
            let len = head.find("\r\n\r\n").unwrap() + 4;
            for end in 0..len {
                let part = &head.as_bytes()[..end];
                assert!(!compare(part, &HeadLimits::default()), "{part:?}");
            }
        }
    }

    #[test]
    fn both_ways_agree_on_damaged_heads() {
        let limits = HeadLimits {
            bytes: 4096,
            headers: 6,
            target: 64,
        };
        let odd = b"\r\n\t :/?#\0\x7f\x1f\x80\xffG,0";
        let mut taken = 0;
        for head in COMMON {
            for at in 0..head.len() {
                for &byte in odd {
                    let mut changed = head.as_bytes().to_vec();
                    changed[at] = byte;
                    taken += u32::from(compare(&changed, &limits));
                    let mut longer = head.as_bytes().to_vec();
                    longer.insert(at, byte);
                    taken += u32::from(compare(&longer, &limits));
                }
                let mut shorter = head.as_bytes().to_vec();
                shorter.remove(at);
                taken += u32::from(compare(&shorter, &limits));
            }
        }
        assert!(taken > 1000, "hardly any was compared: {taken}");
    }

    const COMMON: &[&str] = &[
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /plaintext?q=%20&x=[1]|? HTTP/1.1\r\nhost: 127.0.0.1:8080\r\nuser-agent: h2load nghttp2/1.52.0\r\nX-Empty:\r\nX-Blank:   \r\n\r\n",
        "POST /a/b HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 12\r\nContent-Type: text/plain; charset=utf-8  \r\nConnection: keep-alive\r\n\r\nhello, world",
        "PUT /%C3%A9 HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\nConnection: close, upgrade\r\n\r\n",
        "GET /a-path/that.is~long/enough_for/some=words?and=a&query=2 HTTP/1.1\r\nHost: www.example.com\r\nX_Underscores_And.Dots: 1\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n\r\n",
        "HEAD /index.html HTTP/1.1\r\nHost: example.com\r\nX-Latin: caf\u{e9}\r\n\r\n",
    ];
}
