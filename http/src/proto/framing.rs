//! How long a body is: the one place that decides it, for both roles.
//!
//! The fields that matter are gathered line by line ([`Framing::content_length`],
//! [`Framing::transfer_encoding`]), then asked once ([`Framing::request_body`],
//! [`Framing::response_body`]). RFC 9112 6.3 lets a recipient repair some ambiguous messages;
//! this one repairs none, because two recipients that repair differently see different messages,
//! and that is how requests are smuggled.
//!
//! | what is there | request | response |
//! |---|---|---|
//! | neither field | empty | until the connection ends |
//! | one Content-Length, digits only | that many bytes | that many bytes |
//! | Content-Length as list, twice (even if equal), signed, empty, too large | refused | refused |
//! | Transfer-Encoding: chunked, once | chunks | chunks |
//! | chunked followed by anything, or twice | refused | refused |
//! | chunked behind another coding | refused with 501 | refused |
//! | another coding last | refused | refused |
//! | both fields | refused | refused |
//! | Transfer-Encoding in version 1.0 | refused | refused |
//! | answer to HEAD; status 1xx, 204, 304 | | empty, whatever the fields say |
//! | 2xx answer to CONNECT | | a tunnel: no body; the caller takes the stream |
//!
//! Invariant: no message leaves here with two readings of its length.

use http::{Method, StatusCode, Version};

use super::refusal::Refusal;

/// The length of a body, as its head tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyLength {
    /// There is none.
    Empty,
    /// So many bytes; never 0.
    Known(u64),
    /// Chunks, ended by the chunk of size 0.
    Chunked,
    /// All bytes until the connection ends. Responses only.
    UntilClose,
}

/// The framing fields of one head.
#[derive(Clone, Copy, Default, Debug)]
pub struct Framing {
    /// Content-Length, once it was seen.
    length: Option<u64>,
    /// What Transfer-Encoding has said so far.
    coding: Coding,
}

/// The transfer codings seen so far, in order.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Coding {
    /// No Transfer-Encoding line yet.
    #[default]
    Absent,
    /// Exactly one coding, and it is chunked.
    Chunked,
    /// A coding that is not known here, and not yet chunked.
    Unknown,
    /// The same, and then chunked.
    UnknownChunked,
}

impl Framing {
    /// Before the first line.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            length: None,
            coding: Coding::Absent,
        }
    }

    /// Takes in the value of a Content-Length line.
    ///
    /// # Errors
    /// The value is not one decimal number below 2^64, or is not the first.
    pub fn content_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.length.is_some() {
            return Err(Refusal::LengthRepeated);
        }
        self.length = Some(parse_length(value)?);
        Ok(())
    }

    /// Takes in the value of a Transfer-Encoding line; several lines are one list.
    ///
    /// # Errors
    /// The list is malformed, or something follows chunked.
    pub fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        for coding in list_items(value) {
            let is_chunked = coding.eq_ignore_ascii_case(b"chunked");
            self.coding = match self.coding {
                Coding::Chunked | Coding::UnknownChunked => return Err(Refusal::CodingNotLast),
                _ if !is_coding(coding) => return Err(Refusal::CodingInvalid),
                Coding::Absent if is_chunked => Coding::Chunked,
                Coding::Unknown if is_chunked => Coding::UnknownChunked,
                Coding::Absent | Coding::Unknown => Coding::Unknown,
            };
        }
        Ok(())
    }

    /// The length of a request's body.
    ///
    /// # Errors
    /// The fields contradict each other or the version, or a coding is unknown.
    pub fn request_body(&self, version: Version) -> Result<BodyLength, Refusal> {
        Ok(self.fields(version)?.unwrap_or(BodyLength::Empty))
    }

    /// The length of a response's body, which the request's method has a say in.
    ///
    /// # Errors
    /// The fields contradict each other or the version, or a coding is unknown.
    pub fn response_body(
        &self,
        version: Version,
        status: StatusCode,
        request: &Method,
    ) -> Result<BodyLength, Refusal> {
        let fields = self.fields(version)?;
        let tunnel = *request == Method::CONNECT && status.is_success();
        if tunnel || *request == Method::HEAD || is_bodyless(status) {
            return Ok(BodyLength::Empty);
        }
        Ok(fields.unwrap_or(BodyLength::UntilClose))
    }

    /// What the two fields say together; `None` if neither is there.
    fn fields(&self, version: Version) -> Result<Option<BodyLength>, Refusal> {
        match (self.coding, self.length) {
            (Coding::Absent, None) => Ok(None),
            (Coding::Absent, Some(0)) => Ok(Some(BodyLength::Empty)),
            (Coding::Absent, Some(length)) => Ok(Some(BodyLength::Known(length))),
            _ if version < Version::HTTP_11 => Err(Refusal::CodingInVersion10),
            (_, Some(_)) => Err(Refusal::LengthAndCoding),
            // Without chunked at its end, the body of a request has no end (RFC 9112 6.3).
            (Coding::Unknown, None) => Err(Refusal::CodingNotLast),
            (Coding::UnknownChunked, None) => Err(Refusal::CodingUnknown),
            (Coding::Chunked, None) => Ok(Some(BodyLength::Chunked)),
        }
    }
}

/// Whether a response of this status never has a body, whatever its head says.
#[must_use]
pub fn is_bodyless(status: StatusCode) -> bool {
    status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

/// Digits only: no sign, no space inside, no list, no other base.
fn parse_length(value: &[u8]) -> Result<u64, Refusal> {
    if value.is_empty() {
        return Err(Refusal::LengthInvalid);
    }
    let mut length = 0_u64;
    for &byte in value {
        if !byte.is_ascii_digit() {
            return Err(Refusal::LengthInvalid);
        }
        length = length
            .checked_mul(10)
            .and_then(|length| length.checked_add(u64::from(byte - b'0')))
            .ok_or(Refusal::LengthOverflow)?;
    }
    Ok(length)
}

/// A token, perhaps with parameters. The parameters are not looked at: a coding that has some is
/// unknown here in any case.
fn is_coding(coding: &[u8]) -> bool {
    let name = coding
        .split(|&byte| byte == b';')
        .next()
        .unwrap_or_default();
    !name.is_empty()
        && name
            .trim_ascii_end()
            .iter()
            .all(|&byte| is_token_byte(byte))
}

/// The items of a list in a field value, without the space around them; also the empty ones
/// (RFC 9110 5.6.1).
pub(crate) fn list_items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}

/// Whether a list has this item, in any case.
pub(crate) fn has_item(value: &[u8], item: &[u8]) -> bool {
    list_items(value).any(|other| other.eq_ignore_ascii_case(item))
}

/// [`is_token_byte`] as a table, for where it is asked for each byte of a head.
pub(super) static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = is_token_byte(byte as u8);
        byte += 1;
    }
    table
};

/// Whether the byte may stand in a token (RFC 9110 5.6.2).
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    matches!(byte,
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\''
        | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row: lines of Content-Length, lines of Transfer-Encoding, version, verdict.
    type Row = (
        &'static [&'static str],
        &'static [&'static str],
        Version,
        Result<BodyLength, Refusal>,
    );

    const V10: Version = Version::HTTP_10;
    const V11: Version = Version::HTTP_11;

    const REQUESTS: &[Row] = &[
        (&[], &[], V11, Ok(BodyLength::Empty)),
        (&[], &[], V10, Ok(BodyLength::Empty)),
        (&["0"], &[], V11, Ok(BodyLength::Empty)),
        (&["000"], &[], V11, Ok(BodyLength::Empty)),
        (&["5"], &[], V11, Ok(BodyLength::Known(5))),
        (&["0005"], &[], V11, Ok(BodyLength::Known(5))),
        (&["5"], &[], V10, Ok(BodyLength::Known(5))),
        (
            &["18446744073709551615"],
            &[],
            V11,
            Ok(BodyLength::Known(u64::MAX)),
        ),
        (
            &["18446744073709551616"],
            &[],
            V11,
            Err(Refusal::LengthOverflow),
        ),
        (
            &["99999999999999999999999"],
            &[],
            V11,
            Err(Refusal::LengthOverflow),
        ),
        (&[""], &[], V11, Err(Refusal::LengthInvalid)),
        (&["+5"], &[], V11, Err(Refusal::LengthInvalid)),
        (&["-5"], &[], V11, Err(Refusal::LengthInvalid)),
        (&["0x5"], &[], V11, Err(Refusal::LengthInvalid)),
        (&["5 5"], &[], V11, Err(Refusal::LengthInvalid)),
        (&["5,5"], &[], V11, Err(Refusal::LengthInvalid)),
        (&["5, 5"], &[], V11, Err(Refusal::LengthInvalid)),
        (&["5;"], &[], V11, Err(Refusal::LengthInvalid)),
        (&["5.0"], &[], V11, Err(Refusal::LengthInvalid)),
        (&["five"], &[], V11, Err(Refusal::LengthInvalid)),
        (&["\u{665}"], &[], V11, Err(Refusal::LengthInvalid)),
        (&["5", "5"], &[], V11, Err(Refusal::LengthRepeated)),
        (&["5", "6"], &[], V11, Err(Refusal::LengthRepeated)),
        (&[], &["chunked"], V11, Ok(BodyLength::Chunked)),
        (&[], &["CHUNKED"], V11, Ok(BodyLength::Chunked)),
        (&[], &["chunked"], V10, Err(Refusal::CodingInVersion10)),
        (&["5"], &["chunked"], V10, Err(Refusal::CodingInVersion10)),
        (&["5"], &["chunked"], V11, Err(Refusal::LengthAndCoding)),
        (&["0"], &["chunked"], V11, Err(Refusal::LengthAndCoding)),
        (&["5"], &["gzip"], V11, Err(Refusal::LengthAndCoding)),
        (&[], &["gzip"], V11, Err(Refusal::CodingNotLast)),
        (&[], &["identity"], V11, Err(Refusal::CodingNotLast)),
        (&[], &["xchunked"], V11, Err(Refusal::CodingNotLast)),
        (&[], &["chunkedx"], V11, Err(Refusal::CodingNotLast)),
        (&[], &["gzip, chunked"], V11, Err(Refusal::CodingUnknown)),
        (&[], &["gzip", "chunked"], V11, Err(Refusal::CodingUnknown)),
        (&[], &["chunked;q=1"], V11, Err(Refusal::CodingNotLast)),
        (
            &[],
            &["gzip, chunked, chunked"],
            V11,
            Err(Refusal::CodingNotLast),
        ),
        (&[], &["chunked, gzip"], V11, Err(Refusal::CodingNotLast)),
        (&[], &["chunked", "gzip"], V11, Err(Refusal::CodingNotLast)),
        (&[], &["chunked, chunked"], V11, Err(Refusal::CodingNotLast)),
        (
            &[],
            &["chunked", "chunked"],
            V11,
            Err(Refusal::CodingNotLast),
        ),
        (
            &[],
            &["chunked, identity"],
            V11,
            Err(Refusal::CodingNotLast),
        ),
        (&[], &["chunked,"], V11, Err(Refusal::CodingNotLast)),
        (&[], &[""], V11, Err(Refusal::CodingInvalid)),
        (&[], &[",chunked"], V11, Err(Refusal::CodingInvalid)),
        (&[], &["chun ked"], V11, Err(Refusal::CodingInvalid)),
        (&[], &["\"chunked\""], V11, Err(Refusal::CodingInvalid)),
        (&[], &["chunked\u{a0}"], V11, Err(Refusal::CodingInvalid)),
    ];

    fn gather(row: &Row) -> Result<Framing, Refusal> {
        let mut framing = Framing::default();
        for value in row.0 {
            framing.content_length(value.as_bytes())?;
        }
        for value in row.1 {
            framing.transfer_encoding(value.as_bytes())?;
        }
        Ok(framing)
    }

    #[test]
    fn requests() {
        for row in REQUESTS {
            let verdict = gather(row).and_then(|framing| framing.request_body(row.2));
            assert_eq!(verdict, row.3, "{row:?}");
        }
    }

    #[test]
    fn responses_differ_only_where_nothing_is_said() {
        for row in REQUESTS {
            let verdict = gather(row)
                .and_then(|framing| framing.response_body(row.2, StatusCode::OK, &Method::GET));
            let nothing_said = row.0.is_empty() && row.1.is_empty();
            let expected = if nothing_said {
                Ok(BodyLength::UntilClose)
            } else {
                row.3
            };
            assert_eq!(verdict, expected, "{row:?}");
        }
    }

    #[test]
    fn responses_without_a_body() {
        let mut framing = Framing::default();
        framing.content_length(b"5").unwrap();
        let body = |status: u16, method: Method| {
            framing.response_body(V11, StatusCode::from_u16(status).unwrap(), &method)
        };
        assert_eq!(body(200, Method::HEAD), Ok(BodyLength::Empty));
        assert_eq!(body(200, Method::CONNECT), Ok(BodyLength::Empty));
        assert_eq!(body(407, Method::CONNECT), Ok(BodyLength::Known(5)));
        for status in [100, 101, 103, 204, 304] {
            assert_eq!(body(status, Method::GET), Ok(BodyLength::Empty), "{status}");
        }
        assert_eq!(body(205, Method::GET), Ok(BodyLength::Known(5)));
    }
}
