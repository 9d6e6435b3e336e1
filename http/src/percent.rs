//! Percent-decoding of path segments (RFC 3986 2.1).

use std::borrow::Cow;

/// Decodes `%XX`. What is not two hexadecimal digits behind a percent sign stays as it is, and
/// what is not UTF-8 afterwards becomes U+FFFD. Allocates only if there is a percent sign.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let decoded = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match decoded {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    Cow::Owned(match String::from_utf8_lossy(&bytes) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    })
}

/// Decodes `%XX` strictly: `None` where a percent sign is not followed by two hexadecimal digits.
pub(crate) fn decode_strictly(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let [high, low, tail @ ..] = tail else {
                return None;
            };
            bytes.push(hex(*high)? << 4 | hex(*low)?);
            rest = tail;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding() {
        assert!(matches!(decode("plain"), Cow::Borrowed("plain")));
        for (text, expected) in [
            ("a%20b", "a b"),
            ("%C3%A4%c3%a4", "\u{e4}\u{e4}"),
            ("%2Fx", "/x"),
            ("%", "%"),
            ("%2", "%2"),
            ("%zz%41", "%zzA"),
            ("%%41", "%A"),
            ("%+1", "%+1"),
            ("%ff", "\u{fffd}"),
        ] {
            assert_eq!(decode(text), expected, "{text}");
        }
    }

    #[test]
    fn strict_decoding() {
        assert_eq!(decode_strictly("a%20%ff%2f"), Some(b"a \xff/".to_vec()));
        for text in ["%", "%2", "%zz", "a%+1"] {
            assert_eq!(decode_strictly(text), None, "{text}");
        }
    }
}
