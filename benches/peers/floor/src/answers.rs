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
    pub(crate) plaintext: Vec<u8>,
    pub(crate) json: Vec<u8>,
    pub(crate) not_found: Vec<u8>,
}

impl Answers {
    pub(crate) fn new() -> Self {
        let mut answers = Self {
            second: -1,
            date: String::new(),
            plaintext: Vec::new(),
            json: Vec::new(),
            not_found: Vec::new(),
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
        self.plaintext = self.ok("text/plain", "Hello, World!");
        self.json = self.ok("application/json", r#"{"message":"Hello, World!"}"#);
        self.not_found = self.head("404 Not Found", "text/plain", 0).into_bytes();
    }

    /// A head with everything but the body.
    pub(crate) fn head(&self, status: &str, kind: &str, length: usize) -> String {
        format!(
            "HTTP/1.1 {status}\r\nserver: floor\r\ndate: {}\r\ncontent-type: {kind}\r\n\
             content-length: {length}\r\n\r\n",
            self.date
        )
    }

    fn ok(&self, kind: &str, body: &str) -> Vec<u8> {
        (self.head("200 OK", kind, body.len()) + body).into_bytes()
    }
}
