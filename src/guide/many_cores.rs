//! Many cores: 64 to 192 of them, in one machine.
//!
//! The defaults serve a machine of any size. This page is for the last third: which of the kernel's settings
//! matter, in which order, how to see whether one did, and why. Numbers in brackets are [sources](#sources).
//!
//! # What to expect
//!
//! **Nothing on the path of a request is shared between cores** while each has enough to do: a listener, an
//! event queue, a run queue, timers and buffers for each, and a connection stays with its core. What cores
//! share, they touch when they run out of work: they look at the others, tell who sleeps, wake each other.
//! So:
//!
//! | | with more cores |
//! |---|---|
//! | requests per second | grow with the cores until the network card, its interrupts or the memory are the limit |
//! | CPU per request, all cores busy | about the same, but for memory and caches that they share |
//! | CPU per request, most cores idle | higher: thin load means a sleep and a wake-up for each request, and who goes to sleep looks at all other cores before. Fewer cores serve it better: [`cores`](crate::Builder::cores) |
//! | tail latency beside slow handlers | shorter: one core in so many is idle, and takes over what waits behind a slow one |
//! | memory, descriptors | about 30 KiB a core when idle; three descriptors a core, its listener with it |
//!
//! Why a queue for each core: with one queue for the process, a Go server on 192 cores spent about 65 % of
//! its CPU time in `epoll_wait`, and eight processes of it did not \[1\]. Why a connection stays: a packet
//! handled on one core and read on another moves the lines of its socket between caches; keeping both
//! together took 30 % off the TCP stack's time on 48 cores \[2\].
//!
//! This has been counted rather than timed: `benches/load/scaling.sh` runs 2 to 64 cores on whatever CPUs
//! there are, and tells for each request what cores did together. On your machine, give its load generator
//! CPUs of its own.
//!
//! # The order of things
//!
//! 1. Limits that make it fail: descriptors, backlog, connection tracking.
//! 2. CPUs that are yours: no quota, no neighbours, one NUMA node.
//! 3. Interrupts of the network card on the same CPUs, one queue each.
//! 4. Only then pinning, and listeners that follow the packets.
//! 5. Busy polling, if microseconds are worth a core's idle time.
//!
//! One at a time, each measured: a step that does not show is a step to take back.
//!
//! # Limits
//!
//! | setting | why | look at |
//! |---|---|---|
//! | `LimitNOFILE=` (systemd), `ulimit -Hn` | a connection is a descriptor. The soft limit is [raised to the hard one](crate::Builder::many_descriptors) | "too many open files" in the log; the server goes on, and accepts later |
//! | `fs.nr_open`, `fs.file-max` | no hard limit can be above the first (1,048,576 \[3\]); the second is for the whole system | `/proc/sys/fs/file-nr` |
//! | `fs.epoll.max_user_watches` | registered descriptors of one user, by default as many as fit into 4 % of the low memory \[4\] | `ENOSPC` as an error of registering |
//! | `net.core.somaxconn` (4096) | the backlog of *each* listener, of which there is one a core; [`backlog`](crate::net::ListenOptions::backlog) asks for the most | `nstat -az TcpExtListenOverflows TcpExtListenDrops` |
//! | `net.ipv4.tcp_max_syn_backlog` | handshakes under way, for each listener too; beyond it SYN cookies \[5\] | `nstat -az TcpExtTCPReqQFullDoCookies` |
//! | `net.ipv4.ip_local_port_range` (32768 60999) | ports for connections *to* one address: proxies, load generators \[5\] | `EADDRNOTAVAIL` |
//! | `net.ipv4.tcp_mem` | pages for all sockets together, set by the size of memory; in pressure buffers shrink, beyond the last number connections are cut \[5\] | `/proc/net/sockstat`, `nstat -az TcpExtTCPMemoryPressures TcpExtTCPAbortOnMemory` |
//! | `net.netfilter.nf_conntrack_max` | where a firewall rule tracks connections, each is an entry, and a packet of a new one is dropped when the table is full \[6\]. A server that needs no NAT is better off without | `nf_conntrack: table full` in `dmesg` |
//! | `net.core.netdev_budget`, `netdev_budget_usecs` (300, 8000) | packets, and µs, of one turn of receiving \[7\]. More when the third column of `softnet_stat` grows | `/proc/net/softnet_stat` |
//! | `net.core.netdev_max_backlog` | packets that wait for a CPU with RPS (below) \[7\] | second column of the same file |
//! | `net.ipv4.tcp_migrate_req=1` | for restarts: what waits in the backlog of a closed listener goes to another on the port \[5\] | connections reset while one of two processes ends |
//!
//! # CPUs
//!
//! **As many cores as CPUs, or fewer.** Unset, [`cores`](crate::Builder::cores) are the CPUs of the affinity
//! mask, or of the cgroup's quota rounded up if that is less. Where the network card has fewer queues than
//! there are CPUs, or the load does not fill them, try fewer. Hyper-threads count as CPUs; a second one on a
//! core adds a part of a CPU, and nothing to interrupts \[8\].
//!
//! **No quota.** A cgroup's `cpu.max` is an amount of time in a period of 100 ms; when all threads together
//! have had it, all stop until the next period \[9\]: 64 threads that run at once have used up a quota of 8
//! CPUs after 12.5 ms. ringspun makes 8 cores of such a quota, but threads for blocking code and everybody
//! else in the container draw on it as well. Give whole CPUs by a cpuset: `--cpuset-cpus` of container
//! engines, `AllowedCPUs=` of systemd; in Kubernetes the static CPU manager policy and a pod of the
//! Guaranteed class with a whole number of CPUs \[10\]. Mask and quota are read once, when the runtime is
//! built.
//!
//! **One NUMA node for a process.** Memory of the other socket is further away, and so is a line that another
//! socket wrote last; HAProxy by default stays on one node for that reason \[11\]. ringspun knows nothing of
//! nodes: it takes work from any core, and memory from where the kernel gives it. So run a process for each
//! node, on one port:
//!
//! ```sh
//! numactl --cpunodebind=0 --membind=0 ./server &   # with ListenOptions::share_port(true)
//! numactl --cpunodebind=1 --membind=1 ./server &
//! ```
//!
//! Each has as many cores as its node has CPUs, by its mask. The kernel spreads connections over the
//! listeners of both by a hash of the addresses, so half the packets still cross;
//! [below](#listeners-that-follow-the-packets) is how they do not. Automatic balancing
//! (`kernel.numa_balancing`) has nothing to do then, and may be off \[12\].
//!
//! **Pinning**, [`pin_cores(true)`](crate::Builder::pin_cores): core *i* on the *i*-th CPU of the mask. It
//! spares migrations, keeps caches warm, and makes a core mean a CPU, which the next two sections need. On
//! CPUs that somebody else uses too it does harm: a pinned worker waits for *its* CPU while others are free.
//! Never beside a neighbour, never under a quota. Threads for blocking code keep the whole mask.
//!
//! # Interrupts
//!
//! A good part of a request is received in interrupts. They must be spread, and near \[8\]:
//!
//! - **As many queues of the card as cores** (`ethtool -l`, `ethtool -L eth0 combined N`), or as it has.
//!   Fewer queues mean fewer interrupts in all, as long as no CPU is full of them.
//! - **Interrupt of queue *i* on CPU *i***: `/proc/irq/N/smp_affinity_list`; stop irqbalance or tell it to
//!   leave them alone, since it moves them back. CPUs of the card's own node
//!   (`/sys/class/net/eth0/device/numa_node`).
//! - **Fewer queues than CPUs**: RPS hands packets on in software (`queues/rx-*/rps_cpus`), to CPUs that
//!   share a cache or node with the queue's. Where each CPU has a queue it is redundant. RFS
//!   (`net.core.rps_sock_flow_entries`, `queues/rx-*/rps_flow_cnt`) hands them to the CPU that last read the
//!   connection, and fits here: a connection is read where its core runs.
//! - **XPS** (`queues/tx-*/xps_cpus`): which queue a CPU sends by. One each, the same as for receiving.
//! - Interrupt moderation (`ethtool -C eth0 adaptive-rx on`): fewer interrupts against a few tens of µs.
//!
//! See it by `mpstat -P ALL 1`: `%soft` should be even. One CPU at 100 % `%soft` is a limit that no
//! number of cores lifts. The other way, for cards with few queues, is to give them CPUs of their own: HAProxy did 2 million
//! requests/s on an instance of 64 cores with the 32 interrupts of its card on the upper 32 \[13\]. Run with
//! a mask without those CPUs (`taskset`, cpuset).
//!
//! # Listeners that follow the packets
//!
//! [`Server::bind`](crate::http::Server::bind) opens a listener for each core on one port (`SO_REUSEPORT`),
//! and the kernel chooses among them by a hash. It is even, and blind to where the packet was received: with
//! *N* CPUs one in *N* meets its own. When interrupts are spread and cores pinned, the listener of the CPU
//! that received the handshake can be preferred, by `SO_INCOMING_CPU` on each of them (Linux 6.2 and later;
//! 4.6 to 6.1 ignore it in such a group \[14\]):
//!
//! ```no_run
//! use ringspun::Builder;
//! use ringspun::http::{Request, Response, Router, Server};
//! use ringspun::net::{ListenOptions, TcpListener};
//!
//! fn main() -> std::io::Result<()> {
//!     // The mask of this process is 0-63, so core i runs on CPU i. One that begins at 64 adds 64 below.
//!     let runtime = Builder::new().pin_cores(true).build()?;
//!     runtime.block_on(async {
//!         let listeners = TcpListener::bind_per_core("0.0.0.0:80", &ListenOptions::new())?;
//!         for (cpu, listener) in listeners.iter().enumerate() {
//!             // SO_INCOMING_CPU.
//!             socket2::SockRef::from(listener).set_cpu_affinity(cpu)?;
//!         }
//!         let app = Router::new().get("/", async |_: Request| Response::text("hello\n"));
//!         // A connection stays where its packets come: no passing on to cores that have fewer.
//!         Server::from_listeners(listeners).hand_over(false).serve(app).await?;
//!         Ok(())
//!     })
//! }
//! ```
//!
//! Its price: the kernel goes through the listeners of the port at each handshake, and load is as even as the
//! card's queues make it. A few heavy clients behind one address pair end up on one core, and with
//! `hand_over(false)` stay there; other cores then take tasks and events off it, but its packets are still
//! received by one CPU. nginx has the same with `reuseport`: a worker that is stuck keeps what the kernel
//! gave it \[15\], and it can make the tail longer \[16\]; here an idle core serves the listener of a stuck
//! one.
//!
//! A classic BPF program on the group (`SO_ATTACH_REUSEPORT_CBPF`, "return the CPU") does it without the
//! walk; a listener's index in the group is the order of binding, which is the order of the cores. It needs
//! pinned cores on CPUs 0 to *N* - 1 and interrupts on exactly these, and ringspun does not set it; the
//! descriptors of the listeners are there for who wants to. It is among the steps of a well-documented tuning
//! on four CPUs \[17\]. Do not expect wonders: Cloudflare measured locality, and found no gain for them
//! \[16\].
//!
//! # Busy polling
//!
//! The kernel can ask the card for packets from within `epoll_wait`, instead of being told by an interrupt
//! \[7\] \[18\]:
//!
//! - `net.core.busy_poll=50` (and `busy_read`, or `SO_BUSY_POLL` on the sockets), in µs, for all programs.
//!   ringspun's reactors do so then, as any epoll does.
//! - Per event queue by the ioctl `EPIOCSPARAMS` (Linux 6.9 \[19\]), with interrupts suspended while there is
//!   work (6.13 \[18\]). ringspun does not call it.
//!
//! It polls the one queue of the card that the sockets of an event queue came from, so all of them must come
//! from the same one: only with listeners that follow the packets. It takes latency off at the price of CPU
//! time, and pays in machines that do nothing else. A driver without NAPI busy polling, most virtual ones and
//! loopback, ignores it.
//!
//! # Is it so?
//!
//! | ask | it should |
//! |---|---|
//! | `mpstat -P ALL 1` | be even over the CPUs of the mask, `%soft` too |
//! | `ss -tlne` | show Recv-Q near 0 for every listener |
//! | [`Handle::metrics`](crate::Handle::metrics), each core's `polls` | differ by no more than the load does |
//! | `steals`, `wakes_sent`, `empty_searches` over `polls` | be a few per cent when busy; near 1 means that the load is thin, so use fewer cores |
//! | `hand_offs`, `adoptions` | be near 0: handlers that block are [the first thing to repair](super::tuning) |
//! | `perf stat -e context-switches,cpu-migrations -p PID` | show no migrations when pinned |
//! | `numastat -p PID` | show one node's memory |
//! | `cpu.stat` of the cgroup | show `nr_throttled 0` |
//!
//! # Sources
//!
//! Those of the kernel are of its current version.
//!
//! 1. [golang/go#65064](https://github.com/golang/go/issues/65064): epoll on a machine of 192 cores, 2024.
//! 2. Pesterev, Strauss, Zeldovich, Morris: [Improving network connection locality on multicore
//!    systems](https://dspace.mit.edu/handle/1721.1/72689), EuroSys 2012. More of the kind: Boyd-Wickizer et
//!    al., [An analysis of Linux scalability to many cores](https://dspace.mit.edu/handle/1721.1/62203), OSDI
//!    2010.
//! 3. [`proc_sys_fs(5)`](https://man7.org/linux/man-pages/man5/proc_sys_fs.5.html).
//! 4. [`epoll(7)`](https://man7.org/linux/man-pages/man7/epoll.7.html), interfaces in /proc.
//! 5. Kernel: [IP sysctl](https://docs.kernel.org/networking/ip-sysctl.html).
//! 6. Kernel: [conntrack sysctl](https://docs.kernel.org/networking/nf_conntrack-sysctl.html).
//! 7. Kernel: [/proc/sys/net](https://docs.kernel.org/admin-guide/sysctl/net.html).
//! 8. Kernel: [Scaling in the Linux networking stack](https://docs.kernel.org/networking/scaling.html): RSS,
//!    RPS, RFS, XPS.
//! 9. Kernel: [CFS bandwidth control](https://docs.kernel.org/scheduler/sched-bwc.html).
//! 10. Kubernetes: [CPU management
//!     policies](https://kubernetes.io/docs/tasks/administer-cluster/cpu-management-policies/).
//! 11. HAProxy: [Performance optimization for large
//!     systems](https://www.haproxy.com/documentation/haproxy-configuration-tutorials/performance/performance-tuning/),
//!     and [How HAProxy takes advantage of multi-core
//!     CPUs](https://www.haproxy.com/blog/how-haproxy-takes-advantage-of-multi-core-cpus).
//! 12. Kernel: [numa_balancing](https://docs.kernel.org/admin-guide/sysctl/kernel.html#numa-balancing).
//! 13. HAProxy: [2 million requests per second on one Arm
//!     instance](https://www.haproxy.com/blog/haproxy-forwards-over-2-million-http-requests-per-second-on-a-single-aws-arm-instance),
//!     2021.
//! 14. Kernel, commits [70da268b569d](https://git.kernel.org/linus/70da268b569d) (2015) and
//!     [b261eda84ec1](https://git.kernel.org/linus/b261eda84ec136240a9ca753389853a3a1bccca2) (2022);
//!     [`socket(7)`](https://man7.org/linux/man-pages/man7/socket.7.html) for this and for BPF programs of a
//!     group.
//! 15. nginx: [Socket sharding in release
//!     1.9.1](https://www.f5.com/company/blog/nginx/socket-sharding-nginx-release-1-9-1), 2015.
//! 16. Cloudflare: [Why does one NGINX worker take all the
//!     load?](https://blog.cloudflare.com/the-sad-state-of-linux-socket-balancing/) and [Perfect locality and
//!     three epic SystemTap
//!     scripts](https://blog.cloudflare.com/perfect-locality-and-three-epic-systemtap-scripts/), both 2017.
//! 17. Richards: [1.2 million requests/s on four
//!     vCPUs](https://talawah.io/blog/extreme-http-performance-tuning-one-point-two-million/), 2021.
//! 18. Kernel: [NAPI](https://docs.kernel.org/networking/napi.html), busy polling and IRQ suspension; after
//!     Cai and Karsten, [A ballad of interrupts](http://hdl.handle.net/10012/19598), 2023.
//! 19. [`ioctl_eventpoll(2)`](https://man7.org/linux/man-pages/man2/ioctl_eventpoll.2.html).
