//! Tuning: what to look at when it is slow, and what can be set.
//!
//! The defaults are meant to be right. Measure first, with a release build:
//! `cargo run --release --example load -- --addr HOST:PORT`, or wrk. For the best code,
//! `[profile.release] lto = "fat", codegen-units = 1`.
//!
//! # It is slow: first looks
//!
//! | look at | if | then |
//! |---|---|---|
//! | CPU of the process (`top -H`) | all of its cores are busy | it is the work: profile with `perf top`; more cores; [admission](super::limits) |
//! | | nearly idle, and still slow | it waits for something: the dump below |
//! | `slow_polls` (longer than 10 ms), `poll_time` | they grow | a handler blocks or computes: `spawn_blocking`, `block_in_place`, or yield |
//! | `hand_offs`, `adoptions` | hundreds a second | the same, shorter: cores are stuck for 1 ms and more |
//! | `spares_missing` | not 0 | too many threads are blocked at once: [`spare_threads`](crate::Builder::spare_threads), or a semaphore around what blocks |
//! | `run_delay` | its 0.99 quantile is above a few ms | overload: tasks wait for a core |
//! | `blocking` | jobs wait | [`blocking_threads`](crate::Builder::blocking_threads), 512 by default |
//! | `live_tasks`, `sources` | grow without end | a leak: the dump says where they were spawned |
//! | [`strikes`](super::limits) | grow | clients meet a limit |
//! | `ss -ltn`: Recv-Q of the listener | not near 0 | accepting does not keep up, or `connections` is reached |
//! | `nstat -az TcpExtListenOverflows TcpExtListenDrops` | grow | the backlog is too short |
//!
//! # The instruments
//!
//! ```
//! use ringspun::{Handle, TaskState};
//!
//! # #[ringspun::main(cores = 1)]
//! # async fn main() {
//! let handle = Handle::current(); // usable from any thread
//!
//! let metrics = handle.metrics();
//! let total = metrics.total();
//! println!("{} tasks, {} slow polls", metrics.live_tasks, total.slow_polls);
//! println!("waiting for a core, 99 %: {} ns", total.run_delay.quantile(0.99));
//!
//! // Every task: where it was spawned, what it does, since when, who woke it last.
//! let dump = handle.dump();
//! println!("{dump}");
//! assert_eq!(dump.count(TaskState::Leaked), 0);
//! # }
//! ```
//!
//! | | |
//! |---|---|
//! | [`Handle::metrics`](crate::Handle::metrics) | counters; cheap, may be polled |
//! | [`Handle::dump`](crate::Handle::dump) | all tasks; put it behind a route that only you can ask |
//! | [`Handle::leaks`](crate::Handle::leaks), `assert_no_leaks` | tasks that nothing can wake any more; for the end of tests |
//! | `RINGSPUN_SCHEDTRACE=1000` | a line of the scheduler's on standard error each second |
//! | [`Server::strikes`](crate::http::Server::strikes) | limits that struck |
//! | `tracing` | what the server has to say, to the subscriber that you set: panics of handlers (error), cuts (warn), the end (info), refusals (debug) |
//!
//! A line of the trace: `SCHED 1000ms: cores=2 idle=1 searching=0 threads=3 inject=0 rings=[0, 4] tasks=70 hand_offs=0
//! adoptions=3 steals=12 polls=90210`. One long ring beside idle cores would be a fault of ours; long rings everywhere
//! are overload.
//!
//! # The variables
//!
//! | variable | |
//! |---|---|
//! | `RINGSPUN_CORES=4` | number of cores, where the program has not said it |
//! | `RINGSPUN_SCHEDTRACE=1000` | the trace, in milliseconds |
//!
//! # What can be set
//!
//! | [`Builder`](crate::Builder) | default | when to touch it |
//! |---|---|---|
//! | `cores` | the CPUs of the affinity mask, or the cgroup's quota rounded up | a proxy or database on the same machine |
//! | `pin_cores` | off | the machine is yours alone, and caches matter; never in a shared container |
//! | `many_descriptors` | on: soft `nofile` raised to the hard one, table sized once | children that use `select` |
//! | `watchdog`, `hand_off_after` | 500 µs, 1 ms | 200 µs for a shorter tail beside handlers that compute |
//! | `spare_threads` | 4 a core, at least 32 | `spares_missing` |
//! | `blocking_threads` | 512 | jobs wait |
//! | `thread_stack_size` | 2 MiB, of addresses, not of memory | deep recursion |
//!
//! | [`Server`](crate::http::Server), [`ListenOptions`](crate::net::ListenOptions) | default | |
//! |---|---|---|
//! | `Limits::admission` | off | 5 ms: answer some in time rather than all too late |
//! | `Limits::connections` | 100,000 | 0.7 KiB of user memory each when idle, and 9 to 10 KiB of the kernel's for both ends; when the last of a core's many ends, glibc is asked to give free pages back |
//! | `hand_over` | on | evens out connections between cores |
//! | `backlog` | the kernel's largest | |
//! | `share_port` | off | two processes on a port |
//!
//! A server with listen options:
//!
//! ```no_run
//! use ringspun::http::Server;
//! use ringspun::net::{ListenOptions, TcpListener};
//!
//! # #[ringspun::main(cores = 1)]
//! # async fn main() -> std::io::Result<()> {
//! let options = ListenOptions::new().share_port(true);
//! let server = Server::from_listeners(TcpListener::bind_per_core("127.0.0.1:0", &options)?);
//! # drop(server);
//! # Ok(()) }
//! ```
//!
//! # The system
//!
//! | setting | for |
//! |---|---|
//! | `LimitNOFILE=1048576` (systemd), `ulimit -Hn` | a connection is a descriptor; the hard limit is what counts |
//! | `net.core.somaxconn = 4096` or more | the backlog of each listener is capped by it |
//! | `net.ipv4.tcp_max_syn_backlog = 8192` | storms of connections |
//! | `net.ipv4.ip_local_port_range = 1024 65535` | proxies and load generators: ports for connecting |
//! | `net.netfilter.nf_conntrack_max` | where a firewall counts connections: it drops beyond it |
//! | `fs.file-max`, `fs.nr_open` | a million connections |
//!
//! In a container, give it whole CPUs: a quota of 1.5 stops all threads for a part of each 100 ms.
//!
//! All of it for large machines, with what to look at: [`many_cores`](super::many_cores).
