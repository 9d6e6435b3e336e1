//! The request target: its four forms (RFC 9112 3.2), and what a host may look like.

use http::Method;

use super::bytes;
use super::head::Span;
use super::refusal::Refusal;

/// The form of a request target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TargetForm {
    /// A path with an optional query: `/users?page=2`.
    Origin,
    /// A whole URI, as clients send it to proxies: `http://example.com/`.
    Absolute,
    /// Host and port, for CONNECT only: `example.com:443`.
    Authority,
    /// `*`, for OPTIONS only: the server as a whole.
    Asterisk,
}

/// A target taken apart. The spans are those of its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) form: TargetForm,
    pub(super) authority: Option<Span>,
    pub(super) path: Span,
    pub(super) query: Option<Span>,
}

impl Target {
    pub(super) const fn empty() -> Self {
        let nothing = Span::EMPTY;
        Self {
            form: TargetForm::Origin,
            authority: None,
            path: nothing,
            query: None,
        }
    }

    /// Takes the target apart.
    pub(super) fn parse(target: &[u8], method: &Method) -> Result<Self, Refusal> {
        let query = check_bytes(target)?;
        let end = target.len();
        let (form, authority, path_at) = match target {
            _ if *method == Method::CONNECT => return Self::authority(target),
            [b'/', ..] => (TargetForm::Origin, None, 0),
            b"*" if *method == Method::OPTIONS => (TargetForm::Asterisk, None, 0),
            _ => {
                let (authority, path) = split_absolute(target)?;
                (TargetForm::Absolute, Some(Span::new(authority)), path)
            }
        };
        // A question mark inside the authority was refused with it.
        let path_end = query.unwrap_or(end);
        Ok(Self {
            form,
            authority,
            path: Span::new(path_at..path_end),
            query: query.map(|query| Span::new(query + 1..end)),
        })
    }

    /// A target in origin form at the beginning of a text, and where it ends: at a space. `None` if
    /// that is not what stands there, or not to the end.
    #[inline]
    pub(super) fn scan(text: &[u8]) -> Option<(Self, usize)> {
        if *text.first()? != b'/' {
            return None;
        }
        let path_end = bytes::plain_len(text)?;
        let mut end = path_end;
        let mut query = None;
        if text[path_end] == b'?' {
            while text[end] == b'?' {
                end += 1 + bytes::plain_len(&text[end + 1..])?;
            }
            query = Some(Span::new(path_end + 1..end));
        }
        let target = Self {
            path: Span::new(0..path_end),
            query,
            ..Self::empty()
        };
        (text[end] == b' ').then_some((target, end))
    }

    fn authority(target: &[u8]) -> Result<Self, Refusal> {
        let has_port = target
            .rsplit(|&byte| byte == b':')
            .next()
            .is_some_and(|port| {
                !port.is_empty() && port.len() < target.len() && port.iter().all(u8::is_ascii_digit)
            });
        if !has_port || !is_host(target) {
            return Err(Refusal::TargetForm);
        }
        Ok(Self {
            form: TargetForm::Authority,
            authority: Some(Span::new(0..target.len())),
            path: Span::EMPTY,
            query: None,
        })
    }
}

/// Whether the bytes are a host with an optional port (RFC 3986 3.2.2, without user information).
pub(crate) fn is_host(value: &[u8]) -> bool {
    let (host, rest) = match value.first() {
        Some(b'[') => {
            let Some(end) = value.iter().position(|&byte| byte == b']') else {
                return false;
            };
            let address = &value[1..end];
            let is_address =
                |&byte: &u8| byte.is_ascii_alphanumeric() || b":.-_~!$&'()*+,;=".contains(&byte);
            if address.is_empty() || !address.iter().all(is_address) {
                return false;
            }
            value.split_at(end + 1)
        }
        _ => {
            // The colon is no byte of a name either.
            let end = value.iter().position(|&byte| !is_reg_name_byte(byte));
            value.split_at(end.unwrap_or(value.len()))
        }
    };
    let is_port = match rest {
        [] => true,
        [b':', port @ ..] => port.len() <= 5 && port.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    !host.is_empty() && is_port
}

/// Looks at every byte once; gives the position of the first question mark.
///
/// More is let pass than RFC 3986 allows, because browsers send `|`, `^`, `{` and others in
/// queries as they are. What no browser sends is refused: bytes beyond ASCII, the fragment mark,
/// quotes and angle brackets.
fn check_bytes(target: &[u8]) -> Result<Option<usize>, Refusal> {
    let mut query = None;
    for (at, &byte) in target.iter().enumerate() {
        match TARGET[usize::from(byte)] {
            Kind::Plain => {}
            Kind::Query => query = query.or(Some(at)),
            Kind::Refused => return Err(Refusal::TargetBytes),
        }
    }
    Ok(query)
}

/// Whether the byte can stand in a target, and does not begin a query.
pub(super) fn is_plain(byte: u8) -> bool {
    TARGET[usize::from(byte)] == Kind::Plain
}

/// What a byte is in a target.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Query,
    Refused,
}

static TARGET: [Kind; 256] = {
    let mut table = [Kind::Refused; 256];
    let mut byte = b'!' as usize;
    while byte <= b'~' as usize {
        table[byte] = match byte as u8 {
            b'#' | b'"' | b'<' | b'>' => Kind::Refused,
            b'?' => Kind::Query,
            _ => Kind::Plain,
        };
        byte += 1;
    }
    table
};

/// The authority of an absolute target, and where its path begins.
fn split_absolute(target: &[u8]) -> Result<(std::ops::Range<usize>, usize), Refusal> {
    let colon = target
        .iter()
        .position(|&byte| byte == b':')
        .ok_or(Refusal::TargetForm)?;
    let (scheme, rest) = target.split_at(colon);
    let is_http = scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https");
    let Some(rest) = rest.strip_prefix(b"://").filter(|_| is_http) else {
        return Err(Refusal::TargetForm);
    };
    let start = colon + 3;
    let len = rest
        .iter()
        .position(|&byte| byte == b'/' || byte == b'?')
        .unwrap_or(rest.len());
    if !is_host(&rest[..len]) {
        return Err(Refusal::HostInvalid);
    }
    Ok((start..start + len, start + len))
}

/// Whether the byte may stand in a registered name or an IPv4 address.
fn is_reg_name_byte(byte: u8) -> bool {
    REG_NAME[usize::from(byte)]
}

/// Unreserved characters, percent sign and sub-delimiters (RFC 3986 3.2.2). A table, because this
/// is asked for each byte of each Host.
static REG_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = matches!(byte as u8,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' | b'%' | b'!'
            | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for good in [
            "a",
            "a.b-c_d",
            "127.0.0.1",
            "a:80",
            "a:",
            "[::1]",
            "[::1]:80",
            "a%20b",
        ] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        let bad = [
            "", ":80", "a b", "a/b", "a?b", "a@b", "u:p@b", "a:b", "a:80:81", "[::1", "::1", "[]",
            "[::1]x", "a:999999", "a\tb", "a\\b", "[::1]:x", "a#b",
        ];
        for bad in bad {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn forms() {
        let form = |method: &str, target: &str| {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            Target::parse(target.as_bytes(), &method).map(|target| target.form)
        };
        assert_eq!(form("GET", "/"), Ok(TargetForm::Origin));
        assert_eq!(form("GET", "//x"), Ok(TargetForm::Origin));
        assert_eq!(form("GET", "/a:b@c?d?e"), Ok(TargetForm::Origin));
        assert_eq!(form("GET", "http://a"), Ok(TargetForm::Absolute));
        assert_eq!(form("GET", "HTTPS://a/b"), Ok(TargetForm::Absolute));
        assert_eq!(form("GET", "http://a?b"), Ok(TargetForm::Absolute));
        assert_eq!(form("OPTIONS", "*"), Ok(TargetForm::Asterisk));
        assert_eq!(form("CONNECT", "a:443"), Ok(TargetForm::Authority));
        for (method, target) in [
            ("GET", "*"),
            ("GET", "a"),
            ("GET", "a:443"),
            ("GET", "ftp://a/"),
            ("GET", "http:/a"),
            ("GET", "?a"),
            ("OPTIONS", "**"),
            ("CONNECT", "/"),
            ("CONNECT", "a"),
            ("CONNECT", "a:"),
            ("CONNECT", "http://a:80/"),
            ("CONNECT", "443"),
        ] {
            assert_eq!(
                form(method, target),
                Err(Refusal::TargetForm),
                "{method} {target}"
            );
        }
        assert_eq!(form("GET", "http://"), Err(Refusal::HostInvalid));
        assert_eq!(form("GET", "http://u@a/"), Err(Refusal::HostInvalid));
        for target in ["/#a", "/a\"", "/<", "/\u{e4}", "/\u{7f}"] {
            assert_eq!(form("GET", target), Err(Refusal::TargetBytes), "{target}");
        }
    }
}
