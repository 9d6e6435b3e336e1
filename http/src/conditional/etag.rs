//! Entity tags (RFC 9110 8.8.3).

use std::fmt;

/// The name of one state of a representation: a strong one changes with every byte, a weak one
/// when the meaning changes.
///
/// # Examples
/// ```
/// use ringspun_http::conditional::EntityTag;
///
/// let strong = EntityTag::strong("v7")?;
/// let weak = EntityTag::weak("v7")?;
/// assert_eq!((strong.to_string(), weak.to_string()), (r#""v7""#.into(), r#"W/"v7""#.into()));
/// assert!(strong.weak_eq(&weak) && !strong.strong_eq(&weak));
/// assert!(EntityTag::strong("v\"7").is_err());
/// # Ok::<(), ringspun_http::conditional::InvalidEntityTag>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct EntityTag {
    is_weak: bool,
    /// What stands between the quotes: visible ASCII without the quote.
    text: Box<str>,
}

impl EntityTag {
    /// A strong tag of this text, which stands between quotes on the wire.
    ///
    /// # Errors
    /// The text has a quote, a space, a control character or a character beyond ASCII.
    pub fn strong(text: &str) -> Result<Self, InvalidEntityTag> {
        Self::new(false, text)
    }

    /// A weak tag of this text.
    ///
    /// # Errors
    /// As [`EntityTag::strong`].
    pub fn weak(text: &str) -> Result<Self, InvalidEntityTag> {
        Self::new(true, text)
    }

    fn new(is_weak: bool, text: &str) -> Result<Self, InvalidEntityTag> {
        if !text.bytes().all(|byte| is_tag_byte(byte) && byte < 0x80) {
            return Err(InvalidEntityTag(()));
        }
        Ok(Self {
            is_weak,
            text: text.into(),
        })
    }

    /// Whether it is a weak one.
    #[must_use]
    pub const fn is_weak(&self) -> bool {
        self.is_weak
    }

    /// What stands between the quotes.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether both are strong and the same: byte by byte the same representation.
    #[must_use]
    pub fn strong_eq(&self, other: &Self) -> bool {
        !self.is_weak && !other.is_weak && self.text == other.text
    }

    /// Whether both are the same, weak or not: a representation of the same meaning.
    #[must_use]
    pub fn weak_eq(&self, other: &Self) -> bool {
        self.text == other.text
    }

    /// The tag that a value consists of, and nothing else. Tags beyond ASCII, which the grammar
    /// allows, are passed over: none of ours is like that.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        match split(value.trim_ascii())? {
            (tag, []) => tag,
            _ => None,
        }
    }

    /// The tags of a list, up to what is malformed.
    pub(super) fn parse_list(list: &[u8]) -> impl Iterator<Item = Self> {
        let mut rest = list;
        std::iter::from_fn(move || {
            loop {
                while let [b' ' | b'\t' | b',', tail @ ..] = rest {
                    rest = tail;
                }
                let (tag, tail) = split(rest)?;
                let tail = tail.trim_ascii_start();
                // Two tags without a comma between them are none.
                rest = if matches!(tail, [] | [b',', ..]) {
                    tail
                } else {
                    b""
                };
                if tag.is_some() {
                    return tag;
                }
            }
        })
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weak = if self.is_weak { "W/" } else { "" };
        write!(f, "{weak}\"{}\"", self.text)
    }
}

/// The text cannot stand in an entity tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidEntityTag(());

impl fmt::Display for InvalidEntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entity tag is visible ASCII without quotes and spaces")
    }
}

impl std::error::Error for InvalidEntityTag {}

/// A tag at the start and what follows it; `None` if none begins there. A tag that is not ASCII is
/// there and is nothing.
fn split(bytes: &[u8]) -> Option<(Option<EntityTag>, &[u8])> {
    let (is_weak, rest) = match bytes.strip_prefix(b"W/") {
        Some(rest) => (true, rest),
        None => (false, bytes),
    };
    let rest = rest.strip_prefix(b"\"")?;
    let end = rest.iter().position(|&byte| !is_tag_byte(byte))?;
    let (text, rest) = rest.split_at(end);
    let rest = rest.strip_prefix(b"\"")?;
    let text = std::str::from_utf8(text).ok();
    let tag = text.and_then(|text| EntityTag::new(is_weak, text).ok());
    Some((tag, rest))
}

/// `etagc` of the grammar.
const fn is_tag_byte(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'~' | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<String> {
        let tags = EntityTag::parse_list(text.as_bytes());
        tags.map(|tag| tag.to_string()).collect()
    }

    #[test]
    fn lists_are_read_up_to_what_is_malformed() {
        for (text, expected) in [
            ("", &[][..]),
            ("\"a\"", &["\"a\""]),
            (" \"a\" ,, W/\"b\",\"\"", &["\"a\"", "W/\"b\"", "\"\""]),
            ("\"a,b\", \"c\"", &["\"a,b\"", "\"c\""]),
            ("\"\u{e4}\", \"c\"", &["\"c\""]),
            ("\"a\" \"b\"", &["\"a\""]),
            ("\"a\", b, \"c\"", &["\"a\""]),
            ("\"a\", w/\"b\"", &["\"a\""]),
            ("\"a\", \"b c\", \"d\"", &["\"a\""]),
            ("\"a", &[]),
            ("a", &[]),
            ("W/", &[]),
        ] {
            assert_eq!(list(text), expected, "{text}");
        }
    }

    #[test]
    fn single_tags() {
        let parse = |text: &str| EntityTag::parse(text.as_bytes()).map(|tag| tag.to_string());
        assert_eq!(parse(" \"a\" ").as_deref(), Some("\"a\""));
        for text in ["", "a", "\"a\",", "\"a\"b", "\"a\", \"b\"", "W\"a\""] {
            assert_eq!(parse(text), None, "{text}");
        }
        for text in ["a b", "\"", "\u{e4}", "\n", "\u{7f}"] {
            assert!(EntityTag::weak(text).is_err(), "{text:?}");
        }
    }
}
