//! Checks replies.

use std::str;

/// Finds and checks the replies in a stream of bytes.
///
/// The first reply is read header by header and becomes the model; a later one that agrees with it in
/// status line, length and end of head at the same offsets needs no second look. What differs (a Date
/// of another width, say) is read in full again.
#[derive(Debug)]
pub(crate) struct Checker {
    /// The body every reply must have, if it is known.
    expected: Option<Vec<u8>>,
    /// No heads: the body is all there is.
    bare: bool,
    model: Option<Model>,
}

/// Where the things are which must not change.
#[derive(Debug)]
struct Model {
    /// Up to and with the empty line.
    head: usize,
    /// First byte of the Content-Length line.
    length_at: usize,
    /// That line, with its end.
    length_line: Vec<u8>,
    /// The length it says.
    body: usize,
}

impl Checker {
    pub(crate) fn new(expected: Option<Vec<u8>>, bare: bool) -> Self {
        Self {
            expected,
            bare,
            model: None,
        }
    }

    /// The length of the first reply in `input`, `None` while it is not all there.
    ///
    /// # Errors
    /// A reply that is not a 200, has no length, or another body than the one expected.
    pub(crate) fn first(&mut self, input: &[u8]) -> Result<Option<usize>, String> {
        let (head, body) = if self.bare {
            (0, self.expected.as_ref().map_or(0, Vec::len))
        } else if let Some(found) = self.model.as_ref().and_then(|model| model.agrees(input)) {
            found
        } else {
            let Some(model) = Model::read(input)? else {
                return Ok(None);
            };
            let found = (model.head, model.body);
            self.model = Some(model);
            found
        };
        let end = head + body;
        if let Some(expected) = &self.expected
            && (expected.len() != body || input.len() >= end && input[head..end] != expected[..])
        {
            let body = String::from_utf8_lossy(&input[head..end.min(input.len())]);
            return Err(format!(
                "not the body expected, but of {} bytes: {body}",
                body.len()
            ));
        }
        Ok((input.len() >= end).then_some(end))
    }
}

impl Model {
    /// Lengths of head and body if `input` begins with a reply like the model.
    fn agrees(&self, input: &[u8]) -> Option<(usize, usize)> {
        let head = input.get(..self.head)?;
        let length_end = self.length_at + self.length_line.len();
        let same = head.starts_with(OK)
            && head.ends_with(END)
            && head[self.length_at..length_end] == self.length_line[..];
        same.then_some((self.head, self.body))
    }

    fn read(input: &[u8]) -> Result<Option<Self>, String> {
        let Some(end) = input.windows(END.len()).position(|window| window == END) else {
            return Ok(None);
        };
        let head = &input[..end + END.len()];
        if !head.starts_with(OK) {
            let line = head.split(|&byte| byte == b'\r').next().unwrap_or(head);
            return Err(format!("not a 200: {}", String::from_utf8_lossy(line)));
        }
        let mut at = 0;
        for line in head.split_inclusive(|&byte| byte == b'\n') {
            if line.len() >= NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME) {
                let value = str::from_utf8(&line[NAME.len()..])
                    .unwrap_or_default()
                    .trim();
                let body = value
                    .parse()
                    .map_err(|e| format!("content-length {value}: {e}"))?;
                let length_line = line.to_vec();
                return Ok(Some(Self {
                    head: head.len(),
                    length_at: at,
                    length_line,
                    body,
                }));
            }
            at += line.len();
        }
        Err("no content-length".into())
    }
}

const OK: &[u8] = b"HTTP/1.1 200";
const END: &[u8] = b"\r\n\r\n";
const NAME: &[u8] = b"content-length:";

#[cfg(test)]
mod tests {
    use super::*;

    fn checker() -> Checker {
        Checker::new(Some(b"hello".into()), false)
    }

    fn reply(date: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 5\r\n\r\nhello")
    }

    #[test]
    fn every_split_point_and_a_head_that_changes() {
        let stream = reply("1") + &reply("2") + &reply("333") + &reply("4");
        let mut checker = checker();
        let mut rest = stream.as_bytes();
        while !rest.is_empty() {
            let whole = checker
                .first(rest)
                .expect("well-formed")
                .expect("all there");
            for split in 0..whole {
                assert_eq!(checker.first(&rest[..split]), Ok(None), "{split}");
            }
            rest = &rest[whole..];
        }
    }

    #[test]
    fn wrong_replies() {
        for (good, bad) in [
            ("200 OK", "500 Oh"),
            ("hello", "hallo"),
            ("Content-Length: 5", "Content-Length: 4"),
            ("Content-Length: 5", "Content-Length: x"),
            ("Content-Length: 5", "Content-Longth: 5"),
        ] {
            let bad = reply("1").replace(good, bad);
            assert!(checker().first(bad.as_bytes()).is_err(), "{bad}");
            let mut checker = checker();
            assert!(checker.first(reply("1").as_bytes()).is_ok());
            assert!(
                checker.first(bad.as_bytes()).is_err(),
                "after a good one: {bad}"
            );
        }
    }

    #[test]
    fn bare_echo() {
        let mut checker = Checker::new(Some(b"abc".into()), true);
        assert_eq!(checker.first(b"ab"), Ok(None));
        assert_eq!(checker.first(b"abcabc"), Ok(Some(3)));
        assert!(checker.first(b"abd").is_err());
    }
}
