//! The current token: inherited by what a task awaits, and by nothing else; deadlines end what waits.

use std::io;
use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ringspun::channel::channel;
use ringspun::net::{TcpListener, TcpStream};
use ringspun::scope::{self, CancelToken};
use ringspun::{Handle, spawn, task, time};

const SECOND: Duration = Duration::from_secs(1);

/// Whether two tokens are the same one, by cancelling the first.
fn same(a: &CancelToken, b: &CancelToken) -> bool {
    assert!(!b.is_cancelled());
    a.cancel();
    b.is_cancelled()
}

#[ringspun::test]
async fn the_current_token_is_that_of_the_innermost_scope() {
    let (outer, inner) = (CancelToken::new(), CancelToken::new());
    outer
        .scope(async {
            let before = CancelToken::current();
            inner
                .scope(async {
                    task::yield_now().await;
                    assert!(same(&inner, &CancelToken::current()));
                })
                .await;
            assert!(!before.is_cancelled());
            assert!(same(&outer, &CancelToken::current()));
        })
        .await;
    assert!(!CancelToken::current().is_cancelled());
    // Nobody else has that one.
    assert!(!same(&CancelToken::current(), &CancelToken::current()));
}

/// Two tasks take turns on one thread: each has its own.
#[ringspun::test]
async fn each_task_has_its_own_current_token() {
    let tasks: Vec<_> = (0..2)
        .map(|_| {
            spawn(async {
                let token = CancelToken::new();
                let seen = token.scope(async {
                    for _ in 0..100 {
                        task::yield_now().await;
                    }
                    CancelToken::current()
                });
                let seen = seen.await;
                same(&token, &seen)
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
}

#[ringspun::test]
async fn a_spawned_task_does_not_inherit_by_itself() {
    let token = CancelToken::new();
    let seen = token
        .scope(async { spawn(async { CancelToken::current() }).await.unwrap() })
        .await;
    assert!(!same(&token, &seen));
}

#[test]
fn a_panic_leaves_the_scope_too() {
    let token = CancelToken::new();
    let mut panics = pin!(token.scope(async { panic!("on purpose") }));
    let mut cx = Context::from_waker(Waker::noop());
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _: Poll<()> = std::future::Future::poll(panics.as_mut(), &mut cx);
    }));
    assert!(unwound.is_err());
    assert!(!same(&token, &CancelToken::current()));
}

#[ringspun::test(virtual_time)]
async fn nested_deadlines_only_shorten() {
    let start = time::now();
    let outer = scope::timeout(3 * SECOND, async {
        let at = |seconds: u32| Some(start + seconds * SECOND);
        assert_eq!(CancelToken::current().deadline(), at(3));
        let longer = scope::timeout(10 * SECOND, async {
            assert_eq!(CancelToken::current().deadline(), at(3));
        });
        longer.await.unwrap();
        let shorter = scope::deadline(start + SECOND, std::future::pending::<()>());
        assert!(shorter.await.unwrap_err().is_deadline());
        assert_eq!(time::now() - start, SECOND);
        // As far down as one likes. The innermost is the one to say so.
        async { scope::timeout(Duration::MAX, std::future::pending::<()>()).await }.await
    });
    assert!(outer.await.unwrap().unwrap_err().is_deadline());
    let plain = scope::deadline(start + 3 * SECOND, std::future::pending::<()>());
    assert!(plain.await.unwrap_err().is_deadline());
    assert_eq!(time::now() - start, 3 * SECOND);
    assert_eq!(Handle::current().metrics().timers, 0);
}

#[ringspun::test(virtual_time)]
async fn what_cancels_the_scope_around_ends_what_has_a_deadline() {
    let token = CancelToken::new();
    let work = spawn({
        let token = token.clone();
        async move {
            token
                .scope(scope_timeout_made_inside())
                .await
                .unwrap_err()
                .to_string()
        }
    });
    time::sleep(SECOND).await;
    token.cancel_with("never mind");
    assert_eq!(work.await.unwrap(), "cancelled: never mind");
}

async fn scope_timeout_made_inside() -> Result<(), scope::Cause> {
    scope::timeout(10 * SECOND, std::future::pending()).await
}

#[ringspun::test(virtual_time)]
async fn a_deadline_that_has_passed_lets_nothing_begin() {
    let late = scope::timeout(Duration::ZERO, async { panic!("begun") });
    assert!(late.await.unwrap_err().is_deadline());
    let done = scope::timeout(SECOND, async { 7 }).await;
    assert_eq!(done.unwrap(), 7);
}

/// Nothing on the way down knows of the deadline: it reaches the read in the middle all the same.
#[ringspun::test]
async fn a_read_from_a_socket_inherits_the_deadline() {
    let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut client = TcpStream::connect(addr).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    // Reads a greeting, which the peer never sends.
    async fn greeting(stream: &mut TcpStream) -> io::Result<usize> {
        stream.read(&mut [0; 64]).await
    }
    let spawned = spawn(async move {
        let answer = scope::timeout(Duration::from_millis(20), greeting(&mut client)).await;
        let error = io::Error::from(answer.unwrap_err());
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        // The socket is as good as before.
        server.write(b"hello").await.unwrap();
        greeting(&mut client).await.unwrap()
    });
    assert_eq!(spawned.await.unwrap(), 5);
}

#[ringspun::test(virtual_time)]
async fn a_receive_inherits_the_deadline_and_leaves_nothing() {
    let (sender, receiver) = channel(0);
    let waits = spawn(async move {
        let ended = scope::timeout(SECOND, async { receiver.recv().await }).await;
        assert!(ended.unwrap_err().is_deadline());
        assert!(sender.try_send(6).is_err(), "a receiver still waits");
        spawn(async move { sender.send(7).await.unwrap() });
        scope::timeout(SECOND, receiver.recv()).await.unwrap()
    });
    assert_eq!(waits.await.unwrap(), Some(7));
    let handle = Handle::current();
    assert_eq!(handle.metrics().timers, 0);
    handle.assert_no_leaks();
}
