//! How far the message under way was sent: the same for responses and requests.

use http::HeaderMap;

use super::encode;
use super::trailers;

/// How the body of the message under way is to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sending {
    /// Not at all: the message is complete.
    Nothing,
    /// So many bytes are still to come.
    Known(u64),
    /// In chunks.
    Chunked,
    /// As it comes; its end is the end of the connection. Responses only.
    UntilClose,
}

/// See the module's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Writing {
    /// Nothing was sent yet.
    Waiting,
    Body(Sending),
    Done,
}

impl Writing {
    /// Behind the head of a message whose body is sent like this.
    pub(super) const fn body(sending: Sending) -> Self {
        match sending {
            Sending::Nothing => Self::Done,
            _ => Self::Body(sending),
        }
    }

    /// Announces `len` bytes of content: appends what stands before them and returns what stands
    /// behind them.
    pub(super) fn data(
        &mut self,
        len: usize,
        out: &mut Vec<u8>,
    ) -> Result<&'static [u8], WrongLength> {
        match self {
            Self::Body(Sending::Known(left)) => {
                *left = left.checked_sub(len as u64).ok_or(WrongLength(()))?;
                Ok(b"")
            }
            Self::Body(Sending::Chunked) if len > 0 => {
                encode::append_chunk_size(out, len);
                Ok(b"\r\n")
            }
            Self::Body(_) => Ok(b""),
            Self::Waiting | Self::Done => Err(WrongLength(())),
        }
    }

    /// Ends the body.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) -> Result<(), WrongLength> {
        match self {
            Self::Body(Sending::Known(1..)) => return Err(WrongLength(())),
            Self::Body(Sending::Chunked) => out.extend_from_slice(b"0\r\n\r\n"),
            _ => {}
        }
        *self = Self::Done;
        Ok(())
    }

    /// Ends the body, with a trailer where the coding can carry one.
    pub(super) fn end_with(
        &mut self,
        trailers: &HeaderMap,
        out: &mut Vec<u8>,
    ) -> Result<(), WrongLength> {
        if *self != Self::Body(Sending::Chunked) {
            return self.end(out);
        }
        out.extend_from_slice(b"0\r\n");
        trailers::append(out, trailers);
        out.extend_from_slice(b"\r\n");
        *self = Self::Done;
        Ok(())
    }
}

/// A body that has not the length that its head has told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrongLength(());

impl std::fmt::Display for WrongLength {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the body has not the length that its head has told")
    }
}

impl std::error::Error for WrongLength {}
