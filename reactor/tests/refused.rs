//! R4: a registration that fails leaves nothing behind. A test binary of its own, because it counts
//! the descriptors of the process.
#![cfg(not(loom))]

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use ringspun_reactor::{Direction, Reactor, Ready, Trigger};

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn r4_a_refused_registration_leaves_nothing() {
    const ROUNDS: usize = 10_000;
    let reactor = Arc::new(Reactor::new().unwrap());
    let file = File::open(std::env::current_exe().unwrap()).unwrap();
    let (socket, _peer) = UnixStream::pair().unwrap();
    let taken = reactor.register(socket.as_fd(), Trigger::Edge).unwrap();
    // SAFETY: the number is above every limit of open files, so that nothing is borrowed; all
    // that happens to it is to be refused by the kernel.
    let closed = unsafe { BorrowedFd::borrow_raw(i32::MAX) };
    let cases = [
        (file.as_fd(), libc::EPERM),
        (closed, libc::EBADF),
        (socket.as_fd(), libc::EEXIST),
    ];
    let before = open_descriptors();
    for (fd, errno) in cases {
        for trigger in [Trigger::Edge, Trigger::Level] {
            for _ in 0..ROUNDS {
                let error = reactor.register(fd, trigger).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(errno));
            }
        }
    }
    assert_eq!(reactor.sources(), 1);
    assert_eq!(open_descriptors(), before);
    assert_eq!(taken.ready(Direction::Write), Ready::WRITABLE);
    // A slot that was refused is used again, not lost: the first page is not even half full.
    let pairs: Vec<_> = (0..20).map(|_| UnixStream::pair().unwrap()).collect();
    let sources: Vec<_> = pairs
        .iter()
        .map(|(socket, _)| reactor.register(socket.as_fd(), Trigger::Edge).unwrap())
        .collect();
    assert_eq!(reactor.sources(), 21);
    drop(sources);
    println!(
        "R4: 6 x {ROUNDS} refusals, slots 1 -> {}, fds {before} -> {before}",
        reactor.sources()
    );

    refusals_of_the_system();
}

/// The errors that a test cannot provoke, by script.
fn refusals_of_the_system() {
    let reactor = Arc::new(Reactor::scripted());
    let script = reactor.script().unwrap();
    let stdin = io::stdin();
    for errno in [libc::ENOSPC, libc::ENOMEM] {
        for _ in 0..10_000 {
            script.refuse(errno);
            let error = reactor.register(stdin.as_fd(), Trigger::Edge).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(errno));
        }
    }
    assert_eq!(reactor.sources(), 0);
    let source = reactor.register(stdin.as_fd(), Trigger::Edge).unwrap();
    script.trigger(stdin.as_raw_fd(), Ready::READABLE);
    drop(source);
    assert_eq!(reactor.sources(), 0);
}
