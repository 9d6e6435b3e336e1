//! What the process as a whole must not suffer: SIGPIPE (F9) and descriptors that leak into
//! children (F10). Each check needs a process of its own and starts this program again.

mod common;

use std::fs::File;
use std::io::{ErrorKind, IoSlice};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use common::{both, count, run};
use ringspun_net::signal::{Kind, Signals};
use ringspun_net::{Stream, TcpListener, TcpStream};

const CHILD: &str = "RINGSPUN_TEST_HYGIENE_CHILD";

async fn pair(listener: &mut TcpListener) -> (TcpStream, TcpStream) {
    let addr = listener.local_addr().expect("an address");
    let (client, server) = both(TcpStream::connect(addr), listener.accept()).await;
    (client.expect("connected"), server.expect("accepted").0)
}

/// Starts the test `name` of this program as a child.
fn child(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, name);
    command
}

fn is_child(name: &str) -> bool {
    std::env::var(CHILD).is_ok_and(|value| value == name)
}

#[test]
fn writing_to_closed_peers_raises_no_signal() {
    let output = child("child_writes_to_closed_peers").output().expect("ran");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.signal(), None, "killed by a signal; {text}");
    assert!(output.status.success(), "{text}");
    assert!(text.contains("F9"), "{text}");
    print!(
        "{}",
        text.lines()
            .filter(|line| line.contains("F9"))
            .collect::<String>()
    );
}

/// Not a test by itself.
#[test]
fn child_writes_to_closed_peers() {
    if !is_child("child_writes_to_closed_peers") {
        return;
    }
    // SAFETY: no handler of ours is replaced, and SIG_DFL is a valid disposition. Rust's startup
    // code had set SIG_IGN, under which the test could not fail.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let writes = count(1000, 100_000);
    let file = File::open(std::env::current_exe().expect("this program")).expect("opened");
    run(1, async move {
        let mut listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let (mut refused, mut made) = (0, 0);
        while made < writes {
            let (mut client, server) = pair(&mut listener).await;
            drop(server);
            for n in 0..50 {
                made += 1;
                let result = match n % 3 {
                    0 => client.write(b"anybody?").await,
                    1 => {
                        let parts = [IoSlice::new(b"any"), IoSlice::new(b"body?")];
                        client.write_vectored(&parts).await
                    }
                    _ => std::future::poll_fn(|cx| client.poll_send_file(cx, &file, 0, 100)).await,
                };
                match result {
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => refused += 1,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
                    Ok(_) => {}
                }
            }
        }
        assert!(refused > writes / 2, "{refused} of {made}");
        println!("F9 {made} writes to closed peers: {refused} x EPIPE, 0 signals");
    });
}

#[test]
fn children_inherit_only_the_standard_descriptors() {
    run(2, async {
        let mut listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let _listeners =
            TcpListener::bind_per_core("127.0.0.1:0", &ringspun_net::ListenOptions::new())
                .expect("bound");
        let _pair = pair(&mut listener).await;
        let _signals = Signals::new(&[Kind::User2]).expect("installed");
        let output = Command::new("sh")
            .args([
                "-c",
                "for fd in /proc/$$/fd/*; do echo $fd $(readlink $fd); done",
            ])
            .output()
            .expect("ran");
        let text = String::from_utf8_lossy(&output.stdout);
        println!("F10 the child has:\n{text}");
        assert!(text.lines().count() >= 3, "{text}");
        for line in text.lines() {
            let number = line
                .split(' ')
                .next()
                .and_then(|path| path.rsplit('/').next());
            let number: u32 = number.expect("a path").parse().expect("a number");
            // The shell may keep its script or directory open; nothing of ours is of these kinds.
            let ours = line.contains("socket:") || line.contains("anon_inode:");
            assert!(number <= 2 || !ours, "inherited: {line}");
        }
    });
}

#[test]
fn signals_arrive_and_are_kept() {
    run(2, async {
        let mut signals = Signals::new(&[Kind::User1, Kind::Hangup]).expect("installed");
        let mut others = Signals::new(&[Kind::User1]).expect("installed");
        raise(libc::SIGUSR1);
        assert_eq!(signals.recv().await.expect("received"), Kind::User1);
        // Before anybody waits.
        raise(libc::SIGHUP);
        raise(libc::SIGUSR1);
        // In whatever order: the kernel gives them to whatever threads.
        let mut two = [
            signals.recv().await.expect("received"),
            signals.recv().await.expect("received"),
        ];
        two.sort_by_key(|kind| *kind == Kind::User1);
        assert_eq!(two, [Kind::Hangup, Kind::User1]);
        assert_eq!(others.recv().await.expect("received"), Kind::User1);
        assert_eq!(others.recv().await.expect("received"), Kind::User1);
        drop(others);
        let waiting = ringspun_runtime::spawn(async move { signals.recv().await });
        raise(libc::SIGUSR1);
        assert_eq!(
            waiting.await.expect("no panic").expect("received"),
            Kind::User1
        );
    });
}

#[test]
fn a_request_to_end_is_caught_from_the_call_on() {
    run(1, async {
        let end = ringspun_net::signal::shutdown();
        raise(libc::SIGTERM);
        assert_eq!(end.await.expect("received"), Kind::Terminate);
        let end = ringspun_net::signal::ctrl_c();
        raise(libc::SIGINT);
        end.await.expect("received");
        let end = ringspun_net::signal::terminate();
        raise(libc::SIGTERM);
        end.await.expect("received");
    });
}

fn raise(signal: i32) {
    let process = std::process::id().cast_signed();
    // SAFETY: sends a signal to this process, for which the caller has installed a handler.
    let result = unsafe { libc::kill(process, signal) };
    assert_eq!(result, 0);
}
