//! Bodies, of requests and of responses.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::StatusCode;

use super::pipe::Reader;
use crate::proto::Refusal;

/// The body of a request or a response: nothing, bytes at hand, or a stream of chunks.
///
/// The body of a request that has come with its head is at hand. A longer one is read from the
/// connection as it is asked for, a chunk at a time; a slow reader slows the client. What is not
/// read is dropped after the response, up to a bound, or the connection is closed.
///
/// # Examples
/// ```
/// use ringspun_http::{Body, Request, Response};
///
/// /// Sends the body back chunk by chunk, without ever holding all of it.
/// async fn echo(request: Request) -> Response {
///     Response::ok().with_body(request.into_body())
/// }
///
/// /// Takes at most 1 KiB of text.
/// async fn greet(mut request: Request) -> Result<String, ringspun_http::BodyError> {
///     let name = request.body().text(1024).await?;
///     Ok(format!("Hello, {name}!"))
/// }
/// ```
#[derive(Default)]
pub struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Static(&'static [u8]),
    Bytes(Bytes),
    /// From a connection, as it comes.
    Incoming(Reader),
    /// From the application, as it comes.
    Stream(Box<Streamed>),
}

struct Streamed {
    /// Never locked: the mutex only lets a body be shared between threads, which a stream alone
    /// could not be.
    stream: Mutex<ChunkStream>,
    /// Bytes still to come, if they are known.
    left: Option<u64>,
}

type ChunkStream = Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>;

type BoxError = Box<dyn StdError + Send + Sync>;

/// A body whose bytes are all at hand.
pub(crate) enum Plain {
    /// In the program.
    Static(&'static [u8]),
    /// On the heap.
    Bytes(Bytes),
}

impl Body {
    /// No body.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// Bytes that are part of the program. Sending them copies and allocates nothing.
    #[must_use]
    pub const fn from_static(bytes: &'static [u8]) -> Self {
        if bytes.is_empty() {
            Self::empty()
        } else {
            Self(Kind::Static(bytes))
        }
    }

    /// Chunks as they come; sent in the chunked coding, because their sum is not known.
    ///
    /// The stream is asked for a chunk when the connection can take it. An error ends the
    /// connection, so that the client sees that the body is not complete.
    pub fn stream<S, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self::streamed(stream, None)
    }

    /// As [`Body::stream`], for a stream of exactly `length` bytes. The client is told the length;
    /// a stream that turns out longer or shorter ends the connection.
    pub fn stream_of_length<S, E>(stream: S, length: u64) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self::streamed(stream, Some(length))
    }

    /// How many bytes are still to come, where that is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match &self.0 {
            Kind::Empty => Some(0),
            Kind::Static(bytes) => Some(bytes.len() as u64),
            Kind::Bytes(bytes) => Some(bytes.len() as u64),
            Kind::Incoming(reader) => reader.left(),
            Kind::Stream(streamed) => streamed.left,
        }
    }

    /// Whether nothing is to come, for sure.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length() == Some(0)
    }

    /// The next chunk, `None` at the end. Chunks are not empty.
    ///
    /// # Errors
    /// The client has broken a rule or gone away, or the application's stream has failed. Nothing
    /// follows an error.
    ///
    /// # Cancel safety
    /// A chunk is either returned or still in the body.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// As [`Body::chunk`], for futures written by hand.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        match &mut self.0 {
            Kind::Incoming(reader) => reader.poll_chunk(cx),
            Kind::Stream(streamed) => {
                let chunk = ready!(streamed.poll_chunk(cx));
                if !matches!(chunk, Some(Ok(_))) {
                    self.0 = Kind::Empty;
                }
                Poll::Ready(chunk)
            }
            plain => Poll::Ready(match std::mem::take(plain) {
                Kind::Static(bytes) => Some(Ok(Bytes::from_static(bytes))),
                Kind::Bytes(bytes) if !bytes.is_empty() => Some(Ok(bytes)),
                _ => None,
            }),
        }
    }

    /// The rest of the body in one piece, at most `limit` bytes.
    ///
    /// Memory is taken as the chunks come, not as the client has announced them.
    ///
    /// # Errors
    /// The body is longer than `limit`, or as [`Body::chunk`].
    ///
    /// # Cancel safety
    /// Not cancel safe: what was read is lost.
    pub async fn bytes(&mut self, limit: usize) -> Result<Bytes, BodyError> {
        if self.length().is_some_and(|length| length > limit as u64) {
            return Err(BodyError::TOO_LARGE);
        }
        let Some(first) = self.chunk().await.transpose()? else {
            return Ok(Bytes::new());
        };
        if first.len() > limit {
            return Err(BodyError::TOO_LARGE);
        }
        let Some(second) = self.chunk().await.transpose()? else {
            return Ok(first);
        };
        let mut whole = BytesMut::from(first);
        let mut next = Some(second);
        while let Some(chunk) = next {
            if chunk.len() > limit - whole.len() {
                return Err(BodyError::TOO_LARGE);
            }
            whole.extend_from_slice(&chunk);
            next = self.chunk().await.transpose()?;
        }
        Ok(whole.freeze())
    }

    /// The rest of the body as text, at most `limit` bytes.
    ///
    /// # Errors
    /// The body is not UTF-8, or as [`Body::bytes`].
    ///
    /// # Cancel safety
    /// Not cancel safe: what was read is lost.
    pub async fn text(&mut self, limit: usize) -> Result<String, BodyError> {
        let bytes = self.bytes(limit).await?;
        String::from_utf8(bytes.into()).map_err(|_| BodyError(ErrorKind::NotText))
    }

    /// A body that a connection feeds.
    pub(crate) fn incoming(reader: Reader) -> Self {
        Self(Kind::Incoming(reader))
    }

    /// The bytes, if all are at hand.
    pub(crate) fn into_plain(self) -> Result<Plain, Self> {
        match self.0 {
            Kind::Empty => Ok(Plain::Static(b"")),
            Kind::Static(bytes) => Ok(Plain::Static(bytes)),
            Kind::Bytes(bytes) => Ok(Plain::Bytes(bytes)),
            kind => Err(Self(kind)),
        }
    }

    fn streamed<S, E>(stream: S, left: Option<u64>) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let stream: ChunkStream = Box::pin(Chunks {
            stream: Box::pin(stream),
        });
        Self(Kind::Stream(Box::new(Streamed {
            stream: Mutex::new(stream),
            left,
        })))
    }
}

impl Streamed {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let stream = self
            .stream
            .get_mut()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        loop {
            return match ready!(stream.as_mut().poll_next(cx)) {
                Some(Ok(chunk)) if chunk.is_empty() => continue,
                Some(Ok(chunk)) => {
                    self.left = self
                        .left
                        .map(|left| left.saturating_sub(chunk.len() as u64));
                    Poll::Ready(Some(Ok(chunk)))
                }
                Some(Err(error)) => Poll::Ready(Some(Err(BodyError(ErrorKind::Stream(error))))),
                None => Poll::Ready(None),
            };
        }
    }
}

/// The chunks of a body; ends after the first error.
impl Stream for Body {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_chunk(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (
            usize::from(!self.is_empty() && self.length().is_some()),
            None,
        )
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Empty => "empty",
            Kind::Static(_) | Kind::Bytes(_) => "bytes",
            Kind::Incoming(_) => "incoming",
            Kind::Stream(_) => "stream",
        };
        f.debug_struct("Body")
            .field("kind", &kind)
            .field("length", &self.length())
            .finish()
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::empty()
        } else {
            Self(Kind::Bytes(bytes))
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::from(Bytes::from(text))
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::from_static(text.as_bytes())
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Self::from_static(bytes)
    }
}

/// Makes the items of an application's stream uniform.
struct Chunks<S> {
    stream: Pin<Box<S>>,
}

impl<S, E> Stream for Chunks<S>
where
    S: Stream<Item = Result<Bytes, E>>,
    E: Into<BoxError>,
{
    type Item = Result<Bytes, BoxError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut()
            .stream
            .as_mut()
            .poll_next(cx)
            .map_err(Into::into)
    }
}

/// Why a body could not be read.
///
/// As the answer of a handler it becomes the fitting status; see
/// [`IntoResponse`](crate::IntoResponse).
#[derive(Debug)]
pub struct BodyError(ErrorKind);

#[derive(Debug)]
enum ErrorKind {
    /// The client has broken a rule of the protocol, or a limit.
    Refused(Refusal),
    /// The connection is gone.
    Disconnected,
    /// More than the reader wanted.
    TooLarge,
    /// Not UTF-8.
    NotText,
    /// The application's own stream.
    Stream(BoxError),
}

impl BodyError {
    const TOO_LARGE: Self = Self(ErrorKind::TooLarge);

    pub(crate) const fn refused(refusal: Refusal) -> Self {
        Self(ErrorKind::Refused(refusal))
    }

    pub(crate) const fn disconnected() -> Self {
        Self(ErrorKind::Disconnected)
    }

    /// Whether the body is larger than the server's or the reader's limit.
    #[must_use]
    pub const fn is_too_large(&self) -> bool {
        matches!(
            self.0,
            ErrorKind::TooLarge | ErrorKind::Refused(Refusal::BodyTooLarge)
        )
    }

    /// Whether the client was slower than the server's limit.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self.0, ErrorKind::Refused(Refusal::BodyTimeout))
    }

    /// Whether the client has gone before the end of the body.
    #[must_use]
    pub const fn is_disconnected(&self) -> bool {
        matches!(
            self.0,
            ErrorKind::Disconnected | ErrorKind::Refused(Refusal::BodyIncomplete)
        )
    }

    /// The rule that the client has broken, if it was that.
    #[must_use]
    pub const fn refusal(&self) -> Option<Refusal> {
        match self.0 {
            ErrorKind::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The status to answer with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.0 {
            ErrorKind::Refused(refusal) => refusal.status(),
            ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::Disconnected | ErrorKind::NotText => StatusCode::BAD_REQUEST,
            ErrorKind::Stream(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ErrorKind::Refused(refusal) => refusal.fmt(f),
            ErrorKind::Disconnected => f.write_str("the connection ended inside the body"),
            ErrorKind::TooLarge => f.write_str("the body is larger than the reader's limit"),
            ErrorKind::NotText => f.write_str("the body is not UTF-8"),
            ErrorKind::Stream(error) => error.fmt(f),
        }
    }
}

impl StdError for BodyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0 {
            ErrorKind::Stream(error) => Some(error.as_ref()),
            ErrorKind::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Runs a future that is never pending.
    fn now<T>(future: impl Future<Output = T>) -> T {
        let mut cx = Context::from_waker(Waker::noop());
        match std::pin::pin!(future).poll(&mut cx) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("not pending"),
        }
    }

    struct Items(std::vec::IntoIter<Result<Bytes, std::io::Error>>);

    impl Stream for Items {
        type Item = Result<Bytes, std::io::Error>;

        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.get_mut().0.next())
        }
    }

    fn items(items: &[&'static str]) -> Items {
        let items: Vec<_> = items.iter().map(|item| Ok(Bytes::from(*item))).collect();
        Items(items.into_iter())
    }

    #[test]
    fn a_body_at_hand_is_one_chunk() {
        for mut body in [Body::from("abc"), Body::from(vec![b'a', b'b', b'c'])] {
            assert_eq!(body.length(), Some(3));
            assert_eq!(now(body.chunk()).unwrap().unwrap(), "abc");
            assert!(now(body.chunk()).is_none());
            assert!(body.is_empty());
        }
        assert!(now(Body::from(String::new()).chunk()).is_none());
    }

    #[test]
    fn bytes_and_text_are_bounded() {
        assert_eq!(now(Body::from("abc").bytes(3)).unwrap(), "abc");
        assert!(now(Body::from("abc").bytes(2)).unwrap_err().is_too_large());
        let stream = || Body::stream(items(&["ab", "", "c", "de"]));
        assert_eq!(now(stream().bytes(5)).unwrap(), "abcde");
        for limit in 0..5 {
            assert!(
                now(stream().bytes(limit)).unwrap_err().is_too_large(),
                "{limit}"
            );
        }
        assert_eq!(now(stream().text(5)).unwrap(), "abcde");
        let error = now(Body::from(vec![0xff]).text(5)).unwrap_err();
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn nothing_follows_an_error() {
        let failing = vec![
            Ok(Bytes::from("a")),
            Err(std::io::Error::other("x")),
            Ok(Bytes::new()),
        ];
        let mut body = Body::stream(Items(failing.into_iter()));
        assert_eq!(now(body.chunk()).unwrap().unwrap(), "a");
        assert_eq!(now(body.chunk()).unwrap().unwrap_err().to_string(), "x");
        assert!(now(body.chunk()).is_none());
    }

    #[test]
    fn bodies_can_be_shared_between_threads() {
        fn check<T: Send + Sync>() {}
        check::<Body>();
        check::<BodyError>();
    }
}
