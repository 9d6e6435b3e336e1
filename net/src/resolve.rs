//! Addresses to connect to, and the lookup of names.
//!
//! `getaddrinfo` blocks, for half a minute when no name server answers, and it cannot be
//! interrupted. A worker must not run it: its core would stand still. So
//! - numeric addresses never come near it ([`Target::Addrs`]);
//! - names go to helper threads: started when needed, at most [`THREADS`], each ending after
//!   [`IDLE`] without work. A process that looks nothing up has none, and one that did has none
//!   five seconds later.
//!
//! A lookup is an `Arc` shared by the future and the thread: a cell for the answer and a waker.
//! A future that is dropped leaves the thread alone; the answer is then thrown away.

use std::collections::VecDeque;
use std::future::{self, Future};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

/// What can be connected to: a socket address, an address with a port, or a name with a port.
///
/// Implemented for the types that one expects: [`SocketAddr`], `(IpAddr, u16)`, `"host:port"` as
/// `&str` or `String`, `(host, port)`, and slices of addresses, which are tried in turn.
pub trait ToAddrs {
    /// The addresses, or the name that has to be looked up first.
    ///
    /// # Errors
    /// `InvalidInput` when a text is no `host:port`.
    fn target(&self) -> io::Result<Target>;
}

/// The result of [`ToAddrs::target`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Numeric addresses; no lookup is needed.
    Addrs(Vec<SocketAddr>),
    /// A name for the system's resolver.
    Name {
        /// The host, without port.
        host: String,
        /// The port.
        port: u16,
    },
}

impl Target {
    fn new(host: &str, port: u16) -> Self {
        match host.parse::<IpAddr>() {
            Ok(ip) => Self::Addrs(vec![SocketAddr::new(ip, port)]),
            Err(_) => Self::Name {
                host: host.to_owned(),
                port,
            },
        }
    }
}

/// Looks `target` up, off this thread if it is a name.
///
/// # Errors
/// What the system's resolver reports; an error if no helper thread can be started.
///
/// # Cancel safety
/// Dropping the future drops the answer; the lookup itself runs to its end.
pub(crate) async fn resolve(target: Target) -> io::Result<Vec<SocketAddr>> {
    match target {
        Target::Addrs(addrs) => Ok(addrs),
        Target::Name { host, port } => HELPERS.look_up(host, port)?.await,
    }
}

impl<T: ToAddrs + ?Sized> ToAddrs for &T {
    fn target(&self) -> io::Result<Target> {
        (**self).target()
    }
}

impl ToAddrs for str {
    fn target(&self) -> io::Result<Target> {
        if let Ok(addr) = self.parse() {
            return Ok(Target::Addrs(vec![addr]));
        }
        let parts = self
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse().ok()?)));
        match parts {
            Some((host, port)) if !host.is_empty() => Ok(Target::new(host, port)),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{self}` is not an address: write host:port, such as 127.0.0.1:80"),
            )),
        }
    }
}

impl ToAddrs for String {
    fn target(&self) -> io::Result<Target> {
        self.as_str().target()
    }
}

impl ToAddrs for (&str, u16) {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::new(self.0, self.1))
    }
}

impl ToAddrs for (String, u16) {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::new(&self.0, self.1))
    }
}

impl ToAddrs for [SocketAddr] {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::Addrs(self.to_vec()))
    }
}

/// Types that are one numeric address.
macro_rules! numeric {
    ($($type:ty),*) => {$(
        impl ToAddrs for $type {
            fn target(&self) -> io::Result<Target> {
                Ok(Target::Addrs(vec![SocketAddr::from(*self)]))
            }
        }
    )*};
}
numeric!(
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16)
);

/// Lookups that run at the same time; the rest waits in line. They sleep in the kernel, so the
/// number is about slow name servers, not about processors.
const THREADS: usize = 16;

/// How long a helper waits for more work before it ends.
const IDLE: Duration = Duration::from_secs(5);

static HELPERS: Helpers = Helpers {
    state: Mutex::new(State {
        queue: VecDeque::new(),
        threads: 0,
        idle: 0,
    }),
    work: Condvar::new(),
};

struct Helpers {
    state: Mutex<State>,
    work: Condvar,
}

struct State {
    queue: VecDeque<Job>,
    /// Threads that were started and have not ended.
    threads: usize,
    /// Of these, those that wait for work.
    idle: usize,
}

struct Job {
    host: String,
    port: u16,
    answer: Arc<Answer>,
}

#[derive(Default)]
struct Answer(Mutex<Cell>);

#[derive(Default)]
struct Cell {
    result: Option<io::Result<Vec<SocketAddr>>>,
    waker: Option<Waker>,
}

impl Helpers {
    fn look_up(
        &'static self,
        host: String,
        port: u16,
    ) -> io::Result<impl Future<Output = io::Result<Vec<SocketAddr>>> + use<>> {
        let answer = Arc::new(Answer::default());
        let mut state = lock(&self.state);
        state.queue.push_back(Job {
            host,
            port,
            answer: Arc::clone(&answer),
        });
        if state.idle >= state.queue.len() || state.threads >= THREADS {
            self.work.notify_one();
        } else {
            let started = thread::Builder::new()
                .name("ringspun-resolve".into())
                .spawn(|| self.serve());
            match started {
                Ok(_) => state.threads += 1,
                // Somebody else will come to it.
                Err(_) if state.threads > 0 => {}
                Err(error) => {
                    state.queue.pop_back();
                    return Err(error);
                }
            }
        }
        Ok(future::poll_fn(move |cx| answer.poll(cx)))
    }

    /// The life of a helper thread.
    fn serve(&self) {
        let mut state = lock(&self.state);
        loop {
            if let Some(job) = state.queue.pop_front() {
                drop(state);
                job.run();
                state = lock(&self.state);
                continue;
            }
            state.idle += 1;
            let (guard, timeout) = self
                .work
                .wait_timeout(state, IDLE)
                .unwrap_or_else(PoisonError::into_inner);
            state = guard;
            state.idle -= 1;
            // Under the lock: a job pushed before has been seen, one pushed later finds this
            // thread gone from the counts.
            if timeout.timed_out() && state.queue.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }
}

impl Job {
    fn run(self) {
        // The future is gone: nobody wants to know.
        if Arc::strong_count(&self.answer) == 1 {
            return;
        }
        let result = (self.host.as_str(), self.port)
            .to_socket_addrs()
            .map(Iterator::collect);
        let mut cell = lock(&self.answer.0);
        cell.result = Some(result);
        let waker = cell.waker.take();
        drop(cell);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Answer {
    fn poll(&self, cx: &Context<'_>) -> Poll<io::Result<Vec<SocketAddr>>> {
        let mut cell = lock(&self.0);
        if let Some(result) = cell.result.take() {
            return Poll::Ready(result);
        }
        let old = cell.waker.replace(cx.waker().clone());
        drop(cell);
        drop(old);
        Poll::Pending
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No section under these locks can panic half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_addresses_need_no_lookup() {
        let v4: SocketAddr = "127.0.0.1:80".parse().expect("an address");
        let v6: SocketAddr = "[::1]:80".parse().expect("an address");
        let targets = [
            ("127.0.0.1:80".target(), v4),
            ("[::1]:80".target(), v6),
            (("127.0.0.1", 80).target(), v4),
            (("::1", 80).target(), v6),
            ((String::from("::1"), 80).target(), v6),
            (String::from("127.0.0.1:80").target(), v4),
            ((Ipv4Addr::LOCALHOST, 80).target(), v4),
            (v4.target(), v4),
            ([v6][..].target(), v6),
        ];
        for (target, addr) in targets {
            assert_eq!(target.expect("an address"), Target::Addrs(vec![addr]));
        }
    }

    #[test]
    fn names_are_told_from_nonsense() {
        let name = Target::Name {
            host: "localhost".into(),
            port: 8080,
        };
        assert_eq!("localhost:8080".target().expect("a name"), name);
        assert_eq!(("localhost", 8080).target().expect("a name"), name);
        for nonsense in [
            "",
            "localhost",
            ":80",
            "localhost:",
            "localhost:http",
            "host:65536",
        ] {
            let error = nonsense.target().expect_err(nonsense);
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains("host:port"));
        }
    }

    #[test]
    fn many_lookups_share_a_bounded_number_of_threads() {
        use std::sync::mpsc;
        let (sender, receiver) = mpsc::channel();
        for _ in 0..200 {
            let sender = sender.clone();
            let lookup = HELPERS.look_up("localhost".into(), 80).expect("a thread");
            // A plain thread as executor: `std` has no other way to wait for a future.
            thread::spawn(move || sender.send(block_on(lookup)));
        }
        for _ in 0..200 {
            let result = receiver
                .recv_timeout(Duration::from_secs(60))
                .expect("an answer");
            let addrs = result.expect("localhost is known");
            assert!(
                addrs
                    .iter()
                    .all(|addr| addr.ip().is_loopback() && addr.port() == 80)
            );
        }
        assert!(lock(&HELPERS.state).threads <= THREADS);
    }

    #[test]
    fn a_dropped_lookup_is_thrown_away() {
        for _ in 0..50 {
            drop(HELPERS.look_up("localhost".into(), 80).expect("a thread"));
        }
        let lookup = HELPERS.look_up("localhost".into(), 81).expect("a thread");
        assert!(
            block_on(lookup).is_ok(),
            "the ones before do not stand in the way"
        );
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        struct Unpark(thread::Thread);
        impl std::task::Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        let mut future = std::pin::pin!(future);
        loop {
            match future.as_mut().poll(&mut cx) {
                Poll::Ready(output) => return output,
                Poll::Pending => thread::park(),
            }
        }
    }
}
