//! Opening a file that must lie below a directory, whatever links there are.
//!
//! A path that was checked and then opened is two paths, if somebody changes a link in between. So
//! the kernel does both: `openat2(2)` with `RESOLVE_BENEATH` refuses to leave the directory while it
//! walks. Where that call is missing (before Linux 5.6, or behind a filter of system calls that has
//! not heard of it) the path is resolved, looked at, opened and looked at again.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Opens `path`, which is relative to the directory `root`, for reading. A link that leads out of
/// the directory, by itself or with others, is an error; so is an absolute one, where the kernel
/// does the check.
///
/// What is opened may be a directory or something else: look at its metadata. A FIFO does not
/// keep the call waiting for a writer, and a terminal does not become the process's own.
///
/// Blocks the thread as long as the disk takes.
///
/// # Errors
/// As of opening a file; `NotFound` also for a path that leads out of the directory, or round in a
/// circle of links.
///
/// # Examples
/// ```
/// use std::path::Path;
/// use ringspun_net::open_beneath;
///
/// # let root = std::env::temp_dir().join(format!("ringspun-beneath-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&root)?;
/// std::fs::write(root.join("inside"), "x")?;
/// std::os::unix::fs::symlink("/etc/passwd", root.join("outside"))?;
/// assert!(open_beneath(&root, Path::new("inside")).is_ok());
/// assert!(open_beneath(&root, Path::new("outside")).is_err());
/// assert!(open_beneath(&root, Path::new("../inside")).is_err());
/// # std::fs::remove_dir_all(&root)?;
/// # std::io::Result::Ok(())
/// ```
pub fn open_beneath(root: &Path, path: &Path) -> io::Result<File> {
    match open_by_kernel(root, path) {
        Err(error) if is_missing(&error) => open_by_looking(root, path).map_err(nowhere),
        result => result.map_err(nowhere),
    }
}

fn open_by_kernel(root: &Path, path: &Path) -> io::Result<File> {
    let root = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
        .open(root)?;
    let path = CString::new(path.as_os_str().as_bytes())?;
    // A rename on the way of a link with `..` may have to be looked at once more (openat2(2)).
    for _ in 0..8 {
        match openat2(&root, &path) {
            Err(error) if is_passing(&error) => {}
            result => return result,
        }
    }
    openat2(&root, &path)
}

fn openat2(root: &File, path: &CString) -> io::Result<File> {
    // SAFETY: plain data, of which all zeros is a value.
    let mut how: libc::open_how = unsafe { mem::zeroed() };
    how.flags = u64::from(FLAGS.cast_unsigned() | libc::O_CLOEXEC.cast_unsigned());
    how.resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_MAGICLINKS;
    // SAFETY: the descriptor is borrowed for the call, the path ends with NUL, and `how` is as long
    // as is said; both live until behind the call, which keeps neither.
    let result = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            root.as_raw_fd(),
            path.as_ptr(),
            &raw const how,
            mem::size_of::<libc::open_how>(),
        )
    };
    let Ok(descriptor @ 0..) = RawFd::try_from(result) else {
        return Err(io::Error::last_os_error());
    };
    // SAFETY: the call has just made this descriptor, and nobody else knows of it.
    let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
    Ok(File::from(descriptor))
}

/// Resolve, look, open, look again: between the two looks nothing has moved.
fn open_by_looking(root: &Path, path: &Path) -> io::Result<File> {
    let root = fs::canonicalize(root)?;
    let resolve = || {
        let whole = fs::canonicalize(root.join(path))?;
        if path.is_absolute() || !whole.starts_with(&root) {
            return Err(outside());
        }
        Ok(whole)
    };
    let whole = resolve()?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(FLAGS)
        .open(&whole)?;
    let (opened, there) = (file.metadata()?, fs::symlink_metadata(&whole)?);
    let is_same = (opened.dev(), opened.ino()) == (there.dev(), there.ino());
    if !is_same || resolve()? != whole {
        return Err(outside());
    }
    Ok(file)
}

/// No waiting for the writer of a FIFO, no controlling terminal.
const FLAGS: i32 = libc::O_NONBLOCK | libc::O_NOCTTY;

/// The call itself cannot be made. `EPERM` is what some filters answer; opening a file for reading
/// does not fail by it.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM))
}

/// A path that leads out, or round in a circle, names nothing.
fn nowhere(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::EXDEV | libc::ELOOP) => outside(),
        _ => error,
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR))
}

fn outside() -> io::Error {
    let text = "the path leads out of its directory, or nowhere";
    io::Error::new(io::ErrorKind::NotFound, text)
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;

    /// A tree that is removed at the end.
    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir();
            let root = root.join(format!("ringspun-beneath-{name}-{}", std::process::id()));
            fs::create_dir_all(root.join("inner/deep")).expect("made");
            fs::write(root.join("secret"), "secret").expect("written");
            fs::write(root.join("inner/file"), "file").expect("written");
            fs::write(root.join("inner/deep/file"), "deep").expect("written");
            symlink("deep/file", root.join("inner/within")).expect("linked");
            symlink("deep/../file", root.join("inner/around")).expect("linked");
            symlink("../secret", root.join("inner/out")).expect("linked");
            symlink("..", root.join("inner/up")).expect("linked");
            symlink("up/secret", root.join("inner/chain")).expect("linked");
            symlink(root.join("secret"), root.join("inner/absolute")).expect("linked");
            symlink("/proc/self/root", root.join("inner/magic")).expect("linked");
            symlink("loop", root.join("inner/loop")).expect("linked");
            symlink("inner", root.join("current")).expect("linked");
            Self(root)
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn check(name: &str, open: fn(&Path, &Path) -> io::Result<File>) {
        let tree = Tree::new(name);
        for root in ["inner", "current"] {
            let root = tree.0.join(root);
            let read = |path: &str| {
                let mut text = String::new();
                open(&root, Path::new(path))?.read_to_string(&mut text)?;
                io::Result::Ok(text)
            };
            for (path, text) in [
                ("file", "file"),
                ("deep/file", "deep"),
                ("within", "deep"),
                ("around", "file"),
            ] {
                assert_eq!(read(path).expect(path), text, "{path}");
            }
            for path in [
                "out",
                "up/secret",
                "chain",
                "absolute",
                "magic/etc/passwd",
                "loop",
                "../secret",
                "deep/../../secret",
                "/etc/passwd",
                "nothing",
                "file/",
                "file/x",
                "a\0b",
            ] {
                read(path).expect_err(path);
            }
            let directory = open(&root, Path::new("deep")).expect("opened");
            assert!(directory.metadata().expect("looked at").is_dir());
        }
    }

    #[test]
    fn nothing_leads_out() {
        check("whole", open_beneath);
    }

    /// What is done where the kernel cannot.
    #[test]
    fn nothing_leads_out_without_the_kernel() {
        check("looking", open_by_looking);
    }

    #[test]
    fn a_fifo_keeps_nobody_waiting() {
        let tree = Tree::new("fifo");
        let path = tree.0.join("inner/fifo");
        let name = CString::new(path.as_os_str().as_bytes()).expect("no NUL");
        // SAFETY: the path ends with NUL and lives until behind the call.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        for open in [open_beneath, open_by_looking] {
            let file = open(&tree.0.join("inner"), Path::new("fifo")).expect("opened");
            assert!(!file.metadata().expect("looked at").is_file());
        }
    }
}
