//! From the bytes of a body to events: the same for requests and responses.

use http::HeaderMap;

use super::chunked::{Chunk, ChunkedDecoder};
use super::conn::Event;
use super::refusal::Refusal;

/// A body of which `left` bytes are to come, and `there` are there.
pub(super) fn receive_known(left: &mut u64, there: usize, end: bool) -> Result<Event, Refusal> {
    if *left == 0 {
        return Ok(Event::End);
    }
    if there == 0 {
        return if end {
            Err(Refusal::BodyIncomplete)
        } else {
            Ok(Event::NeedMore)
        };
    }
    let content = usize::try_from(*left).map_or(there, |left| left.min(there));
    *left -= content as u64;
    Ok(Event::Data(content))
}

/// A body in chunks. At its end its trailer is put into `trailers`.
pub(super) fn receive_chunks(
    decoder: &mut ChunkedDecoder,
    input: &[u8],
    at: &mut usize,
    end: bool,
    trailers: &mut Option<Box<HeaderMap>>,
) -> Result<Event, Refusal> {
    match decoder.decode(input, at)? {
        Chunk::NeedMore if end => Err(Refusal::BodyIncomplete),
        Chunk::NeedMore => Ok(Event::NeedMore),
        Chunk::Data(content) => Ok(Event::Data(content)),
        Chunk::End => {
            *trailers = decoder.trailers();
            Ok(Event::End)
        }
    }
}
