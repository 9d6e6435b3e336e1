//! Heads parsed, responses encoded, chunks decoded.

use std::hint::black_box;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, SERVER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use ringspun::http::proto::{Conn, Head, HeadLimits};

use super::{Part, bar, listed, ours};
use samples::{BODY, BROWSER, RESPONSE, SMALL, chunked, decode_chunks, in_turns};

#[path = "../../../../src/samples.rs"]
mod samples;

pub(crate) const PARTS: &[Part] = &[
    Part {
        name: "parse-small",
        operations: 300_000,
        contenders: &[
            ours(|n| parse(n, SMALL)),
            bar("httparse+http", |n| parse_into_http(n, SMALL)),
            listed("httparse", |n| parse_only(n, SMALL)),
        ],
    },
    Part {
        name: "parse-browser",
        operations: 100_000,
        contenders: &[
            ours(|n| parse(n, BROWSER)),
            bar("httparse+http", |n| parse_into_http(n, BROWSER)),
            listed("httparse", |n| parse_only(n, BROWSER)),
        ],
    },
    Part {
        name: "encode-response",
        operations: 300_000,
        contenders: &[
            ours(encode),
            bar("HeaderMap", encode_map),
            bar("write!", encode_formatted),
            listed("memcpy", |n| {
                let mut out = Vec::new();
                for _ in 0..n {
                    out.clear();
                    out.extend_from_slice(black_box(WHOLE));
                    black_box(&out);
                }
            }),
        ],
    },
    // 16 chunks of 1 KiB.
    Part {
        name: "decode-chunks",
        operations: 30_000,
        contenders: &[ours(decode_chunks), bar("httparse", decode_by_httparse)],
    },
];

fn parse(n: u64, input: &[u8]) {
    let (mut head, limits) = (Head::new(), HeadLimits::default());
    for input in in_turns(input).iter().cycle().take(n as usize) {
        let parsed = head.parse(black_box(input), &limits);
        assert_eq!(parsed, Ok(Some(input.len())));
        black_box(head.path());
    }
}

/// Borrows from the input, and decides nothing on the framing.
fn parse_only(n: u64, input: &[u8]) {
    for input in in_turns(input).iter().cycle().take(n as usize) {
        let mut lines = [httparse::EMPTY_HEADER; 100];
        let mut request = httparse::Request::new(&mut lines);
        let parsed = request.parse(black_box(input));
        assert_eq!(parsed, Ok(httparse::Status::Complete(input.len())));
        black_box(&request);
    }
}

/// What servers over the `http` crate make of it: method, URI and a map, all owned.
fn parse_into_http(n: u64, input: &[u8]) {
    for input in in_turns(input).iter().cycle().take(n as usize) {
        let bytes = bytes::Bytes::copy_from_slice(black_box(input));
        let mut lines = [httparse::EMPTY_HEADER; 100];
        let mut request = httparse::Request::new(&mut lines);
        let parsed = request.parse(&bytes);
        assert_eq!(parsed, Ok(httparse::Status::Complete(input.len())));
        let method = Method::from_bytes(request.method.unwrap_or_default().as_bytes());
        let target = request.path.unwrap_or_default().as_bytes();
        let uri = Uri::from_maybe_shared(bytes.slice_ref(target));
        let mut map = HeaderMap::with_capacity(request.headers.len());
        for line in &*request.headers {
            let name = HeaderName::from_bytes(line.name.as_bytes()).expect("it was parsed");
            let value = HeaderValue::from_maybe_shared(bytes.slice_ref(line.value));
            map.append(name, value.expect("it was parsed"));
        }
        black_box((method.is_ok(), uri.is_ok(), &map));
    }
}

const DATE_VALUE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const TYPE: &str = "text/plain; charset=utf-8";
const WHOLE: &[u8] =
    b"HTTP/1.1 200 OK\r\nServer: ringspun\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Length: 13\r\n\r\nHello, World!";

fn encode(n: u64) {
    let mut out = Vec::new();
    for _ in 0..n {
        out.clear();
        let mut conn = black_box(Conn::new());
        if conn.send_whole(black_box(&RESPONSE), BODY.len() as u64, &mut out) {
            out.extend_from_slice(BODY);
        }
        assert_eq!(out.len(), WHOLE.len());
        black_box(&out);
    }
}

/// What servers over the `http` crate do: the handler fills a map, the server writes it out.
fn encode_map(n: u64) {
    let mut out = Vec::new();
    for _ in 0..n {
        out.clear();
        let mut map = HeaderMap::new();
        map.insert(CONTENT_TYPE, HeaderValue::from_static(TYPE));
        map.insert(SERVER, HeaderValue::from_static("ringspun"));
        map.insert(DATE, HeaderValue::from_static(DATE_VALUE));
        map.insert(CONTENT_LENGTH, HeaderValue::from(BODY.len()));
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        for (name, value) in black_box(&map) {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(BODY);
        assert_eq!(out.len(), WHOLE.len());
        black_box(&out);
    }
}

fn encode_formatted(n: u64) {
    use std::io::Write;

    let mut out = Vec::new();
    for _ in 0..n {
        out.clear();
        let (status, length, date) = black_box((200, BODY.len(), DATE_VALUE));
        write!(
            out,
            "HTTP/1.1 {status} OK\r\nServer: ringspun\r\nDate: {date}\r\nContent-Type: {TYPE}\r\n\
             Content-Length: {length}\r\n\r\n"
        )
        .expect("memory takes it");
        out.extend_from_slice(BODY);
        assert_eq!(out.len(), WHOLE.len());
        black_box(&out);
    }
}

/// Its parser of size lines, and the least around it.
fn decode_by_httparse(n: u64) {
    let input = chunked();
    for _ in 0..n {
        let (mut at, mut content) = (0, 0);
        loop {
            let rest = &black_box(&input)[at..];
            let Ok(httparse::Status::Complete((line, size))) = httparse::parse_chunk_size(rest)
            else {
                panic!("no size");
            };
            let end = at + line + size as usize;
            assert_eq!(input.get(end..end + 2), Some(&b"\r\n"[..]));
            (at, content) = (end + 2, content + size as usize);
            if size == 0 {
                break;
            }
        }
        assert_eq!(content, 16 * 1024);
    }
}
