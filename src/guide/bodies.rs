//! Bodies: bytes, JSON, streams, files, events, trailers, uploads.
//!
//! # Reading one
//!
//! | you want | call | errors are answered with |
//! |---|---|---|
//! | all of it, up to a bound | [`body().bytes(limit)`](crate::http::Body::bytes), [`text`](crate::http::Body::text) | 413, 400 |
//! | a value from JSON (feature `json`) | `request.json(limit)` | 415, 413, 400 |
//! | it piece by piece | [`body().chunk()`](crate::http::Body::chunk), or as a `futures_core::Stream` | 413, 408, 400 |
//! | to pass it on | [`into_body()`](crate::http::Request::into_body) | |
//!
//! A small body has come with its head. A larger one is read from the socket as it is asked for: a slow reader
//! slows the client, and nothing is buffered beyond a chunk. `?` on a
//! [`BodyError`](crate::http::BodyError) answers with the status that fits.
//!
//! ```
//! use ringspun::http::{Body, BodyError, Request, Response, Router};
//!
//! async fn greet(mut request: Request) -> Result<String, BodyError> {
//!     let name = request.body().text(1024).await?;
//!     Ok(format!("Hello, {name}!\n"))
//! }
//!
//! /// Counts what may be larger than memory.
//! async fn count(mut request: Request) -> Result<String, BodyError> {
//!     let mut length = 0_u64;
//!     while let Some(chunk) = request.body().chunk().await {
//!         length += chunk?.len() as u64;
//!     }
//!     Ok(format!("{length} bytes\n"))
//! }
//!
//! /// Streams it back, its length and trailer too.
//! async fn echo(request: Request) -> Body {
//!     request.into_body()
//! }
//!
//! let app = Router::new().post("/greet", greet).post("/count", count).post("/echo", echo);
//! ```
//!
//! A handler may answer without reading. Up to [`unread_bytes`](super::limits) are then taken in and dropped to
//! keep the connection; beyond that it is closed behind the response. To `Expect: 100-continue` the server says
//! 100 when the handler first asks for the body, so a refusal costs the client no upload.
//!
//! # JSON
//!
//! With `features = ["json"]`:
//!
//! ```
//! # #[cfg(feature = "json")] {
//! use ringspun::http::{BodyError, Json, Request, Router};
//!
//! /// Any `serde::Deserialize` in, any `serde::Serialize` out.
//! async fn sum(mut request: Request) -> Result<Json<u64>, BodyError> {
//!     let numbers: Vec<u64> = request.json(64 * 1024).await?;
//!     Ok(Json(numbers.iter().sum()))
//! }
//! let app = Router::new().post("/sum", sum);
//! # }
//! ```
//!
//! `Request::json` wants `application/json` or `…+json` in the head; `Body::json` does not look. Text that is
//! JSON already goes out with [`Response::json`](crate::http::Response::json), no feature needed.
//!
//! # Streams
//!
//! A channel makes the simplest one: the producer waits while the client does not read, and its `send` fails
//! when the client is gone.
//!
//! ```
//! use bytes::Bytes;
//! use ringspun::channel::channel;
//! use ringspun::http::{Body, Request, Response};
//!
//! async fn numbers(_: Request) -> Response {
//!     let (chunks, stream) = channel::<Result<Bytes, std::io::Error>>(4);
//!     ringspun::spawn(async move {
//!         for n in 0..1_000_000_u32 {
//!             if chunks.send(Ok(format!("{n}\n").into())).await.is_err() {
//!                 return; // the client is gone
//!             }
//!         }
//!     });
//!     Response::ok().with_body(Body::stream(stream.into_stream()))
//! }
//! # #[ringspun::main(cores = 1)]
//! # async fn main() {
//! #     let request = Request::new("GET", "/").unwrap();
//! #     let mut body = numbers(request).await.into_body();
//! #     assert_eq!(body.chunk().await.unwrap().unwrap(), "0\n");
//! # }
//! ```
//!
//! [`Body::stream`](crate::http::Body::stream) takes any `futures_core::Stream<Item = Result<Bytes, E>>` and
//! sends it chunked; [`stream_of_length`](crate::http::Body::stream_of_length) announces a length. An error of
//! the stream ends the connection, so that the client sees that the body is not complete.
//!
//! # Files
//!
//! ```
//! use ringspun::http::files::{Directory, OpenFile};
//! use ringspun::http::{HeaderValue, IntoResponse, Request, Response, Router, StatusCode};
//!
//! async fn manual(request: Request) -> Response {
//!     match OpenFile::open("/srv/manual.pdf").await {
//!         Ok(file) => file.respond(&request),
//!         Err(_) => StatusCode::NOT_FOUND.into_response(),
//!     }
//! }
//!
//! let assets = Directory::new("/srv/assets")
//!     .with_cache_control(HeaderValue::from_static("public, max-age=3600"));
//! let app = Router::new()
//!     .get("/manual", manual)
//!     .get("/assets/", assets.clone()) // its index.html
//!     .get("/assets/{*path}", assets);
//! ```
//!
//! Ranges (206, 416, `If-Range`), `ETag`, `Last-Modified`, 304, 412 and HEAD are done. Large files go by
//! `sendfile`, 256 KiB at a time. Nothing outside the directory is served: no `..`, no links that lead out, no
//! hidden names unless asked for. There are no listings and no compression; for that put
//! [tower-http](super::axum) in front. A path that comes from a client belongs into
//! [`Directory`](crate::http::files::Directory), never into
//! [`OpenFile::open`](crate::http::files::OpenFile::open).
//!
//! For resources of your own: [`conditional`](crate::http::conditional).
//!
//! # Server-sent events
//!
//! ```
//! use std::io;
//! use std::time::Duration;
//! use ringspun::channel::{Receiver, Values, channel};
//! use ringspun::http::Request;
//! use ringspun::http::sse::{Event, Sse};
//! use ringspun::{spawn, time};
//!
//! type Events = Values<Receiver<io::Result<Event>>, io::Result<Event>>;
//!
//! async fn ticks(_: Request) -> Sse<Events> {
//!     let (events, stream) = channel(1);
//!     spawn(async move {
//!         let mut seconds = time::interval(Duration::from_secs(1));
//!         for n in 0.. {
//!             seconds.tick().await;
//!             if events.send(Ok(Event::data(format!("tick {n}")))).await.is_err() {
//!                 return;
//!             }
//!         }
//!     });
//!     Sse::new(stream.into_stream())
//! }
//! ```
//!
//! A comment goes out after 15 s of silence
//! ([`with_keep_alive`](crate::http::sse::Sse::with_keep_alive)), which also finds out that the client is gone.
//! nginx is told not to buffer. [`request_timeout`](super::limits) ends with the head of the response, so a
//! stream may go on for days.
//!
//! # Trailers
//!
//! Header lines behind the body, for what is known only then. Incoming ones are there when the body has been read
//! to its end; outgoing ones are the last frame of [`Body::frames`](crate::http::Body::frames).
//!
//! ```
//! use bytes::Bytes;
//! use ringspun::channel::channel;
//! use ringspun::http::{
//!     Body, BodyError, Frame, HeaderMap, HeaderValue, InvalidHeader, Request, Response,
//! };
//!
//! async fn checked(mut request: Request) -> Result<String, BodyError> {
//!     let length = request.body().bytes(1 << 20).await?.len();
//!     let sum = request.body().trailers().and_then(|trailers| trailers.get("x-checksum"));
//!     Ok(format!("{length} bytes, checksum {sum:?}\n"))
//! }
//!
//! async fn with_sum(_: Request) -> Result<Response, InvalidHeader> {
//!     let (frames, stream) = channel::<Result<Frame, std::io::Error>>(1);
//!     ringspun::spawn(async move {
//!         let mut trailers = HeaderMap::new();
//!         trailers.insert("x-checksum", HeaderValue::from_static("294"));
//!         let _ = frames.send(Ok(Frame::Data(Bytes::from_static(b"abc")))).await;
//!         let _ = frames.send(Ok(Frame::Trailers(trailers))).await;
//!     });
//!     let response = Response::ok().try_with_header("trailer", "x-checksum")?;
//!     Ok(response.with_body(Body::frames(stream.into_stream())))
//! }
//! ```
//!
//! Fields that frame, route or authorise a message are dropped from trailers: they come too late.
//!
//! # Uploads
//!
//! The server's limit is 2 MiB; a route has its own. Write from
//! [`spawn_blocking`](crate::spawn_blocking), where blocking is allowed:
//!
//! ```
//! use std::fs::File;
//! use std::io::Write;
//! use ringspun::http::{BodyError, Handler, IntoResponse, Request, Response, Router, StatusCode};
//!
//! async fn upload(mut request: Request) -> Result<Response, BodyError> {
//!     let (chunks, to_write) = ringspun::channel::channel::<bytes::Bytes>(4);
//!     let written = ringspun::spawn_blocking(move || {
//!         let mut file = File::create("/srv/uploads/new")?;
//!         while let Some(chunk) = to_write.blocking_recv() {
//!             file.write_all(&chunk)?;
//!         }
//!         file.sync_all()
//!     });
//!     while let Some(chunk) = request.body().chunk().await {
//!         if chunks.send(chunk?).await.is_err() {
//!             break; // the writer has failed, and says why
//!         }
//!     }
//!     drop(chunks);
//!     Ok(match written.await {
//!         Ok(Ok(())) => StatusCode::CREATED.into_response(),
//!         _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
//!     })
//! }
//!
//! let app = Router::new().put("/uploads", upload.with_body_limit(4 << 30));
//! ```
//!
//! The client must bring 240 bytes a second on average ([`body_rate`](super::limits)); time in which the handler
//! does not read does not count. Where a client goes away in the middle, this handler is dropped and the file
//! stays behind: see [the janitor](super::shutdown).
