//! One server-sent event.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

/// A message to an `EventSource`: data, and what else there is to say.
///
/// # Examples
/// ```
/// use ringspun_http::sse::Event;
///
/// let event = Event::data("two\nlines").try_with_name("news")?.try_with_id("7")?;
/// assert_eq!(event.to_string(), "data: two\ndata: lines\nevent: news\nid: 7\n\n");
/// // A name cannot end its line and begin another one.
/// assert!(Event::data("x").try_with_name("news\ndata: y").is_err());
/// # Ok::<(), ringspun_http::sse::InvalidEvent>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The lines as they are sent, short of the empty one that ends them.
    lines: String,
}

impl Event {
    /// An event with this data. Lines of it, ended by LF, CR or both, are sent as lines, and the
    /// client puts them together with LF.
    #[must_use]
    pub fn data(data: impl AsRef<str>) -> Self {
        let mut event = Self {
            lines: String::new(),
        };
        event.add_lines("data: ", data.as_ref());
        event
    }

    /// A comment, which clients pass over.
    #[must_use]
    pub fn comment(comment: impl AsRef<str>) -> Self {
        let mut event = Self {
            lines: String::new(),
        };
        event.add_lines(": ", comment.as_ref());
        event
    }

    /// Adds more lines of data.
    #[must_use]
    pub fn with_data(mut self, data: impl AsRef<str>) -> Self {
        self.add_lines("data: ", data.as_ref());
        self
    }

    /// Adds a comment.
    #[must_use]
    pub fn with_comment(mut self, comment: impl AsRef<str>) -> Self {
        self.add_lines(": ", comment.as_ref());
        self
    }

    /// Says the kind of the event, which the client listens for by name. Without one it is a
    /// `message`.
    ///
    /// # Errors
    /// The name has CR, LF or NUL.
    pub fn try_with_name(mut self, name: &str) -> Result<Self, InvalidEvent> {
        self.add_line("event: ", name)?;
        Ok(self)
    }

    /// Says the event's id, which the client sends as `Last-Event-ID` when it asks again.
    ///
    /// # Errors
    /// The id has CR, LF or NUL.
    pub fn try_with_id(mut self, id: &str) -> Result<Self, InvalidEvent> {
        self.add_line("id: ", id)?;
        Ok(self)
    }

    /// Says how long the client shall wait before it asks again, in whole milliseconds.
    #[must_use]
    pub fn with_retry(mut self, wait: Duration) -> Self {
        self.add_lines("retry: ", &wait.as_millis().to_string());
        self
    }

    /// What is sent.
    pub(super) fn into_bytes(mut self) -> Bytes {
        self.lines.push('\n');
        Bytes::from(self.lines)
    }

    fn add_line(&mut self, field: &str, value: &str) -> Result<(), InvalidEvent> {
        if value.contains(['\r', '\n', '\0']) {
            return Err(InvalidEvent(()));
        }
        self.add_lines(field, value);
        Ok(())
    }

    fn add_lines(&mut self, field: &str, text: &str) {
        let mut rest = text;
        loop {
            let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
            let (line, tail) = rest.split_at(end);
            self.lines.push_str(field);
            self.lines.push_str(line);
            self.lines.push('\n');
            let end = tail.strip_prefix("\r\n");
            match end.or_else(|| tail.strip_prefix(['\r', '\n'])) {
                Some(next) => rest = next,
                None => return,
            }
        }
    }
}

/// The event as it is sent.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.lines)
    }
}

/// A name or id that would end its line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidEvent(());

impl fmt::Display for InvalidEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name or id of an event has CR, LF or NUL")
    }
}

impl std::error::Error for InvalidEvent {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_sent_as_lines() {
        for (data, expected) in [
            ("", "data: \n\n"),
            ("a", "data: a\n\n"),
            (" a ", "data:  a \n\n"),
            ("a\nb", "data: a\ndata: b\n\n"),
            (
                "a\r\nb\rc\n\nd",
                "data: a\ndata: b\ndata: c\ndata: \ndata: d\n\n",
            ),
            ("a\n", "data: a\ndata: \n\n"),
            ("\n\r", "data: \ndata: \ndata: \n\n"),
            ("id: 1\n\ndata: x", "data: id: 1\ndata: \ndata: data: x\n\n"),
        ] {
            let event = Event::data(data);
            assert_eq!(event.to_string(), expected, "{data:?}");
            assert_eq!(event.into_bytes(), expected, "{data:?}");
        }
    }

    #[test]
    fn every_field() {
        let event = Event::comment("c\nd")
            .with_data("a")
            .with_data("b")
            .try_with_name("n")
            .and_then(|event| event.try_with_id("\u{e4} 1"))
            .unwrap()
            .with_retry(Duration::from_millis(2500))
            .with_comment("");
        let expected = ": c\n: d\ndata: a\ndata: b\nevent: n\nid: \u{e4} 1\nretry: 2500\n: \n\n";
        assert_eq!(event.to_string(), expected);
        for text in ["a\n", "\r", "a\0b", "a\r\nb"] {
            assert!(Event::data("").try_with_name(text).is_err(), "{text:?}");
            assert!(Event::data("").try_with_id(text).is_err(), "{text:?}");
        }
    }
}
