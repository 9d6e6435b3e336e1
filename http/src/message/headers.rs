//! A view of header lines.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::proto::{HeaderPos, has_item};

/// The header lines of a request or a reply, in the order in which they came.
///
/// Looking up compares names along the list of positions: with the ten or so lines of a usual
/// request that is faster than building a map. Whoever needs a map calls [`Headers::to_map`].
#[derive(Clone, Copy)]
pub struct Headers<'a> {
    /// The head that the positions are those of.
    bytes: &'a [u8],
    index: &'a [HeaderPos],
}

impl<'a> Headers<'a> {
    pub(crate) const fn new((bytes, index): (&'a [u8], &'a [HeaderPos])) -> Self {
        Self { bytes, index }
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of the first line of this name, in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// As [`Headers::get`], where the value is UTF-8.
    #[must_use]
    pub fn get_str(&self, name: &str) -> Option<&'a str> {
        self.get(name)
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The values of all lines of this name, in their order.
    pub fn get_all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let is_name = move |(other, _): &(&str, &[u8])| other.eq_ignore_ascii_case(name);
        self.iter().filter(is_name).map(|(_, value)| value)
    }

    /// All lines: names as they were sent, values without the space around them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a [u8])> + Clone + use<'a> {
        let (bytes, index) = (self.bytes, self.index);
        index.iter().map(move |pos| {
            // The parser has found a token there.
            let name = std::str::from_utf8(&bytes[pos.name.range()]).unwrap_or_default();
            (name, &bytes[pos.value.range()])
        })
    }

    /// The lines that an intermediary passes on (RFC 9110 7.6.1): without those that Connection
    /// names, and those that concern one connection only, such as Keep-Alive, Transfer-Encoding and
    /// Upgrade.
    pub fn end_to_end(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let all = *self;
        self.iter()
            .filter(move |(name, _)| !all.is_hop_by_hop(name))
    }

    fn is_hop_by_hop(&self, name: &str) -> bool {
        let is_named = |value: &[u8]| has_item(value, name.as_bytes());
        HOP_BY_HOP
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other))
            || self.get_all("connection").any(is_named)
    }

    /// A map of all lines, for code that works with the `http` crate's types.
    #[must_use]
    pub fn to_map(&self) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.len());
        for (name, value) in self.iter() {
            // Both were checked when the head was parsed, by the same grammar.
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
                map.append(name, value);
            }
        }
        map
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self
            .iter()
            .map(|(name, value)| (name, value.escape_ascii().to_string()));
        f.debug_map().entries(lines).finish()
    }
}

/// Fields about one connection, whether Connection names them or not.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

#[cfg(test)]
mod tests {
    use crate::message::Request;

    #[test]
    fn what_an_intermediary_passes_on() {
        let lines = [
            ("Connection", &b"x-a, Close"[..]),
            ("X-A", b"1"),
            ("x-b", b"2"),
            ("Keep-Alive", b"timeout=5"),
            ("Proxy-Connection", b"keep-alive"),
            ("TE", b"trailers"),
            ("Upgrade", b"websocket"),
            ("connection", b"X-C"),
            ("x-c", b"3"),
        ];
        let request = Request::new("GET", "/").unwrap();
        let request = request.try_with_headers(lines).unwrap();
        let kept: Vec<&str> = request
            .headers()
            .end_to_end()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(kept, ["Host", "x-b"]);
    }
}
