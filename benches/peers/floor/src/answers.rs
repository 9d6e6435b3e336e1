//! The answers, rendered once a second.

use std::time::{Duration, UNIX_EPOCH};

use httpdate::HttpDate;

use crate::sys;

/// The bytes of every answer that is not an echo.
#[derive(Debug)]
pub(crate) struct Answers {
    /// The second these were rendered in.
    second: i64,
    date: String,
    /// For a connection that is kept, and for one that is not.
    keep: Set,
    close: Set,
}

/// One of each.
#[derive(Debug, Default)]
pub(crate) struct Set {
    pub(crate) plaintext: Vec<u8>,
    pub(crate) json: Vec<u8>,
    pub(crate) not_found: Vec<u8>,
}

impl Answers {
    pub(crate) fn new() -> Self {
        let (keep, close) = (Set::default(), Set::default());
        let mut answers = Self {
            second: -1,
            date: String::new(),
            keep,
            close,
        };
        answers.refresh();
        answers
    }

    /// Renders anew if the second has passed.
    pub(crate) fn refresh(&mut self) {
        let now = sys::now();
        if now == self.second {
            return;
        }
        self.second = now;
        let since_1970 = Duration::from_secs(now.try_into().unwrap_or(0));
        self.date = HttpDate::from(UNIX_EPOCH + since_1970).to_string();
        self.keep = self.render(false);
        self.close = self.render(true);
    }

    pub(crate) fn set(&self, close: bool) -> &Set {
        if close { &self.close } else { &self.keep }
    }

    /// A head with everything but the body.
    pub(crate) fn head(&self, status: &str, kind: &str, length: usize, close: bool) -> String {
        let close = if close { "connection: close\r\n" } else { "" };
        format!(
            "HTTP/1.1 {status}\r\nserver: floor\r\ndate: {}\r\ncontent-type: {kind}\r\n\
             content-length: {length}\r\n{close}\r\n",
            self.date
        )
    }

    fn render(&self, close: bool) -> Set {
        let ok = |kind, body: &str| (self.head("200 OK", kind, body.len(), close) + body).into();
        Set {
            plaintext: ok("text/plain", "Hello, World!"),
            json: ok("application/json", r#"{"message":"Hello, World!"}"#),
            not_found: self.head("404 Not Found", "text/plain", 0, close).into(),
        }
    }
}
