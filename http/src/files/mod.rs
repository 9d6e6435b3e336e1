//! Files as responses: one file ([`OpenFile`]), or a directory of them ([`Directory`]).
//!
//! ```text
//!  request --> path (path.rs) --> open and look (blocking pool, open.rs) --> OpenFile
//!                                                                             |
//!               conditions and range (crate::conditional) <-------------------+
//!                    |
//!                    v
//!   200 | 206 | 304 | 412 | 416  with  bytes that were read, if it is small
//!                                or    Body::file: sendfile, from the page cache to the socket
//! ```
//!
//! # Examples
//! ```no_run
//! use ringspun_http::files::{Directory, OpenFile};
//! use ringspun_http::{IntoResponse, Request, Response, Router, Server, StatusCode};
//!
//! /// One file, under a name of our own.
//! async fn manual(request: Request) -> Response {
//!     match OpenFile::open("/usr/share/doc/manual.pdf").await {
//!         Ok(file) => file.respond(&request),
//!         Err(_) => StatusCode::NOT_FOUND.into_response(),
//!     }
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! # ringspun_runtime::Builder::new().build()?.block_on(async {
//! let assets = Directory::new("assets");
//! let app = Router::new()
//!     .get("/manual", manual)
//!     .get("/assets/", assets.clone())
//!     .get("/assets/{*path}", assets);
//! Server::bind("127.0.0.1:8080")?.serve(app).await?;
//! # Ok(()) }) }
//! ```

mod content_type;
mod directory;
mod open;
mod path;

pub use self::content_type::content_type_of;
pub use self::directory::Directory;
pub use self::open::OpenFile;
