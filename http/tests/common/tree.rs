//! Files of a test, gone when it ends.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A directory of its own.
pub struct Tree(PathBuf);

impl Tree {
    pub fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringspun-http-{}-{number}", std::process::id());
        let root = std::env::temp_dir().join(name);
        fs::create_dir_all(&root).expect("made");
        Self(root)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, and the directories on the way to it.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("made");
        fs::write(&path, content).expect("written");
        path
    }

    /// A file of this length that takes no room on the disk. Every MiB begins with its number.
    pub fn sparse(&self, path: &str, length: u64) -> PathBuf {
        use std::os::unix::fs::FileExt;
        let path = self.write(path, "");
        let file = File::options().write(true).open(&path).expect("opened");
        file.set_len(length).expect("grown");
        for start in (0..length).step_by(1 << 20) {
            file.write_all_at(&(start + 1).to_be_bytes(), start)
                .expect("written");
        }
        path
    }

    /// Takes a file's last change to a time when nobody will doubt it: 2001-09-09T01:46:40Z.
    pub fn settle(&self, path: &str) {
        use std::time::{Duration, UNIX_EPOCH};
        let file = File::options()
            .write(true)
            .open(self.0.join(path))
            .expect("opened");
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000))
            .expect("set");
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Descriptors of this process that have this file open.
pub fn open_descriptors(path: &Path) -> usize {
    let entries = fs::read_dir("/proc/self/fd").expect("Linux");
    entries
        .filter_map(Result::ok)
        .filter(|entry| fs::read_link(entry.path()).is_ok_and(|link| link == path))
        .count()
}
