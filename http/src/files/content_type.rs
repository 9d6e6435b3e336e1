//! From the name of a file to its media type.

use std::ffi::OsStr;
use std::path::Path;

/// The media type of a file by the ending of its name, in any case;
/// `application/octet-stream` if it is not known.
///
/// The table has what browsers load and what people download. Text is said to be in UTF-8.
///
/// # Examples
/// ```
/// use ringspun_http::files::content_type_of;
///
/// assert_eq!(content_type_of("index.HTML"), "text/html; charset=utf-8");
/// assert_eq!(content_type_of("data/unknown"), "application/octet-stream");
/// ```
#[must_use]
pub fn content_type_of(path: impl AsRef<Path>) -> &'static str {
    let ending = path.as_ref().extension().and_then(OsStr::to_str);
    let row = ending.and_then(|ending| {
        TYPES
            .iter()
            .find(|(other, _)| ending.eq_ignore_ascii_case(other))
    });
    row.map_or("application/octet-stream", |(_, content_type)| content_type)
}

/// By group, most wanted first: a lookup compares along the list.
const TYPES: &[(&str, &str)] = &[
    // Pages.
    ("html", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("map", "application/json"),
    ("wasm", "application/wasm"),
    ("webmanifest", "application/manifest+json"),
    ("htm", "text/html; charset=utf-8"),
    ("xhtml", "application/xhtml+xml"),
    // Pictures.
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("svg", "image/svg+xml"),
    ("webp", "image/webp"),
    ("avif", "image/avif"),
    ("gif", "image/gif"),
    ("ico", "image/x-icon"),
    ("bmp", "image/bmp"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    // Fonts.
    ("woff2", "font/woff2"),
    ("woff", "font/woff"),
    ("ttf", "font/ttf"),
    ("otf", "font/otf"),
    // Text.
    ("txt", "text/plain; charset=utf-8"),
    ("md", "text/markdown; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("xml", "text/xml; charset=utf-8"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("toml", "application/toml"),
    ("ics", "text/calendar; charset=utf-8"),
    ("vtt", "text/vtt; charset=utf-8"),
    ("atom", "application/atom+xml"),
    ("rss", "application/rss+xml"),
    ("jsonld", "application/ld+json"),
    // Sound and film.
    ("mp4", "video/mp4"),
    ("m4v", "video/mp4"),
    ("webm", "video/webm"),
    ("ogv", "video/ogg"),
    ("mov", "video/quicktime"),
    ("mpeg", "video/mpeg"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("ts", "video/mp2t"),
    ("mp3", "audio/mpeg"),
    ("m4a", "audio/mp4"),
    ("aac", "audio/aac"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("flac", "audio/flac"),
    ("wav", "audio/wav"),
    // Documents and archives.
    ("pdf", "application/pdf"),
    ("zip", "application/zip"),
    ("gz", "application/gzip"),
    ("tar", "application/x-tar"),
    ("bz2", "application/x-bzip2"),
    ("xz", "application/x-xz"),
    ("zst", "application/zstd"),
    ("7z", "application/x-7z-compressed"),
    ("epub", "application/epub+zip"),
    ("rtf", "application/rtf"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    (
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, expected) in [
            ("a.js", "text/javascript; charset=utf-8"),
            ("a/b.min.CSS", "text/css; charset=utf-8"),
            ("archive.tar.gz", "application/gzip"),
            ("html", "application/octet-stream"),
            (".html", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            ("", "application/octet-stream"),
        ] {
            assert_eq!(content_type_of(name), expected, "{name}");
        }
    }

    #[test]
    fn each_ending_stands_once_and_each_type_can_be_sent() {
        for (at, (ending, content_type)) in TYPES.iter().enumerate() {
            assert_eq!(*ending, ending.to_ascii_lowercase());
            assert!(
                TYPES[..at].iter().all(|(other, _)| other != ending),
                "{ending}"
            );
            assert!(
                content_type.is_ascii() && content_type.contains('/'),
                "{ending}"
            );
        }
    }
}
