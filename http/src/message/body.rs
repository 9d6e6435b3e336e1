//! Bodies, of requests and of responses.

use std::fmt;
use std::fs::File;
use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::HeaderMap;

use super::body_error::BodyError;
use super::file_part::FilePart;
use super::pipe::Reader;
use super::streamed::{BoxError, Frame, Streamed};

/// The body of a request or a response: nothing, bytes at hand, a part of a file, or a stream of
/// chunks.
///
/// | made by | sent |
/// |---|---|
/// | [`empty`](Self::empty), `From<()>` | nothing |
/// | [`from_static`](Self::from_static), `From` of text and bytes | with its length, with its head if it is small |
/// | [`file`](Self::file) | with its length, by `sendfile` |
/// | [`stream_of_length`](Self::stream_of_length) | with its length, as it comes |
/// | [`stream`](Self::stream) | in the chunked coding, as it comes |
/// | [`frames`](Self::frames) | in the chunked coding, as it comes, with a trailer |
/// | the body of a request | as it came: with its length, or in chunks with its trailer |
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
    /// A part of a file.
    File(Box<FilePart>),
    /// Read to its end, behind which this stood.
    Ended(Box<HeaderMap>),
}

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
        Self(Kind::Stream(Box::new(Streamed::data(stream, None))))
    }

    /// As [`Body::stream`], for a stream of exactly `length` bytes. The client is told the length;
    /// a stream that turns out longer or shorter ends the connection.
    pub fn stream_of_length<S, E>(stream: S, length: u64) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let streamed = Streamed::data(stream, Some(length));
        Self(Kind::Stream(Box::new(streamed)))
    }

    /// As [`Body::stream`], for a stream that may end with a trailer: header lines that can be
    /// known only when the content is there, such as its checksum.
    ///
    /// It is wise to name them in a `Trailer` line of the head. Whoever passes the response on may
    /// drop a trailer, and in version 1.0 there is none.
    ///
    /// # Examples
    /// ```
    /// use bytes::Bytes;
    /// use ringspun_http::{Body, Frame, HeaderMap, HeaderValue, Response};
    /// # use std::pin::Pin;
    /// # use std::task::{Context, Poll};
    /// # struct Iter<I>(I);
    /// # impl<I: Iterator + Unpin> futures_core::Stream for Iter<I> {
    /// #     type Item = I::Item;
    /// #     fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
    /// #         Poll::Ready(self.0.next())
    /// #     }
    /// # }
    /// # fn stream<T>(items: Vec<T>) -> Iter<std::vec::IntoIter<T>> { Iter(items.into_iter()) }
    ///
    /// let mut sum = HeaderMap::new();
    /// sum.insert("x-checksum", HeaderValue::from_static("294"));
    /// let frames = vec![
    ///     Ok::<_, std::io::Error>(Frame::Data(Bytes::from_static(b"abc"))),
    ///     Ok(Frame::Trailers(sum)),
    /// ];
    /// let response = Response::ok()
    ///     .try_with_header("trailer", "x-checksum")?
    ///     .with_body(Body::frames(stream(frames)));
    /// # Ok::<(), ringspun_http::InvalidHeader>(())
    /// ```
    pub fn frames<S, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<Frame, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self(Kind::Stream(Box::new(Streamed::new(stream, None))))
    }

    /// As [`Body::frames`], for a stream whose length may be known.
    pub(crate) fn frames_of_length<S, E>(stream: S, length: Option<u64>) -> Self
    where
        S: Stream<Item = Result<Frame, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self(Kind::Stream(Box::new(Streamed::new(stream, length))))
    }

    /// A part of a file; sent by the kernel from its page cache to the socket (`sendfile`), without
    /// a copy through this process, where the transport is TCP.
    ///
    /// The range is in bytes from the start of the file and should end within it: a file that turns
    /// out shorter ends the connection, so that the client sees that the body is not complete. The
    /// file's own position is neither used nor moved, so one open file (an `Arc`) can be sent by
    /// many connections at once. It is closed with the last of them.
    ///
    /// What is not in the page cache is read from the disk while the core waits: there is no
    /// readiness of files. Each connection sends 256 KiB at a time, and others have their turn.
    /// Read as [chunks](Body::chunk), the body comes from the blocking pool.
    ///
    /// [`OpenFile`](crate::files::OpenFile) makes a whole response of a file, with ranges and
    /// conditions.
    ///
    /// [`files`](crate::files) has what makes a whole response of a file.
    ///
    /// # Examples
    /// ```no_run
    /// use std::fs::File;
    /// use std::io;
    /// use ringspun_http::{Body, Response};
    ///
    /// fn first_page(path: &str) -> io::Result<Response> {
    ///     let file = File::open(path)?;
    ///     let end = file.metadata()?.len().min(4096);
    ///     Ok(Response::ok().with_body(Body::file(file, 0..end)))
    /// }
    /// ```
    pub fn file(file: impl Into<Arc<File>>, range: Range<u64>) -> Self {
        if range.is_empty() {
            return Self::empty();
        }
        Self(Kind::File(Box::new(FilePart::new(file.into(), range))))
    }

    /// How many bytes are still to come, where that is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match &self.0 {
            Kind::Empty => Some(0),
            Kind::Static(bytes) => Some(bytes.len() as u64),
            Kind::Bytes(bytes) => Some(bytes.len() as u64),
            Kind::Incoming(reader) => reader.left(),
            Kind::Stream(streamed) => streamed.left(),
            Kind::File(part) => Some(part.left()),
            Kind::Ended(_) => Some(0),
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
            Kind::Incoming(reader) => {
                let chunk = ready!(reader.poll_chunk(cx));
                if chunk.is_none() {
                    self.0 = reader.take_trailers().map_or(Kind::Empty, Kind::Ended);
                }
                Poll::Ready(chunk)
            }
            Kind::Stream(streamed) => {
                let (chunk, end) = match ready!(streamed.poll_frame(cx)) {
                    Some(Ok(Frame::Data(chunk))) => return Poll::Ready(Some(Ok(chunk))),
                    Some(Ok(Frame::Trailers(trailers))) => (None, Kind::Ended(Box::new(trailers))),
                    Some(Err(error)) => (Some(Err(error)), Kind::Empty),
                    None => (None, Kind::Empty),
                };
                self.0 = end;
                Poll::Ready(chunk)
            }
            Kind::File(part) => {
                let chunk = ready!(part.poll_chunk(cx));
                if !matches!(chunk, Some(Ok(_))) {
                    self.0 = Kind::Empty;
                }
                Poll::Ready(chunk)
            }
            Kind::Ended(_) => Poll::Ready(None),
            plain => Poll::Ready(match std::mem::take(plain) {
                Kind::Static(bytes) => Some(Ok(Bytes::from_static(bytes))),
                Kind::Bytes(bytes) if !bytes.is_empty() => Some(Ok(bytes)),
                _ => None,
            }),
        }
    }

    /// The trailer: the header lines that stood behind a body in the chunked coding. `None` before
    /// the body was read to its end, where nothing stood there, and for other bodies.
    ///
    /// Fields that decide how a message is framed, routed, allowed or understood are dropped: they
    /// come too late ([`is_trailer_field`](crate::proto::is_trailer_field)). The server bounds the
    /// whole trailer to 8 KiB and 32 lines.
    ///
    /// A body that is sent back, or on, keeps its trailer.
    ///
    /// # Examples
    /// ```
    /// use ringspun_http::{BodyError, Request};
    ///
    /// async fn checksum(mut request: Request) -> Result<String, BodyError> {
    ///     let length = request.body().bytes(1 << 20).await?.len();
    ///     let sum = request.body().trailers().and_then(|trailers| trailers.get("x-checksum"));
    ///     Ok(format!("{length} bytes, checksum {sum:?}\n"))
    /// }
    /// ```
    #[must_use]
    pub fn trailers(&self) -> Option<&HeaderMap> {
        match &self.0 {
            Kind::Ended(trailers) => Some(trailers),
            _ => None,
        }
    }

    /// As [`Body::trailers`], taking it out.
    pub fn take_trailers(&mut self) -> Option<HeaderMap> {
        match std::mem::take(&mut self.0) {
            Kind::Ended(trailers) => Some(*trailers),
            kind => {
                self.0 = kind;
                None
            }
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
        String::from_utf8(bytes.into()).map_err(|_| BodyError::NOT_TEXT)
    }

    /// A body that a connection feeds.
    pub(crate) fn incoming(reader: Reader) -> Self {
        Self(Kind::Incoming(reader))
    }

    /// A body of the application's frames, of this length if that is known.
    #[cfg(feature = "http-body")]
    pub(super) fn of_frames<S>(frames: S, length: Option<u64>) -> Self
    where
        S: Stream<Item = Result<Frame, BoxError>> + Send + 'static,
    {
        Self(Kind::Stream(Box::new(Streamed::new(frames, length))))
    }

    /// Whether neither content nor a trailer is to come, for sure.
    #[cfg(feature = "http-body")]
    pub(super) fn is_at_end(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Incoming(reader) => reader.is_at_end(),
            // A stream of no bytes may still have a trailer.
            _ => false,
        }
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

    /// The part of a file, if it is one.
    pub(crate) fn into_file(self) -> Result<Box<FilePart>, Self> {
        match self.0 {
            Kind::File(part) => Ok(part),
            kind => Err(Self(kind)),
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
            Kind::File(_) => "file",
            Kind::Ended(_) => "trailers",
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

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use http::StatusCode;

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
    fn trailers_are_there_at_the_end_and_end_the_body() {
        struct Frames(std::vec::IntoIter<Frame>);

        impl Stream for Frames {
            type Item = Result<Frame, std::io::Error>;

            fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                Poll::Ready(self.get_mut().0.next().map(Ok))
            }
        }

        let mut sum = HeaderMap::new();
        sum.insert("x-sum", "12".parse().unwrap());
        let frames = vec![
            Frame::Data(Bytes::from("ab")),
            Frame::Trailers(sum.clone()),
            Frame::Data(Bytes::from("behind")),
        ];
        let mut body = Body::frames(Frames(frames.into_iter()));
        assert_eq!((body.length(), body.trailers()), (None, None));
        assert_eq!(now(body.bytes(10)).unwrap(), "ab");
        assert_eq!((body.trailers(), body.length()), (Some(&sum), Some(0)));
        assert!(now(body.chunk()).is_none(), "nothing follows a trailer");
        assert_eq!(body.take_trailers(), Some(sum));
        assert_eq!(body.take_trailers(), None);
        assert!(now(body.chunk()).is_none());
    }

    #[test]
    fn bodies_can_be_shared_between_threads() {
        fn check<T: Send + Sync>() {}
        check::<Body>();
        check::<BodyError>();
    }
}
