//! D11: a server that cannot start is an error, and leaves nothing. A file of its own: it counts the
//! descriptors and threads of the process.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;

use ringspun_http::Server;
use ringspun_runtime::{Builder, Handle};

fn left() -> (usize, usize, usize) {
    let count = |of: &str| fs::read_dir(format!("/proc/self/{of}")).unwrap().count();
    (
        count("fd"),
        count("task"),
        Handle::current().metrics().live_tasks,
    )
}

#[test]
fn a_port_in_use_is_an_error_and_leaves_nothing() {
    let runtime = Builder::new().cores(2).build().unwrap();
    runtime.block_on(async {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = taken.local_addr().unwrap();
        let before = left();
        for _ in 0..100 {
            let error = Server::bind(addr).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrInUse);
        }
        // An address for documentation is no machine's.
        let error = Server::bind("192.0.2.1:0").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
        assert_eq!(left(), before);

        // The same server twice: the second is refused, and the first is none the worse.
        drop(taken);
        let first = Server::bind(addr).unwrap();
        let before = left();
        assert_eq!(Server::bind(addr).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_eq!(left(), before);
        assert_eq!(first.local_addr(), Some(addr));
        drop(first);
        assert!(Server::bind(addr).is_ok());
    });
}
