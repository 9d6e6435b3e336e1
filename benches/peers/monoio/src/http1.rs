//! As much of HTTP/1.1 as the routes need, with httparse for the heads.

use std::time::{SystemTime, UNIX_EPOCH};

use httpdate::HttpDate;
use peer_common::pause;

/// What became of some input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Served {
    /// So much of the input is done with.
    pub(crate) consumed: usize,
    /// Close when the output is sent.
    pub(crate) close: bool,
}

/// Answers whole requests; one for each core.
#[derive(Debug, Default)]
pub(crate) struct Http1 {
    /// Since 1970, when `date` was rendered.
    second: u64,
    date: String,
}

impl Http1 {
    /// Answers the requests that are all there.
    pub(crate) fn serve(&mut self, input: &[u8], output: &mut Vec<u8>) -> Served {
        self.refresh();
        let mut served = Served::default();
        while !served.close {
            match self.request(&input[served.consumed..], output) {
                Ok(Some(one)) => {
                    served.consumed += one.consumed;
                    served.close = one.close;
                }
                Ok(None) => break,
                Err(_) => {
                    self.answer(output, Answer::status("400 Bad Request"), true);
                    served.close = true;
                }
            }
        }
        served
    }

    fn request(
        &self,
        input: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<Option<Served>, httparse::Error> {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(head) = request.parse(input)? else {
            return Ok(None);
        };
        let (mut length, mut close) = (0, request.version == Some(0));
        for header in &*request.headers {
            if header.name.eq_ignore_ascii_case("content-length") {
                let text =
                    str::from_utf8(header.value).map_err(|_| httparse::Error::HeaderValue)?;
                length = text.parse().map_err(|_| httparse::Error::HeaderValue)?;
            } else if header.name.eq_ignore_ascii_case("connection") {
                close = header.value.eq_ignore_ascii_case(b"close");
            }
        }
        let Some(body) = input.get(head..).and_then(|rest| rest.get(..length)) else {
            return Ok(None);
        };
        let answer = route(
            request.method.unwrap_or_default(),
            request.path.unwrap_or_default(),
            body,
        );
        self.answer(output, answer, close);
        Ok(Some(Served {
            consumed: head + length,
            close,
        }))
    }

    fn answer(&self, output: &mut Vec<u8>, answer: Answer<'_>, close: bool) {
        use std::io::Write;
        let close = if close { "connection: close\r\n" } else { "" };
        write!(
            output,
            "HTTP/1.1 {}\r\nserver: monoio\r\ndate: {}\r\ncontent-type: {}\r\n\
             content-length: {}\r\n{close}\r\n",
            answer.status,
            self.date,
            answer.kind,
            answer.body.len(),
        )
        .expect("a vector takes everything");
        output.extend_from_slice(answer.body);
    }

    fn refresh(&mut self) {
        let now = SystemTime::now();
        let second = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        if second != self.second {
            self.second = second;
            self.date = HttpDate::from(now).to_string();
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Answer<'a> {
    status: &'static str,
    kind: &'static str,
    body: &'a [u8],
}

impl<'a> Answer<'a> {
    fn ok(kind: &'static str, body: &'a [u8]) -> Self {
        let status = "200 OK";
        Self { status, kind, body }
    }

    fn status(status: &'static str) -> Self {
        let (kind, body) = ("text/plain", &b""[..]);
        Self { status, kind, body }
    }
}

fn route<'a>(method: &str, path: &str, body: &'a [u8]) -> Answer<'a> {
    match (method, path) {
        ("GET", "/plaintext") => Answer::ok("text/plain", b"Hello, World!"),
        ("GET", "/json") => Answer::ok("application/json", br#"{"message":"Hello, World!"}"#),
        ("POST", "/echo") => Answer::ok("application/octet-stream", body),
        ("GET", path) if pause::pause(path).is_some() => {
            Answer::ok("text/plain", pause::DONE.as_bytes())
        }
        _ => Answer::status("404 Not Found"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(input: &str) -> (Served, String) {
        let mut output = Vec::new();
        let served = Http1::default().serve(input.as_bytes(), &mut output);
        (served, String::from_utf8(output).expect("answers are text"))
    }

    #[test]
    fn batches_and_pieces() {
        let get = "GET /plaintext HTTP/1.1\r\n\r\n";
        let (served, output) = serve(&format!("{get}{get}GET /js"));
        assert_eq!((served.consumed, served.close), (2 * get.len(), false));
        assert_eq!(output.matches("\r\n\r\nHello, World!").count(), 2);
        let post = "POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(serve(&format!("{post}hell")).0.consumed, 0);
        let (served, output) = serve(&format!("{post}hello"));
        assert_eq!(served.consumed, post.len() + 5);
        assert!(
            output.ends_with("content-length: 5\r\n\r\nhello"),
            "{output}"
        );
    }

    #[test]
    fn close_and_nonsense_end_the_connection() {
        let last = "GET /json HTTP/1.1\r\nConnection: close\r\n\r\n";
        let (served, output) = serve(&last.repeat(2));
        assert_eq!((served.consumed, served.close), (last.len(), true));
        assert!(output.contains("\r\nconnection: close\r\n"), "{output}");
        let (served, output) = serve("GET /json HTTP/1.1\r\nContent-Length: x\r\n\r\n");
        assert!(
            served.close && output.starts_with("HTTP/1.1 400 "),
            "{output}"
        );
    }
}
