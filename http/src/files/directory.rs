//! A directory of files as a handler.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode};
use ringspun_runtime::task::PooledFuture;

use super::open::{OpenFile, on_pool};
use super::path::{Place, place};
use crate::handler::Handler;
use crate::message::{Request, Response};

/// Serves the files below a directory.
///
/// It is mounted under a route that ends with `{*path}`, which names the file; where a route has no
/// such parameter, the directory itself is meant. So two routes serve all of it:
/// `/assets/` and `/assets/{*path}`. As a fallback, or alone, it can take the
/// [whole path](Self::whole_path) instead.
///
/// | request | response |
/// |---|---|
/// | a file | as [`OpenFile::respond`]: ranges, conditions, HEAD |
/// | a directory, with a slash at the end | its `index.html`, or 404: there are no listings |
/// | a directory that has one, without the slash | 301 to the path with the slash |
/// | nothing that is there, or that may be seen | 404 |
/// | a file that this process may not read | 403 |
/// | another method than GET and HEAD | 405 |
///
/// Nothing outside the directory is served: `..`, encoded slashes, NUL and absolute paths are
/// refused before the disk is asked, and symbolic links that lead out while it is
/// ([`open_beneath`](ringspun_net::open_beneath)). Neither are FIFOs, devices and sockets. Names
/// that begin with a dot are [hidden](Self::show_hidden), except `.well-known`.
///
/// The directory is looked up at each request. It may be a link that a deployment moves.
///
/// # Examples
/// ```no_run
/// use ringspun_http::files::Directory;
/// use ringspun_http::{HeaderValue, Router};
///
/// let assets = Directory::new("/srv/www/assets")
///     .with_cache_control(HeaderValue::from_static("public, max-age=3600"));
/// let app = Router::new()
///     .get("/api/ping", async |_| "pong")
///     .get("/assets/{*path}", assets)
///     .fallback(Directory::new("/srv/www/pages").whole_path());
/// ```
#[derive(Clone)]
pub struct Directory(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    root: PathBuf,
    /// The file that stands for a directory.
    index: Option<Box<str>>,
    shows_hidden: bool,
    takes_whole_path: bool,
    cache_control: Option<HeaderValue>,
}

impl Directory {
    /// Serves the files below `root`, which need not be there yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Settings {
            root: root.into(),
            index: Some("index.html".into()),
            shows_hidden: false,
            takes_whole_path: false,
            cache_control: None,
        }))
    }

    /// Another file than `index.html` stands for a directory.
    ///
    /// # Panics
    /// The name is not that of a file: it is empty, has a slash, or is `.` or `..`.
    #[must_use]
    pub fn with_index(self, name: &str) -> Self {
        let is_name = !name.contains(['/', '\0']) && !matches!(name, "" | "." | "..");
        assert!(is_name, "{name:?} is not the name of a file");
        self.set(|settings| settings.index = Some(name.into()))
    }

    /// Nothing stands for a directory.
    #[must_use]
    pub fn without_index(self) -> Self {
        self.set(|settings| settings.index = None)
    }

    /// Names that begin with a dot are served, too.
    #[must_use]
    pub fn show_hidden(self) -> Self {
        self.set(|settings| settings.shows_hidden = true)
    }

    /// The whole path of the request names the file, whatever the route.
    #[must_use]
    pub fn whole_path(self) -> Self {
        self.set(|settings| settings.takes_whole_path = true)
    }

    /// Adds a Cache-Control line to every response that has, or names, a file.
    #[must_use]
    pub fn with_cache_control(self, value: HeaderValue) -> Self {
        self.set(|settings| settings.cache_control = Some(value))
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    async fn answer(&self, request: &Request) -> Response {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = Response::new(StatusCode::METHOD_NOT_ALLOWED);
            let _ = response.add_header("allow", b"GET, HEAD");
            return response;
        }
        let raw = if self.0.takes_whole_path {
            request.path().strip_prefix('/').unwrap_or_default()
        } else {
            request.raw_param("path").unwrap_or_default()
        };
        let Some(place) = place(raw, self.0.shows_hidden) else {
            return not_found();
        };
        let settings = Arc::clone(&self.0);
        match on_pool(move || settings.find(place)).await {
            Ok(Found::File(file)) => {
                let mut response = file.respond(request);
                let names_file =
                    response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
                if let Some(value) = self.0.cache_control.as_ref().filter(|_| names_file) {
                    // The type vouches for the value.
                    let _ = response.add_header("cache-control", value.as_bytes());
                }
                response
            }
            Ok(Found::Directory) => with_slash(request),
            Err(error) => failed(&error),
        }
    }
}

enum Found {
    File(OpenFile),
    /// A directory with an index, asked for without its slash.
    Directory,
}

impl Settings {
    /// Blocks.
    fn find(&self, place: Place) -> io::Result<Found> {
        let open = |path| OpenFile::open_beneath(&self.root, path);
        if place.is_directory {
            let index = self.index.as_deref().ok_or(io::ErrorKind::NotFound)?;
            return open(&place.path.join(index)).map(Found::File);
        }
        match (open(&place.path), self.index.as_deref()) {
            (Err(error), Some(index)) if error.kind() == io::ErrorKind::IsADirectory => {
                open(&place.path.join(index)).map(|_| Found::Directory)
            }
            (result, _) => result.map(Found::File),
        }
    }
}

impl Handler for Directory {
    fn call(&self, request: Request) -> PooledFuture<Response> {
        let directory = self.clone();
        PooledFuture::new(async move { directory.answer(&request).await })
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory")
            .field("root", &self.0.root)
            .field("index", &self.0.index)
            .finish_non_exhaustive()
    }
}

/// To the same path with a slash, so that the links in the index lead where they should. The path
/// has no empty segments, so it cannot be taken for another host's.
fn with_slash(request: &Request) -> Response {
    let query = request.query().map(|query| format!("?{query}"));
    let location = format!("{}/{}", request.path(), query.unwrap_or_default());
    Response::new(StatusCode::MOVED_PERMANENTLY)
        .try_with_header("location", location)
        .unwrap_or_else(|_| not_found())
}

fn not_found() -> Response {
    Response::text("not found\n").with_status(StatusCode::NOT_FOUND)
}

/// What the client learns of an error. Of the disk's troubles it is only that there are some.
fn failed(error: &io::Error) -> Response {
    match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::InvalidFilename => not_found(),
        io::ErrorKind::PermissionDenied => {
            Response::text("forbidden\n").with_status(StatusCode::FORBIDDEN)
        }
        _ => {
            tracing::error!(%error, "a file cannot be opened");
            Response::new(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}
