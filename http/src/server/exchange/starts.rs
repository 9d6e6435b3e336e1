//! What the heads of responses begin with: status line, Server, Date and type.

use std::time::Instant;

use http::StatusCode;
use ringspun_runtime::time::coarse_now;

use crate::proto::{DateLine, append_start, date_line};

/// The lines that all responses of a server have, and the whole start of the last head: mostly the next
/// one is to begin likewise, and is a copy of it. Kept from turn to turn, also from one connection to the
/// next.
#[derive(Default)]
pub(super) struct Starts {
    /// Server and Date.
    common: Vec<u8>,
    /// When Date has to say something else; `None` before the first use.
    stale_at: Option<Instant>,
    /// The last start, and what it was made for. None yet with these lines if it is empty.
    last: Vec<u8>,
    last_status: StatusCode,
    last_type: Option<&'static str>,
}

impl Starts {
    /// The lines that all responses have, with their CRLF.
    pub(super) fn common(&self) -> &[u8] {
        &self.common
    }

    /// What a head with this status and type begins with.
    pub(super) fn of(&mut self, status: StatusCode, content_type: Option<&'static str>) -> &[u8] {
        let is_same_type = match (content_type, self.last_type) {
            // Not the texts: to be the same one is what is usual, and quickly seen.
            (Some(new), Some(last)) => std::ptr::eq(new, last),
            (new, last) => new.is_none() && last.is_none(),
        };
        if !is_same_type || self.last_status != status || self.last.is_empty() {
            self.make(status, content_type);
        }
        &self.last
    }

    #[inline(never)]
    fn make(&mut self, status: StatusCode, content_type: Option<&'static str>) {
        self.last.clear();
        append_start(&mut self.last, status, &self.common, content_type);
        (self.last_status, self.last_type) = (status, content_type);
    }

    /// Sees to it that the lines are this server's and of now.
    pub(super) fn refresh(&mut self, server_line: &[u8]) {
        let is_fresh = self.stale_at.is_some_and(|at| coarse_now() < at);
        let is_ours = self.common.len() == server_line.len() + DateLine::LEN
            && self.common.starts_with(server_line);
        if !(is_fresh && is_ours) {
            self.renew(server_line);
        }
    }

    #[cold]
    fn renew(&mut self, server_line: &[u8]) {
        let date = date_line();
        self.common.clear();
        self.common.extend_from_slice(server_line);
        self.common.extend_from_slice(date.bytes());
        self.stale_at = date.stale_at();
        self.last.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_another_server_are_not_sent() {
        let mut starts = Starts::default();
        for server in ["Server: a\r\n", "Server: b\r\n", "", "Server: a\r\n"] {
            starts.refresh(server.as_bytes());
            let start = starts.of(StatusCode::OK, None).to_vec();
            let text = std::str::from_utf8(&start).unwrap();
            let lines = text.strip_prefix("HTTP/1.1 200 OK\r\n").unwrap();
            let date = lines.strip_prefix(server).unwrap();
            assert!(date.starts_with("Date: ") && date.ends_with(" GMT\r\n"));
            assert_eq!(starts.common(), lines.as_bytes());
        }
    }

    #[test]
    fn a_stale_date_is_made_anew() {
        let mut starts = Starts::default();
        starts.refresh(b"");
        let stale_at = starts.stale_at;
        starts.common[6] = b'?';
        starts.refresh(b"");
        assert_eq!(starts.common[6], b'?', "made anew each time");
        assert!(starts.of(StatusCode::OK, None).contains(&b'?'));
        starts.stale_at = Some(Instant::now());
        starts.refresh(b"");
        assert!(!starts.of(StatusCode::OK, None).contains(&b'?'));
        assert!(starts.stale_at >= stale_at);
    }

    #[test]
    fn the_start_is_always_the_one_that_was_asked_for() {
        let mut starts = Starts::default();
        starts.refresh(b"Server: a\r\n");
        let types = [None, Some("text/plain"), Some("text/html"), Some("")];
        for round in 0..64 {
            let status = [StatusCode::OK, StatusCode::NOT_FOUND][round / 3 % 2];
            let content_type = types[round / 5 % 4];
            let mut expected = Vec::new();
            append_start(&mut expected, status, starts.common(), content_type);
            assert_eq!(starts.of(status, content_type), expected);
        }
    }
}
