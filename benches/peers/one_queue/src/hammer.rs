//! All threads at the queues at once, without a server around them.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock::thread_time;
use crate::sys::Epoll;

/// For a second every thread adds a descriptor to its queue and takes it out by closing it. Prints what the
/// threads got done together, and what one takes of the CPU. The descriptor itself, an eventfd because that is
/// the cheapest, is in it.
pub(crate) fn run(threads: usize, own: bool) -> io::Result<()> {
    let shared = Arc::new(Epoll::new()?);
    let start = Arc::new(Barrier::new(threads + 1));
    let over = Arc::new(AtomicBool::new(false));
    let running: Vec<_> = (0..threads)
        .map(|_| {
            let epoll = match own {
                true => Arc::new(Epoll::new()?),
                false => shared.clone(),
            };
            let (start, over) = (start.clone(), over.clone());
            Ok(thread::spawn(move || {
                start.wait();
                register_until(&over, &epoll)
            }))
        })
        .collect::<io::Result<_>>()?;
    start.wait();
    let began = Instant::now();
    thread::sleep(Duration::from_secs(1));
    over.store(true, Ordering::Relaxed);
    let (mut count, mut cpu) = (0, Duration::ZERO);
    for thread in running {
        let (done, took) = thread.join().expect("no panic")?;
        (count, cpu) = (count + done, cpu + took);
    }
    let per_second = f64::from(count) / began.elapsed().as_secs_f64();
    let nanos = cpu.as_nanos() as f64 / f64::from(count);
    println!("registrations_per_s={per_second:.0} registration_ns={nanos:.0}");
    Ok(())
}

fn register_until(over: &AtomicBool, epoll: &Epoll) -> io::Result<(u32, Duration)> {
    let (before, mut count) = (thread_time(), 0);
    while !over.load(Ordering::Relaxed) {
        let events = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLET;
        epoll.add(eventfd()?.as_raw_fd(), events)?;
        count += 1;
    }
    Ok((count, thread_time() - before))
}

fn eventfd() -> io::Result<OwnedFd> {
    // SAFETY: takes no pointer.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just made this descriptor, nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
