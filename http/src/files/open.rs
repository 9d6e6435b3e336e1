//! One file that is open, with what a response has to know of it.

use std::fs::{self, File, Metadata};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::StatusCode;
use ringspun_net::open_beneath;
use ringspun_runtime::spawn_blocking;

use super::content_type::content_type_of;
use crate::conditional::{ByteRange, EntityTag, Validators, byte_range, evaluate};
use crate::message::{Body, Request, Response, read_at};

/// A file that is open for sending.
///
/// Its validators come from its size and the time of its last change, to the nanosecond. The entity
/// tag is strong, except within a second of the change: until then the file may change again
/// without its time showing it, so the tag is weak, and does for caches but not for ranges.
///
/// # Examples
/// ```no_run
/// use ringspun_http::files::OpenFile;
/// use ringspun_http::{IntoResponse, Request, Response, StatusCode};
///
/// async fn film(request: Request) -> Response {
///     match OpenFile::open("film.mp4").await {
///         Ok(file) => file.respond(&request),
///         Err(_) => StatusCode::NOT_FOUND.into_response(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct OpenFile {
    content: Content,
    length: u64,
    validators: Validators,
    content_type: &'static str,
}

#[derive(Clone, Debug)]
enum Content {
    /// A small file, read when it was opened.
    Read(Bytes),
    Open(Arc<File>),
}

impl OpenFile {
    /// Opens a file, on the blocking pool. A small one is read at once, so that head and content
    /// go out in one. Its type is that of its name's ending.
    ///
    /// The path is taken as it is: one that comes from a client must not get here. For those there
    /// is [`Directory`](super::Directory).
    ///
    /// # Errors
    /// As of opening a file; `IsADirectory`, or `InvalidInput` if it is something else.
    ///
    /// # Cancel safety
    /// May be dropped; the file is closed then.
    ///
    /// # Panics
    /// Outside a runtime.
    pub async fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        on_pool(move || {
            // Opening a FIFO would wait for its writer.
            regular(fs::metadata(&path)?)?;
            Self::look(File::open(&path)?, &path)
        })
        .await
    }

    /// Opens a file below a directory; on the blocking pool, by the caller.
    pub(super) fn open_beneath(root: &Path, path: &Path) -> io::Result<Self> {
        Self::look(open_beneath(root, path)?, path)
    }

    /// Takes over a file that is open already. Its type is `application/octet-stream` until it is
    /// [said](Self::with_content_type).
    ///
    /// # Errors
    /// Its metadata cannot be read; `IsADirectory`, or `InvalidInput` if it is something else.
    pub fn from_std(file: File) -> io::Result<Self> {
        let metadata = regular(file.metadata()?)?;
        Ok(Self {
            content: Content::Open(Arc::new(file)),
            length: metadata.len(),
            validators: validators(&metadata, SystemTime::now()),
            content_type: content_type_of(""),
        })
    }

    /// Replaces the media type.
    #[must_use]
    pub const fn with_content_type(mut self, content_type: &'static str) -> Self {
        self.content_type = content_type;
        self
    }

    /// Replaces the validators, for files whose name says their state already.
    #[must_use]
    pub fn with_validators(mut self, validators: Validators) -> Self {
        self.validators = validators;
        self
    }

    /// Bytes of the file when it was opened.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.length
    }

    /// Whether the file was empty when it was opened.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The validators.
    #[must_use]
    pub const fn validators(&self) -> &Validators {
        &self.validators
    }

    /// The response to a request for this file.
    ///
    /// | status | when |
    /// |---|---|
    /// | 200 | the whole file; the answer to HEAD has the same head |
    /// | 206 | a range of it was asked for ([`byte_range`] says which count) |
    /// | 304, 412 | by the request's conditions ([`evaluate`]) |
    /// | 416 | none of the bytes asked for is there |
    ///
    /// Further lines, such as Cache-Control or Content-Disposition, are the caller's.
    #[must_use]
    pub fn respond(self, request: &Request) -> Response {
        if let Some(response) = evaluate(request, Some(&self.validators)).answer(&self.validators) {
            return response;
        }
        match byte_range(request, self.length, &self.validators) {
            ByteRange::Whole => {
                let range = 0..self.length;
                self.part(StatusCode::OK, range)
            }
            ByteRange::Part(range) => {
                let (first, last, length) = (range.start, range.end - 1, self.length);
                let mut response = self.part(StatusCode::PARTIAL_CONTENT, range);
                add(
                    &mut response,
                    "content-range",
                    &format!("bytes {first}-{last}/{length}"),
                );
                response
            }
            ByteRange::Unsatisfiable => {
                let text = "the file has none of these bytes\n";
                let mut response = Response::text(text);
                add(
                    &mut response,
                    "content-range",
                    &format!("bytes */{}", self.length),
                );
                response.with_status(StatusCode::RANGE_NOT_SATISFIABLE)
            }
        }
    }

    fn part(self, status: StatusCode, range: Range<u64>) -> Response {
        let body = match self.content {
            Content::Open(file) => Body::file(file, range),
            Content::Read(bytes) => {
                // As small as it is, everything of it has an index.
                let at = |position| {
                    usize::try_from(position)
                        .unwrap_or(usize::MAX)
                        .min(bytes.len())
                };
                Body::from(bytes.slice(at(range.start)..at(range.end)))
            }
        };
        let mut response = Response::new(status)
            .with_content_type(self.content_type)
            .with_body(body);
        add(&mut response, "accept-ranges", "bytes");
        self.validators.add_to(&mut response);
        response
    }

    /// Looks at a file that was just opened under this name.
    fn look(file: File, path: &Path) -> io::Result<Self> {
        let metadata = regular(file.metadata()?)?;
        let mut opened = Self {
            content: Content::Read(Bytes::new()),
            length: metadata.len(),
            validators: validators(&metadata, SystemTime::now()),
            content_type: content_type_of(path),
        };
        match usize::try_from(opened.length) {
            Ok(length) if length <= SMALL => {
                let bytes = read_at(&file, 0, length)?;
                // Changed between the two looks: the length is that of what is there.
                opened.length = bytes.len() as u64;
                opened.content = Content::Read(bytes);
            }
            _ => opened.content = Content::Open(Arc::new(file)),
        }
        Ok(opened)
    }
}

/// Runs something that may wait for the disk.
pub(super) async fn on_pool<T: Send + 'static>(
    job: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(job).await.map_err(io::Error::other)?
}

fn regular(metadata: Metadata) -> io::Result<Metadata> {
    if metadata.is_file() {
        return Ok(metadata);
    }
    let kind = if metadata.is_dir() {
        io::ErrorKind::IsADirectory
    } else {
        io::ErrorKind::InvalidInput
    };
    Err(io::Error::new(kind, "not a regular file"))
}

/// Size and time of change, in hexadecimal.
fn validators(metadata: &Metadata, now: SystemTime) -> Validators {
    let Ok(changed) = metadata.modified() else {
        return Validators::new();
    };
    let nanoseconds = changed
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    let text = format!("{:x}-{nanoseconds:x}", metadata.len());
    let is_settled = now
        .duration_since(changed)
        .is_ok_and(|since| since >= SETTLED);
    let etag = if is_settled {
        EntityTag::strong(&text)
    } else {
        EntityTag::weak(&text)
    };
    let validators = Validators::new().with_last_modified(changed);
    match etag {
        Ok(etag) => validators.with_etag(etag),
        Err(_) => validators,
    }
}

/// Adds a line whose value is sound.
fn add(response: &mut Response, name: &str, value: &str) {
    let _ = response.add_header(name, value.as_bytes());
}

/// Up to this size a file is read when it is opened: its content goes out with its head, in one
/// system call, and its first bytes are not waited for by a core. Beyond, the copy costs more than
/// the second call.
const SMALL: usize = 32 * 1024;

/// How old a change must be for the file's time to tell it from the next one: file systems keep
/// time by the kernel's tick, and some by the second.
const SETTLED: Duration = Duration::from_secs(1);
