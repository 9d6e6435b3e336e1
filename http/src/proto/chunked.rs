//! Decoder of the chunked transfer coding (RFC 9112 7.1), incremental and strict.
//!
//! ```text
//!          hex          CR        LF, size > 0      all bytes        CR        LF
//!  Size ---------> Size --> SizeLf ----------> Data --------> DataCr --> DataLf --> Size
//!    | ';' or space  ^        |
//!    v               | CR     | LF, size = 0
//!  Extension --------+        v      other byte             CR         LF
//!                        LineStart ------------> Line ---------> LineLf --> LineStart
//!                             | CR
//!                             v        LF
//!                           EndLf ----------> Done
//! ```
//!
//! Invariants:
//! - Every line ends with CRLF; CR or LF alone is refused wherever it stands.
//! - The size is read with checked arithmetic; leading zeros count against a limit of digits, so
//!   that a size line cannot go on for ever.
//! - Extensions are read, bounded over the whole body, and dropped.
//! - The lines of the trailer are bounded too, and kept for [`ChunkedDecoder::trailers`].
//! - The state is a function of the bytes so far, never of how they were cut.

use http::HeaderMap;

use super::framing::is_token_byte;
use super::refusal::Refusal;
use super::trailers;

/// Decodes one body; see the module's text for its states.
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {
    /// Where in the coding the next byte stands.
    state: State,
    /// In `Size`: the size so far. In `Data`: how many bytes of the chunk are still to come.
    size: u64,
    /// Digits of the size so far.
    digits: u8,
    /// Bytes of extensions so far, over all chunks.
    extension: u16,
    /// Bytes of the trailer so far.
    trailer: u16,
    /// Lines of the trailer so far.
    lines: u8,
    /// The lines themselves; nearly never there are any.
    trailer_lines: Vec<u8>,
}

/// One step of decoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chunk {
    /// The input is used up and the body goes on.
    NeedMore,
    /// So many bytes, from the position that `consumed` was moved to, are content.
    Data(usize),
    /// The body ended.
    End,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Size,
    SizeSpace,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    LineStart,
    LineName,
    LineValue,
    LineLf,
    EndLf,
    Done,
}

impl ChunkedDecoder {
    /// A decoder that stands before the first chunk.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: State::Size,
            size: 0,
            digits: 0,
            extension: 0,
            trailer: 0,
            lines: 0,
            trailer_lines: Vec::new(),
        }
    }

    /// Whether the last chunk and the trailer were read.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The fields of the trailer, once the body ended. Those that may not stand there
    /// ([`is_trailer_field`](super::is_trailer_field)) are dropped; `None` if none is left.
    #[must_use]
    pub fn trailers(&self) -> Option<Box<HeaderMap>> {
        if self.is_done() {
            trailers::parse(&self.trailer_lines)
        } else {
            None
        }
    }

    /// Reads on in `input` from `*at`, until there is content, the end, or no input.
    ///
    /// With [`Chunk::Data`]`(n)` the content is `input[*at..*at + n]`, and the caller moves `*at`
    /// behind it. Otherwise `*at` stands behind what was read.
    ///
    /// # Errors
    /// The coding is broken. The decoder cannot be used afterwards.
    pub fn decode(&mut self, input: &[u8], at: &mut usize) -> Result<Chunk, Refusal> {
        while self.state != State::Done {
            if self.state == State::Data {
                let there = input.len() - *at;
                if there == 0 {
                    return Ok(Chunk::NeedMore);
                }
                let content = usize::try_from(self.size).map_or(there, |size| size.min(there));
                self.size -= content as u64;
                if self.size == 0 {
                    self.state = State::DataCr;
                }
                return Ok(Chunk::Data(content));
            }
            let Some(&byte) = input.get(*at) else {
                return Ok(Chunk::NeedMore);
            };
            *at += 1;
            self.state = self.step(byte)?;
        }
        Ok(Chunk::End)
    }

    /// The transition for one byte that is not content.
    fn step(&mut self, byte: u8) -> Result<State, Refusal> {
        match (self.state, byte) {
            (State::Size, b'\r') if self.digits > 0 => Ok(State::SizeLf),
            (State::Size, b';') if self.digits > 0 => Ok(State::Extension),
            (State::Size, b' ' | b'\t') if self.digits > 0 => Ok(State::SizeSpace),
            (State::Size, _) => self.digit(byte),
            (State::SizeSpace, b';') => Ok(State::Extension),
            (State::SizeSpace, b' ' | b'\t') => self.extension_byte(State::SizeSpace),
            (State::SizeSpace, _) => Err(Refusal::ChunkSize),
            (State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Extension, b'\t' | b' '..=b'~' | 0x80..) => {
                self.extension_byte(State::Extension)
            }
            (State::Extension, _) => Err(Refusal::ChunkExtension),
            (State::SizeLf, b'\n') if self.size > 0 => Ok(State::Data),
            (State::SizeLf, b'\n') => Ok(State::LineStart),
            (State::SizeLf, _) => Err(Refusal::ChunkSize),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => {
                self.digits = 0;
                Ok(State::Size)
            }
            (State::DataCr | State::DataLf, _) => Err(Refusal::ChunkEnd),
            (_, _) => self.trailer_step(byte),
        }
    }

    /// The transitions behind the last chunk.
    fn trailer_step(&mut self, byte: u8) -> Result<State, Refusal> {
        self.trailer += 1;
        if usize::from(self.trailer) > MAX_TRAILER || self.lines > MAX_TRAILER_LINES {
            return Err(Refusal::TrailerTooLarge);
        }
        let next = self.trailer_transition(byte)?;
        if !matches!(next, State::EndLf | State::Done) {
            self.trailer_lines.push(byte);
        }
        Ok(next)
    }

    fn trailer_transition(&mut self, byte: u8) -> Result<State, Refusal> {
        match (self.state, byte) {
            (State::LineStart, b'\r') => Ok(State::EndLf),
            (State::LineStart, _) if is_token_byte(byte) => {
                self.lines += 1;
                Ok(State::LineName)
            }
            (State::LineName, b':') => Ok(State::LineValue),
            (State::LineName, _) if is_token_byte(byte) => Ok(State::LineName),
            (State::LineValue, b'\r') => Ok(State::LineLf),
            (State::LineValue, b'\t' | b' '..=b'~' | 0x80..) => Ok(State::LineValue),
            (State::LineLf, b'\n') => Ok(State::LineStart),
            (State::EndLf, b'\n') => Ok(State::Done),
            _ => Err(Refusal::TrailerInvalid),
        }
    }

    fn digit(&mut self, byte: u8) -> Result<State, Refusal> {
        let Some(digit) = char::from(byte).to_digit(16) else {
            return Err(Refusal::ChunkSize);
        };
        if self.digits == 0 {
            self.size = 0;
        }
        self.digits += 1;
        // 16 digits are 64 bits, so the multiplication cannot overflow either.
        if self.digits > MAX_SIZE_DIGITS {
            return Err(Refusal::ChunkSizeOverflow);
        }
        self.size = self.size << 4 | u64::from(digit);
        Ok(State::Size)
    }

    fn extension_byte(&mut self, next: State) -> Result<State, Refusal> {
        self.extension += 1;
        if usize::from(self.extension) > MAX_EXTENSIONS {
            return Err(Refusal::ChunkExtensionTooLong);
        }
        Ok(next)
    }
}

impl Default for ChunkedDecoder {
    fn default() -> Self {
        Self::new()
    }
}

/// Digits of a chunk size: all of 64 bits.
const MAX_SIZE_DIGITS: u8 = 16;

/// Bytes of chunk extensions in one body. Nobody uses them; 4 KiB is generous, and without a bound
/// a body of one-byte chunks could carry any amount of them past the body limit.
const MAX_EXTENSIONS: usize = 4096;

/// Bytes of a trailer: a small head.
const MAX_TRAILER: usize = 8192;

/// Lines of a trailer.
const MAX_TRAILER_LINES: u8 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes the pieces one after another; gives the content and what is left of the input.
    fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, Option<usize>), Refusal> {
        let mut decoder = ChunkedDecoder::new();
        let mut content = Vec::new();
        for (number, piece) in pieces.iter().enumerate() {
            let mut at = 0;
            loop {
                match decoder.decode(piece, &mut at)? {
                    Chunk::NeedMore => break,
                    Chunk::Data(len) => {
                        content.extend_from_slice(&piece[at..at + len]);
                        at += len;
                    }
                    Chunk::End => {
                        let later: usize = pieces[number + 1..].iter().map(|p| p.len()).sum();
                        return Ok((content, Some(piece.len() - at + later)));
                    }
                }
            }
        }
        Ok((content, None))
    }

    /// The content, and how many bytes follow the body if it ended.
    type Verdict = Result<(&'static [u8], Option<usize>), Refusal>;

    const CASES: &[(&[u8], Verdict)] = &[
        (b"0\r\n\r\n", Ok((b"", Some(0)))),
        (b"5\r\nhello\r\n0\r\n\r\n", Ok((b"hello", Some(0)))),
        (b"5\r\nhello\r\n0\r\n\r\nGET /", Ok((b"hello", Some(5)))),
        (b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", Ok((b"abc", Some(0)))),
        (
            b"A\r\n0123456789\r\n0\r\n\r\n",
            Ok((b"0123456789", Some(0))),
        ),
        (
            b"a\r\n0123456789\r\n000\r\n\r\n",
            Ok((b"0123456789", Some(0))),
        ),
        (b"3;name=value\r\nabc\r\n0\r\n\r\n", Ok((b"abc", Some(0)))),
        (
            b"3 ;name=\"va lue\"\r\nabc\r\n0;x\r\n\r\n",
            Ok((b"abc", Some(0))),
        ),
        (b"0\r\nA: b\r\nC:\r\n\r\n", Ok((b"", Some(0)))),
        (b"5\r\nhel", Ok((b"hel", None))),
        (b"5\r\nhello\r\n0\r\n", Ok((b"hello", None))),
        (b"\r\n", Err(Refusal::ChunkSize)),
        (b";x\r\n", Err(Refusal::ChunkSize)),
        (b" 5\r\nhello", Err(Refusal::ChunkSize)),
        (b"5 \r\nhello", Err(Refusal::ChunkSize)),
        (b"+5\r\nhello", Err(Refusal::ChunkSize)),
        (b"-5\r\nhello", Err(Refusal::ChunkSize)),
        (b"0x5\r\nhello", Err(Refusal::ChunkSize)),
        (b"5\nhello\n0\n\n", Err(Refusal::ChunkSize)),
        (b"5\r\r\nhello", Err(Refusal::ChunkSize)),
        (b"G\r\n", Err(Refusal::ChunkSize)),
        (b"10000000000000000\r\n", Err(Refusal::ChunkSizeOverflow)),
        (
            b"00000000000000005\r\nhello",
            Err(Refusal::ChunkSizeOverflow),
        ),
        (b"3;a\nabc\r\n", Err(Refusal::ChunkExtension)),
        (b"3;a\0b\r\n", Err(Refusal::ChunkExtension)),
        (b"5\r\nhelloX\r\n", Err(Refusal::ChunkEnd)),
        (b"5\r\nhello\n", Err(Refusal::ChunkEnd)),
        (b"5\r\nhello\rX", Err(Refusal::ChunkEnd)),
        (b"5\r\nhello0\r\n\r\n", Err(Refusal::ChunkEnd)),
        (b"0\r\n\n", Err(Refusal::TrailerInvalid)),
        (b"0\r\n\rX", Err(Refusal::TrailerInvalid)),
        (b"0\r\nA b: c\r\n\r\n", Err(Refusal::TrailerInvalid)),
        (b"0\r\n: c\r\n\r\n", Err(Refusal::TrailerInvalid)),
        (b"0\r\n fold\r\n\r\n", Err(Refusal::TrailerInvalid)),
        (b"0\r\nA: b\nC: d\r\n\r\n", Err(Refusal::TrailerInvalid)),
        (b"0\r\nA: \0\r\n\r\n", Err(Refusal::TrailerInvalid)),
    ];

    #[test]
    fn cases_whole_and_at_every_split() {
        for (input, expected) in CASES {
            let expected = expected.map(|(content, rest)| (content.to_vec(), rest));
            assert_eq!(
                decode(&[input]),
                expected,
                "{:?}",
                input.escape_ascii().to_string()
            );
            for split in 0..=input.len() {
                let (a, b) = input.split_at(split);
                let name = input.escape_ascii().to_string();
                assert_eq!(decode(&[a, b]), expected, "{name:?} at {split}");
            }
            let single: Vec<&[u8]> = input.chunks(1).collect();
            assert_eq!(
                decode(&single),
                expected,
                "{:?}",
                input.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn the_largest_size_is_read() {
        let mut decoder = ChunkedDecoder::new();
        let input = b"FFFFFFFFFFFFFFFF\r\nabc";
        let mut at = 0;
        assert_eq!(decoder.decode(input, &mut at), Ok(Chunk::Data(3)));
        assert_eq!(decoder.size, u64::MAX - 3);
    }

    #[test]
    fn extensions_are_bounded_over_the_body() {
        let chunk = format!("1;{}\r\na\r\n", "x".repeat(1000));
        let input = chunk.repeat(5);
        assert_eq!(
            decode(&[input.as_bytes()]),
            Err(Refusal::ChunkExtensionTooLong)
        );
    }

    #[test]
    fn trailers_are_kept_at_every_split() {
        let input = b"1;x\r\na\r\n0\r\nX-Sum: 12\r\nHost: b\r\nX-Other:\t c d \r\n\r\nX: y\r\n\r\n";
        for split in 0..input.len() {
            let mut decoder = ChunkedDecoder::new();
            for piece in [&input[..split], &input[split..]] {
                let mut at = 0;
                while let Chunk::Data(len) = decoder.decode(piece, &mut at).unwrap() {
                    at += len;
                    assert_eq!(decoder.trailers(), None);
                }
            }
            let trailers = decoder.trailers().unwrap();
            assert_eq!(trailers.len(), 2, "{split}: {trailers:?}");
            assert_eq!(trailers["x-sum"], "12");
            assert_eq!(trailers["x-other"], "c d");
        }
        let mut decoder = ChunkedDecoder::new();
        assert_eq!(decoder.decode(b"0\r\n\r\n", &mut 0), Ok(Chunk::End));
        assert_eq!(decoder.trailers(), None);
    }

    #[test]
    fn trailers_are_bounded() {
        let long = format!("0\r\nA: {}\r\n\r\n", "x".repeat(MAX_TRAILER));
        assert_eq!(decode(&[long.as_bytes()]), Err(Refusal::TrailerTooLarge));
        let many = format!("0\r\n{}\r\n", "A: b\r\n".repeat(40));
        assert_eq!(decode(&[many.as_bytes()]), Err(Refusal::TrailerTooLarge));
    }
}
