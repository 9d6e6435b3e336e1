//! The lines that all responses of a server have: Server and Date.

use std::time::Instant;

use ringspun_runtime::time::coarse_now;

use crate::proto::{DateLine, date_line};

/// Both lines, ready to be copied. Kept from turn to turn, also from one connection to the next.
#[derive(Default)]
pub(super) struct CommonLines {
    lines: Vec<u8>,
    /// When Date has to say something else; `None` before the first use.
    stale_at: Option<Instant>,
}

impl CommonLines {
    /// The lines with their CRLF.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.lines
    }

    /// Sees to it that they are this server's and of now.
    pub(super) fn refresh(&mut self, server_line: &[u8]) {
        let is_fresh = self.stale_at.is_some_and(|at| coarse_now() < at);
        let is_ours = self.lines.len() == server_line.len() + DateLine::LEN
            && self.lines.starts_with(server_line);
        if !(is_fresh && is_ours) {
            self.make(server_line);
        }
    }

    #[cold]
    fn make(&mut self, server_line: &[u8]) {
        let date = date_line();
        self.lines.clear();
        self.lines.extend_from_slice(server_line);
        self.lines.extend_from_slice(date.bytes());
        self.stale_at = date.stale_at();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_another_server_are_not_sent() {
        let mut lines = CommonLines::default();
        for server in ["Server: a\r\n", "Server: b\r\n", "", "Server: a\r\n"] {
            lines.refresh(server.as_bytes());
            let text = std::str::from_utf8(lines.bytes()).unwrap();
            let date = text.strip_prefix(server).unwrap();
            assert!(date.starts_with("Date: ") && date.ends_with(" GMT\r\n"));
        }
    }

    #[test]
    fn a_stale_date_is_made_anew() {
        let mut lines = CommonLines::default();
        lines.refresh(b"");
        let stale_at = lines.stale_at;
        lines.lines[6] = b'?';
        lines.refresh(b"");
        assert_eq!(lines.lines[6], b'?', "made anew each time");
        lines.stale_at = Some(Instant::now());
        lines.refresh(b"");
        assert_ne!(lines.lines[6], b'?');
        assert!(lines.stale_at >= stale_at);
    }
}
