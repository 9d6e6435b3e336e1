//! From the path of a request to a path below a directory: nothing that leaves it gets through.
//!
//! The path is split at its slashes first and decoded then, so that an encoded slash is a character
//! of a name, which no file has. What is refused here does not depend on what is on the disk;
//! symbolic links are looked at when the file is opened (`open.rs`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::percent;

/// Where a request leads, below the directory.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// Names only: no `..`, nothing absolute. Empty for the directory itself.
    pub(super) path: PathBuf,
    /// The request's path ends with a slash, or is empty: a directory is meant.
    pub(super) is_directory: bool,
}

/// The place of a path as it stands in the request, without a slash before it. `None` if there can
/// be none.
///
/// Refused are segments that are empty, `.` or `..`, that have a slash or NUL once they are decoded,
/// or are not well encoded, and names that begin with a dot unless `hidden` allows them
/// (`.well-known` is always allowed, RFC 8615).
pub(super) fn place(raw: &str, hidden: bool) -> Option<Place> {
    let (names, is_directory) = match raw.strip_suffix('/') {
        Some(names) => (names, true),
        None => (raw, raw.is_empty()),
    };
    let mut path = PathBuf::new();
    if names.is_empty() {
        // A lone slash would be an empty name before it.
        return raw.is_empty().then_some(Place { path, is_directory });
    }
    for segment in names.split('/') {
        let name = percent::decode_strictly(segment)?;
        if !is_name(&name) || !(hidden || is_shown(&name)) {
            return None;
        }
        path.push(Path::new(OsStr::from_bytes(&name)));
    }
    Some(Place { path, is_directory })
}

fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/') && !name.contains(&0)
}

fn is_shown(name: &[u8]) -> bool {
    !name.starts_with(b".") || name == b".well-known"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (raw, path, is_directory) in [
            ("", "", true),
            ("a", "a", false),
            ("a/", "a", true),
            ("a/b.txt", "a/b.txt", false),
            ("a%20b/%C3%A4", "a b/\u{e4}", false),
            ("a..b", "a..b", false),
            ("...", "", false),
            (".well-known/x", ".well-known/x", false),
            ("a\\..\\b", "a\\..\\b", false),
            ("a:b", "a:b", false),
        ] {
            let found = place(raw, false);
            if raw == "..." {
                assert_eq!(found, None);
                assert!(place(raw, true).is_some());
                continue;
            }
            let path = PathBuf::from(path);
            assert_eq!(found, Some(Place { path, is_directory }), "{raw}");
        }
        assert!(place(".git/config", true).is_some());
    }

    #[test]
    fn what_could_leave_the_directory_is_refused() {
        for raw in [
            "..",
            "../",
            "../a",
            "a/..",
            "a/../b",
            "a/../../b",
            ".",
            "./a",
            "a/./b",
            "%2e%2e",
            "%2E%2e/a",
            ".%2e/a",
            "a/%2e%2e/b",
            "/",
            "//",
            "/a",
            "//a",
            "a//b",
            "a//",
            "/etc/passwd",
            "%2fetc%2fpasswd",
            "a%2fb",
            "a%2F..%2Fb",
            "..%2f",
            "a%00b",
            "a%00",
            "%",
            "a%zz",
            "%2",
        ] {
            assert_eq!(place(raw, true), None, "{raw}");
        }
        for raw in [".git/config", "a/.env", "%2egit", ".well-known2"] {
            assert_eq!(place(raw, false), None, "{raw}");
        }
    }
}
