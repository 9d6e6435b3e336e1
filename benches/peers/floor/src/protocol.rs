//! What is done with received bytes.

use std::str;
use std::time::Duration;

use memchr::memmem::Finder;
use peer_common::pause;

use crate::answers::Answers;

/// Turns a batch of received bytes into bytes to send.
pub(crate) trait Protocol {
    /// Called once per round of events.
    fn tick(&mut self) {}

    /// Appends to `output`; says how much of `input` is done with and whether to close after it.
    fn serve(&mut self, input: &[u8], output: &mut Vec<u8>) -> Served;
}

/// The outcome of [`Protocol::serve`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) consumed: usize,
    pub(crate) close: bool,
}

/// Everything comes back.
#[derive(Debug)]
pub(crate) struct Echo;

impl Protocol for Echo {
    fn serve(&mut self, input: &[u8], output: &mut Vec<u8>) -> Served {
        output.extend_from_slice(input);
        Served {
            consumed: input.len(),
            close: false,
        }
    }
}

/// As little of HTTP/1.1 as the load needs.
#[derive(Debug)]
pub(crate) struct Http {
    answers: Answers,
    end: Finder<'static>,
    close: Finder<'static>,
    length: Finder<'static>,
}

impl Http {
    pub(crate) fn new() -> Self {
        Self {
            answers: Answers::new(),
            end: Finder::new("\r\n\r\n"),
            close: Finder::new("onnection: close"),
            length: Finder::new("ontent-Length: "),
        }
    }

    /// The end of the echoed body, or nothing while it is not there.
    fn echo(&self, head: &[u8], rest: &[u8], close: bool, output: &mut Vec<u8>) -> Option<usize> {
        let length = self
            .length
            .find(head)
            .map_or(0, |at| number(&head[at + 15..]));
        let body = rest.get(..length)?;
        let head = self
            .answers
            .head("200 OK", "application/octet-stream", length, close);
        output.extend_from_slice(head.as_bytes());
        output.extend_from_slice(body);
        Some(length)
    }
}

impl Protocol for Http {
    fn tick(&mut self) {
        self.answers.refresh();
    }

    fn serve(&mut self, input: &[u8], output: &mut Vec<u8>) -> Served {
        let mut served = Served {
            consumed: 0,
            close: false,
        };
        while !served.close {
            let rest = &input[served.consumed..];
            let Some(end) = self.end.find(rest) else {
                break;
            };
            let (head, rest) = rest.split_at(end + 4);
            let close = self.close.find(head).is_some();
            let answers = self.answers.set(close);
            let mut body = 0;
            match &head[..head.len().min(6)] {
                b"GET /p" => output.extend_from_slice(&answers.plaintext),
                b"GET /j" => output.extend_from_slice(&answers.json),
                b"GET /b" => {
                    bad_neighbour(&head[5..]);
                    let answer = self.answers.head("200 OK", "text/plain", 5, close);
                    output.extend_from_slice(answer.as_bytes());
                    output.extend_from_slice(b"done\n");
                }
                b"POST /" => match self.echo(head, rest, close, output) {
                    Some(length) => body = length,
                    None => break,
                },
                _ => output.extend_from_slice(&answers.not_found),
            }
            served.consumed += head.len() + body;
            served.close = close;
        }
        served
    }
}

/// `burn/{micros}` and `block/{millis}`.
fn bad_neighbour(path: &[u8]) {
    if let Some(micros) = path.strip_prefix(b"burn/") {
        pause::burn(Duration::from_micros(number(micros) as u64));
    } else if let Some(millis) = path.strip_prefix(b"block/") {
        pause::block(Duration::from_millis(number(millis) as u64));
    }
}

fn number(text: &[u8]) -> usize {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    str::from_utf8(&text[..digits])
        .ok()
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(input: &str) -> (Served, String) {
        let mut output = Vec::new();
        let served = Http::new().serve(input.as_bytes(), &mut output);
        (served, String::from_utf8(output).expect("answers are text"))
    }

    #[test]
    fn pipelined_and_partial() {
        let (served, output) =
            serve("GET /plaintext HTTP/1.1\r\n\r\nGET /json HTTP/1.1\r\n\r\nGET /pl");
        assert_eq!(
            served,
            Served {
                consumed: 49,
                close: false
            }
        );
        assert_eq!(output.matches("HTTP/1.1 200 OK").count(), 2);
        assert!(output.ends_with(r#"{"message":"Hello, World!"}"#));
    }

    #[test]
    fn close_ends_the_batch() {
        let request = "GET /plaintext HTTP/1.1\r\nConnection: close\r\n\r\n";
        let (served, output) = serve(&request.repeat(2));
        assert_eq!(
            served,
            Served {
                consumed: request.len(),
                close: true
            }
        );
        assert_eq!(output.matches("Hello").count(), 1);
        assert!(output.contains("\r\nconnection: close\r\n"));
    }

    #[test]
    fn bad_neighbours_are_answered() {
        for request in [
            "GET /burn/10 HTTP/1.1\r\n\r\n",
            "GET /block/1 HTTP/1.1\r\n\r\n",
        ] {
            let (served, output) = serve(request);
            assert_eq!(served.consumed, request.len());
            assert!(
                output.ends_with("content-length: 5\r\n\r\ndone\n"),
                "{output}"
            );
        }
    }

    #[test]
    fn echo_waits_for_its_body() {
        let head = "POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(serve(&format!("{head}hell")).0.consumed, 0);
        let (served, output) = serve(&format!("{head}hello"));
        assert_eq!(served.consumed, head.len() + 5);
        assert!(output.ends_with("content-length: 5\r\n\r\nhello"));
    }
}
