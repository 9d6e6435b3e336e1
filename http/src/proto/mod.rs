//! HTTP/1.0 and 1.1 without I/O: bytes in, events out; responses in, bytes out. This is the
//! server's role, [`Conn`]; the client's is [`ClientConn`], with requests for responses.
//!
//! ```text
//!   bytes ----> Conn::receive ----> Event        (head.rs, target.rs, framing.rs, chunked.rs)
//!                   |  ^
//!          Refusal  |  | next
//!                   v  |
//!   bytes <---- Conn::send_* <----- response     (encode.rs, date.rs)
//! ```
//! The state diagram stands in `conn.rs`, the reasons to refuse a message in `refusal.rs`, and
//! the one decision on the length of a body in `framing.rs`. Nothing here knows a socket, a task
//! or a timer, so everything can be tested and fuzzed with byte strings alone.

mod bytes;
mod chunked;
mod client_conn;
mod conn;
mod date;
mod encode;
mod encode_request;
mod framing;
mod head;
mod reading;
mod refusal;
mod status_head;
mod target;
mod trailers;
mod writing;

pub use self::chunked::{Chunk, ChunkedDecoder};
pub use self::client_conn::{ClientConn, MAX_INTERIM};
pub use self::conn::{Conn, Event, Next, ReceiveLimits, append_refusal};
pub use self::encode::{InvalidHeader, ResponseHead, append_header, append_start};
pub use self::framing::{BodyLength, Framing, is_bodyless};
pub use self::head::{Head, HeadLimits, HeaderPos, MAX_HEAD_BYTES, MAX_HEADERS, Span};
pub use self::refusal::Refusal;
pub use self::status_head::StatusHead;
pub use self::target::TargetForm;
pub use self::trailers::is_trailer_field;
pub use self::writing::{Sending, WrongLength};

pub(crate) use self::date::{DateLine, date_line};
pub(crate) use self::encode::is_field_value;
pub(crate) use self::framing::has_item;
pub(crate) use self::target::is_host;
