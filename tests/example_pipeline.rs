//! The example `pipeline`: its digests beside plain ones, and its end by an error or from outside.

mod support;

#[path = "../examples/pipeline.rs"]
#[allow(dead_code, reason = "main is for the program")]
mod pipeline;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringspun::scope::GroupError;
use ringspun::{Builder, Runtime, time};

use pipeline::digest_all;
use support::child::Example;
use support::rng::{Rng, seed};
use support::{becomes, count, within_limit};

/// A directory of a test's own, removed at its end.
struct Tree {
    root: PathBuf,
    /// The files and their contents.
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Tree {
    /// 200 files in 20 directories, some files empty, some of several blocks.
    fn new(name: &str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&root);
        let mut rng = Rng::new(1);
        let mut files = BTreeMap::new();
        for number in 0..200 {
            let directory = root.join(format!("{}/{}", number % 4, number % 5));
            fs::create_dir_all(&directory).unwrap();
            let length = if number % 50 == 49 {
                200_000
            } else {
                rng.next(3000)
            };
            let content: Vec<u8> = (0..length).map(|_| rng.next(256) as u8).collect();
            let path = directory.join(format!("file {number}"));
            fs::write(&path, &content).unwrap();
            files.insert(path, content);
        }
        // Round in a circle: not to be followed.
        symlink(&root, root.join("1/root")).unwrap();
        Self { root, files }
    }

    fn digests(&self) -> BTreeMap<PathBuf, u64> {
        let digests = self
            .files
            .iter()
            .map(|(path, content)| (path.clone(), fnv(content)));
        digests.collect()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn fnv(content: &[u8]) -> u64 {
    content.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

/// Nothing of the pipeline is left: no task, and no job that waits or runs.
fn assert_over(runtime: &Runtime) {
    let handle = runtime.handle();
    becomes(0, || handle.metrics().live_tasks);
    becomes(0, || handle.dump().tasks().len());
}

#[test]
fn the_digest_is_fnv_1a() {
    // From the page of its authors.
    assert_eq!(fnv(b""), 0xCBF2_9CE4_8422_2325);
    assert_eq!(fnv(b"foobar"), 0x8594_4171_F739_67E8);
}

#[test]
fn all_files_are_digested_with_any_number_of_workers() {
    within_limit(|| {
        let tree = Tree::new("pipeline-all");
        for cores in [1, 2] {
            // One thread for what blocks is enough: no job waits for another.
            let runtime = Builder::new()
                .cores(cores)
                .blocking_threads(1)
                .build()
                .unwrap();
            for workers in [0, 1, 3, 30] {
                let digests = runtime.block_on(digest_all(tree.root.clone(), workers));
                assert_eq!(digests.unwrap(), tree.digests());
            }
            assert_over(&runtime);
        }
    });
}

#[test]
fn an_error_ends_all_stages() {
    within_limit(|| {
        let tree = Tree::new("pipeline-error");
        symlink("nothing", tree.root.join("dangling")).unwrap();
        let runtime = Builder::new().cores(2).build().unwrap();
        let rounds = count(50, 1000);
        for _ in 0..rounds {
            let error = runtime
                .block_on(digest_all(tree.root.clone(), 3))
                .unwrap_err();
            let GroupError::Failed(error) = error else {
                panic!("{error:?}");
            };
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(error.to_string().contains("/dangling"), "{error}");
            assert_over(&runtime);
        }
        // The first file found is the wrong one: most of the others were never opened.
        let jobs = runtime.handle().metrics().blocking.done as usize;
        assert!(jobs < rounds * tree.files.len() / 2, "{jobs} jobs");
        let missing = digest_all(tree.root.join("missing"), 3);
        let error = runtime.block_on(missing).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
        assert_over(&runtime);
    });
}

#[test]
fn dropping_it_ends_all_stages() {
    within_limit(|| {
        let mut rng = Rng::new(seed());
        let tree = Tree::new("pipeline-drop");
        let runtime = Builder::new().cores(2).build().unwrap();
        let mut dropped = 0;
        for _ in 0..count(100, 3000) {
            let limit = Duration::from_micros(rng.next(20_000));
            let all = digest_all(tree.root.clone(), 3);
            dropped += usize::from(
                runtime
                    .block_on(async { time::timeout(limit, all).await })
                    .is_err(),
            );
            assert_over(&runtime);
        }
        assert!(dropped > 0, "no limit was short enough");
    });
}

#[test]
fn the_program_prints_lines_in_order_or_an_error() {
    let tree = Tree::new("pipeline-program");
    let mut program = Example::start("pipeline", &[tree.root.to_str().unwrap(), "3"]);
    let text = program.rest();
    assert!(program.wait().success());
    let digests = tree.digests().into_iter();
    let lines = digests.map(|(path, digest)| format!("{digest:016x}  {}\n", path.display()));
    assert_eq!(text, lines.collect::<String>());

    let missing = tree.root.join("missing");
    let mut program = Example::start("pipeline", &[missing.to_str().unwrap()]);
    assert_eq!(program.rest(), "");
    assert_eq!(program.wait().code(), Some(1));
}
