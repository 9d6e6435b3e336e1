//! Input for the codec, the same for counted instructions and for the comparison with named crates
//! (`peers/versus`, which includes this file: it is a workspace of its own).

use std::hint::black_box;

use ringspun::http::StatusCode;
use ringspun::http::proto::{Chunk, ChunkedDecoder, ResponseHead};

/// What a load generator sends.
pub(crate) const SMALL: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

/// What a browser sends for a page.
pub(crate) const BROWSER: &[u8] = b"GET /plaintext?utm=1&page=2 HTTP/1.1\r\n\
    Host: www.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: https://www.example.com/catalogue\r\n\
    Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark; consent=yes\r\n\
    Connection: keep-alive\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-User: ?1\r\n\
    Priority: u=0, i\r\n\
    \r\n";

/// A head with two queries. Sent in turns, no head is the last one once more, which need not be parsed
/// again.
pub(crate) fn in_turns(head: &[u8]) -> [Vec<u8>; 2] {
    let target = head.windows(5).position(|end| end == b" HTTP");
    let (before, behind) = head.split_at(target.expect("a request line"));
    [&b"?1"[..], b"?2"].map(|query| [before, query, behind].concat())
}

/// A body, and the head that it has. The server keeps what heads begin with.
pub(crate) const BODY: &[u8] = b"Hello, World!";
pub(crate) const RESPONSE: ResponseHead<'_> = ResponseHead {
    status: StatusCode::OK,
    start: b"HTTP/1.1 200 OK\r\nServer: ringspun\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
        Content-Type: text/plain; charset=utf-8\r\n",
    lines: b"",
};

/// A body of 16 KiB in 16 chunks.
pub(crate) fn chunked() -> Vec<u8> {
    let mut input = Vec::new();
    for _ in 0..16 {
        input.extend_from_slice(b"400\r\n");
        input.extend_from_slice(&[b'x'; 1024]);
        input.extend_from_slice(b"\r\n");
    }
    input.extend_from_slice(b"0\r\n\r\n");
    input
}

/// Decodes it `n` times.
pub(crate) fn decode_chunks(n: u64) {
    let input = chunked();
    for _ in 0..n {
        let (mut decoder, mut at, mut content) = (ChunkedDecoder::new(), 0, 0);
        loop {
            match decoder.decode(black_box(&input), &mut at) {
                Ok(Chunk::Data(length)) => (at, content) = (at + length, content + length),
                Ok(Chunk::End) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(content, 16 * 1024);
    }
}
