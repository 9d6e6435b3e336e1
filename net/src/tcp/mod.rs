//! TCP: [`TcpStream`], [`TcpListener`], their halves and options.

mod connect;
mod listener;
mod options;
mod send_file;
mod split;
mod stream;
mod transfer;
mod unsent;

pub use listener::{Accepted, TcpListener};
pub use options::ListenOptions;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::TcpStream;
