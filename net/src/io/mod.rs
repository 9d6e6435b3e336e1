//! Reading and writing over any transport.
//!
//! - [`ReadExt`] and [`WriteExt`]: the usual futures for any `futures_io` type.
//! - [`copy`] and [`copy_bidirectional`]: bytes from here to there, half-close forwarded.
//!
//! The streams of this crate have methods of the same names that are stronger: a call of theirs
//! that is dropped half-way loses nothing (the [`TcpStream`](crate::TcpStream) page says how).

pub(crate) mod carry;
mod copy;
mod ext;
pub(crate) mod read;
pub(crate) mod send_file;
pub(crate) mod split;
pub(crate) mod write;

pub use copy::{Copy, CopyBidirectional, copy, copy_bidirectional};
pub use ext::{Close, Flush, Read, ReadExact, ReadExt, ReadToEnd, Write, WriteAll, WriteExt};
