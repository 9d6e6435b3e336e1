//! A part of a file over each transport: the bytes are those of the file, wherever it was cut, and
//! the end of the file is told.

mod common;

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{both, run};
use ringspun_net::io::{ReadExt, WriteExt};
use ringspun_net::{ListenOptions, Stream, TcpListener, TcpStream, mem};
use ringspun_runtime::spawn;

/// A file that is gone from its directory already.
fn file(content: &[u8]) -> File {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("ringspun-send-file-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .expect("created");
    std::fs::remove_file(path).expect("removed");
    file.write_all(content).expect("written");
    file
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 % 251) as u8).collect()
}

async fn send(
    stream: &mut impl Stream,
    file: &File,
    offset: u64,
    count: usize,
) -> io::Result<usize> {
    poll_fn(|cx| stream.poll_send_file(cx, file, offset, count)).await
}

/// Sends all from `offset` on, at most `count` bytes a call.
async fn send_all(stream: &mut impl Stream, file: &File, mut offset: u64, count: usize) {
    loop {
        match send(stream, file, offset, count).await.expect("sent") {
            0 => return,
            n => offset += n as u64,
        }
    }
}

async fn tcp() -> (TcpStream, TcpStream) {
    // Small buffers: a slice does not fit.
    let options = ListenOptions::new().send_buffer(8192);
    let mut listener = TcpListener::bind_with("127.0.0.1:0", &options).expect("bound");
    let addr = listener.local_addr().expect("an address");
    let (client, server) = both(TcpStream::connect(addr), listener.accept()).await;
    (server.expect("accepted").0, client.expect("connected"))
}

/// What comes out at the other end, with words before and behind.
async fn through<S: Stream>(pair: (S, S), content: &[u8], offset: usize, count: usize) -> Vec<u8> {
    let (mut near, mut far) = pair;
    let file = file(content);
    let sender = spawn(async move {
        near.write_all(b"before").await.expect("written");
        send_all(&mut near, &file, offset as u64, count).await;
        near.write_all(b"behind").await.expect("written");
        near.close().await.expect("closed");
    });
    let mut got = Vec::new();
    far.read_to_end(&mut got, 1 << 30).await.expect("read");
    sender.await.expect("no panic");
    got
}

#[test]
fn every_byte_comes_through_every_transport() {
    run(1, async {
        let content = content(300_000);
        for offset in [0, 1, 4096, 299_999, 300_000, 400_000] {
            for count in [1000, 65_536, 1 << 20] {
                let rest = content.get(offset..).unwrap_or_default();
                let expected = [b"before", rest, b"behind"].concat();
                let name = format!("{offset} {count}");
                let got = through(tcp().await, &content, offset, count).await;
                assert!(got == expected, "TCP {name}");
                let got = through(mem::pair(5000), &content, offset, count).await;
                assert!(got == expected, "memory {name}");
            }
        }
    });
}

#[test]
fn the_position_of_the_file_is_not_used() {
    run(1, async {
        use std::io::Seek;
        let mut file = file(b"abcdef");
        file.seek(io::SeekFrom::Start(4)).expect("moved");
        let (mut near, mut far) = tcp().await;
        assert_eq!(send(&mut near, &file, 1, 3).await.expect("sent"), 3);
        assert_eq!(send(&mut near, &file, 1, 0).await.expect("sent"), 0);
        let mut got = [0; 3];
        far.read_exact(&mut got).await.expect("read");
        assert_eq!((&got, file.stream_position().expect("told")), (b"bcd", 4));
    });
}

/// Of a file without a page cache the kernel refuses to send: it is read and written.
#[test]
fn a_file_that_sendfile_refuses_is_copied() {
    run(1, async {
        let file = File::open("/proc/self/status").expect("opened");
        let (mut near, mut far) = tcp().await;
        let n = send(&mut near, &file, 0, 5).await.expect("sent");
        let mut got = vec![0; n];
        far.read_exact(&mut got).await.expect("read");
        assert_eq!(got, b"Name:");
    });
}

#[test]
fn what_a_cancelled_call_left_goes_first() {
    run(1, async {
        let (mut near, mut far) = tcp().await;
        let message = content(10_000_000);
        {
            let mut writing = Box::pin(near.write_all(&message));
            poll_fn(|cx| {
                use std::future::Future;
                assert!(writing.as_mut().poll(cx).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
        }
        let file = file(b"behind");
        let sender = spawn(async move {
            assert_eq!(send(&mut near, &file, 0, 6).await.expect("sent"), 6);
        });
        let mut got = Vec::new();
        far.read_to_end(&mut got, 1 << 30).await.expect("read");
        sender.await.expect("no panic");
        assert!(got == [&message[..], b"behind"].concat());
    });
}

#[test]
fn errors_of_either_side_are_told() {
    run(1, async {
        let (mut near, far) = tcp().await;
        let content = file(&content(100_000));
        drop(far);
        let mut result = Ok(1);
        for _ in 0..1000 {
            result = send(&mut near, &content, 0, 100_000).await;
            if result.is_err() {
                break;
            }
        }
        let kind = result.expect_err("the peer is gone").kind();
        assert!(
            matches!(
                kind,
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
            ),
            "{kind:?}"
        );

        let (mut near, _far) = tcp().await;
        let path = std::env::temp_dir().join(format!("ringspun-unreadable-{}", std::process::id()));
        let unreadable = File::create(&path).expect("created");
        std::fs::remove_file(path).expect("removed");
        assert!(send(&mut near, &unreadable, 0, 10).await.is_err());
        assert!(send(&mut near, &content, u64::MAX, 10).await.is_err());
    });
}
