//! `Reactor`: one event queue and the sources registered in it.
//!
//! # Dispatch
//!
//! [`Reactor::poll`] asks the selector for events and carries each to its source: two shifts to
//! find the slot, one compare-exchange per direction. It takes no lock, counts no reference and
//! allocates nothing, so that any thread may poll any reactor: the owner of a core, or a thief that
//! takes events from a core that is stuck in a task. The kernel gives each edge to one of them.
//!
//! # Waking a poll
//!
//! [`Reactor::wake`] ends a poll by an event of its own. One flag says that such an event is under
//! way; only the thread that sets it makes the system call.
//!
//! ```text
//! waker:  publish work (A)   flag.swap(true)  (B)   if it was false: notify   (C)
//! poll:   take the event (D) flag.swap(false) (E)   look for work             (F)
//! ```
//!
//! No wake-up is lost: a waker whose B finds the flag set comes, in the order of the flag, after
//! some other waker's B and before the E that clears it. E acquires what B released, so A happens
//! before F. And an E is still to come, because C follows the B that found the flag clear. (B finds
//! it clear: C makes an event, which ends this or the next poll.) Between two E there is one B that
//! finds the flag clear: at most one system call per poll that is woken.
//!
//! # Level-triggered sources
//!
//! A listener that nobody accepts from (its task backs off, or is stuck) would end every poll at
//! once. After [`UNCLAIMED`] events in a row that found it ready with nobody waiting, the
//! dispatcher disarms it; the next task that waits arms it again. The flag for that is in the read
//! word, so that "nobody waits" and "disarmed" are decided in one CAS:
//! - dispatcher, under `level`: CAS {READY, not WAITING} -> DISARMED, then `arm(false)`;
//! - task: stores its waker (CAS to WAITING), sees DISARMED in the same word; under `level`: clears
//!   it, then `arm(true)`.
//!
//! Whichever CAS is first makes the other see it, and the lock puts the two system calls in the
//! same order as the two CAS. Deregistering a level-triggered source takes the same lock, so that
//! a dispatcher never disarms a descriptor whose number has been given to something else.
//!
//! Models: `loom_tests.rs`.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use crate::alarm::Alarm;
use crate::interest::{Direction, Trigger};
use crate::loom::{AtomicBool, Mutex, Ordering, lock};
use crate::registration::Registration;
use crate::source::{Edge, Source, read_flags, write_flags};
use crate::sys::script::Script;
use crate::sys::{Event, Events, MAX_EVENTS, Selector};
use crate::table::Table;
use crate::token::{Kind, Token};
use crate::wake_list::WakeList;

/// How many events of a level-triggered source may go unclaimed before it is disarmed. A task that
/// was woken but has not run yet leaves a few behind, each worth 85 ns; disarming and arming cost
/// about 1 µs together. Raise it if a busy listener is seen to be disarmed (strace: `EPOLL_CTL_MOD`).
/// In models the first one counts.
const UNCLAIMED: u32 = if cfg!(loom) { 1 } else { 16 };

/// One event queue of the operating system and the sources registered in it.
///
/// Used through an [`Arc`], which every [`Registration`] shares. All methods may be called from any
/// thread at any time.
pub struct Reactor {
    /// The operating system's side.
    pub(crate) selector: Selector,
    /// The sources.
    pub(crate) table: Table,
    /// Orders disarming, arming and deregistering of level-triggered sources. Guards no data.
    level: Mutex<()>,
    /// Whether a notification is under way.
    notified: Padded<AtomicBool>,
}

/// What a poll has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Polled {
    /// How many events of sources were taken from the selector. Includes those of descriptors that
    /// have been deregistered meanwhile, which have no effect.
    pub events: usize,
    /// Whether a [`Reactor::wake`] ended here. If it was meant for another thread, the caller
    /// passes it on by calling [`Reactor::wake`] again; [`Reactor::steal`] does.
    pub notified: bool,
    /// Whether the [`Alarm`] that this reactor [watches](Reactor::watch) has expired.
    pub alarm: bool,
}

impl Reactor {
    /// A reactor over the system's event queue.
    ///
    /// Two descriptors are opened, both close-on-exec.
    ///
    /// # Errors
    ///
    /// If the system refuses the descriptors: `EMFILE`, `ENFILE`, `ENOMEM`, or `ENOSPC` when the
    /// user's limit of watched descriptors is reached.
    pub fn new() -> io::Result<Self> {
        Selector::new().map(Self::over)
    }

    /// A reactor that makes no system call: what happens to its descriptors is told by its
    /// [`Reactor::script`]. For tests and simulation.
    pub fn scripted() -> Self {
        Self::over(Selector::scripted())
    }

    fn over(selector: Selector) -> Self {
        Self {
            selector,
            table: Table::new(),
            level: Mutex::new(()),
            notified: Padded(AtomicBool::new(false)),
        }
    }

    /// Waits for events, marks their sources ready and collects the wakers of the tasks that wait
    /// for them into `wakers`. It never wakes a task itself.
    ///
    /// At most `max` events are taken, at most 64, and at most half as many as `wakers` has room
    /// for; if that is none, the poll returns at once. Without a `timeout` it waits until something
    /// happens, with `Duration::ZERO` it does not wait at all. A signal ends it early, with nothing.
    ///
    /// **Nothing from a poll that does not wait proves nothing**: events may for a moment be in the
    /// hands of another thread that polls the same reactor. Sleep only in a poll that waits.
    ///
    /// # Errors
    ///
    /// None in normal operation. An error of the system's wait other than an interruption is
    /// returned as it is.
    pub fn poll(
        &self,
        events: &mut Events,
        max: usize,
        timeout: Option<Duration>,
        wakers: &mut WakeList,
    ) -> io::Result<Polled> {
        let max = max.min(MAX_EVENTS).min(wakers.room() / 2);
        if max == 0 {
            return Ok(Polled::default());
        }
        self.selector.wait(events, max, timeout)?;
        let mut polled = Polled::default();
        for event in events.as_slice() {
            let token = event.token();
            if token == Token::NOTIFY {
                polled.notified = true;
            } else if token == Token::ALARM {
                polled.alarm = true;
            } else {
                polled.events += 1;
                self.dispatch(event, wakers);
            }
        }
        if polled.notified {
            // (E) AcqRel: acquires what every waker since the last time released in its (B).
            self.notified.0.swap(false, Ordering::AcqRel);
        }
        Ok(polled)
    }

    /// Takes at most `max` events without waiting, on behalf of a thread that does not own this
    /// reactor. A notification found on the way is passed on to the owner.
    ///
    /// # Errors
    ///
    /// As [`Reactor::poll`].
    pub fn steal(
        &self,
        events: &mut Events,
        max: usize,
        wakers: &mut WakeList,
    ) -> io::Result<usize> {
        let polled = self.poll(events, max, Some(Duration::ZERO), wakers)?;
        if polled.notified {
            self.wake();
        }
        Ok(polled.events)
    }

    /// Ends the poll that waits now, or else the next one.
    ///
    /// What the caller did before is visible to the thread whose poll reports the notification.
    /// Several calls before that poll make one system call.
    pub fn wake(&self) {
        // (B) AcqRel: releases the caller's work; see the head of this file. A load that skips the
        // swap when the flag is set would not: the flag might be about to be cleared.
        if !self.notified.0.swap(true, Ordering::AcqRel) {
            self.selector.notify();
        }
    }

    /// Watches an alarm together with other reactors. Of several reactors in which threads wait, the
    /// one that began to watch first gets it.
    ///
    /// # Errors
    ///
    /// `EEXIST` if it watches one already, `ENOMEM` and `ENOSPC` if the system's limits are reached.
    pub fn watch(&self, alarm: &Alarm) -> io::Result<()> {
        self.selector.watch(alarm.fd())
    }

    /// Whether events are waiting, as far as one can tell without taking one. False for a scripted
    /// reactor.
    pub fn has_events(&self) -> bool {
        wait_any(&[self], Some(Duration::ZERO)).unwrap_or(false)
    }

    /// Registers a descriptor. It must be non-blocking; a socket that connects must have begun to.
    ///
    /// Writing counts as ready from the start; reading does when the first event says so. The
    /// registration must be dropped before the descriptor is closed.
    ///
    /// # Errors
    ///
    /// `EPERM` if the descriptor cannot be watched (a regular file), `EEXIST` if it is registered
    /// already, `EBADF` if it is not open, `ENOMEM` and `ENOSPC` if the system's limits are reached,
    /// and [`io::ErrorKind::OutOfMemory`] beyond 2^31 registrations. Nothing is left behind.
    pub fn register(
        self: &Arc<Self>,
        fd: BorrowedFd<'_>,
        trigger: Trigger,
    ) -> io::Result<Registration> {
        self.register_raw(fd.as_raw_fd(), trigger)
    }

    pub(crate) fn register_raw(
        self: &Arc<Self>,
        fd: RawFd,
        trigger: Trigger,
    ) -> io::Result<Registration> {
        let (index, source) = self.table.take().ok_or(io::ErrorKind::OutOfMemory)?;
        source.open(fd);
        let kind = match trigger {
            Trigger::Edge => Kind::Edge,
            Trigger::Level => Kind::Level,
        };
        let token = Token::new(index, source.generation(), kind);
        if let Err(error) = self.selector.add(fd, token, trigger) {
            drop(source.retire());
            self.table.give_back(index);
            return Err(error);
        }
        Ok(Registration::new(self.clone(), source, token, fd))
    }

    /// How many descriptors are registered.
    pub fn sources(&self) -> usize {
        self.table.len()
    }

    /// Gives the memory of descriptors that are no more back to the system, where that is possible.
    /// For the end of a time of many: registering waits meanwhile, some microseconds for each
    /// thousand.
    pub fn trim(&self) {
        #[cfg(not(loom))]
        self.table.trim();
    }

    /// Drops every stored waker without waking its task, and returns how many there were.
    ///
    /// A stored waker keeps its task alive, and the task may own the registration that keeps the
    /// waker: a runtime that shuts down calls this to break such circles.
    pub fn drop_wakers(&self) -> usize {
        let all = self.table.iter().flat_map(Source::take_wakers);
        // No lock is held here: the list of slots was read before the first waker is dropped.
        all.flatten().map(drop).count()
    }

    /// The selector's own descriptor, readable while events are waiting: `poll(2)` on it tells
    /// without consuming anything. `None` for a scripted reactor.
    pub fn selector_fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.selector {
            Selector::Epoll(epoll) => Some(epoll.as_fd()),
            Selector::Script(_) => None,
        }
    }

    /// The script of a scripted reactor; `None` for any other.
    pub fn script(&self) -> Option<&Script> {
        match &self.selector {
            Selector::Epoll(_) => None,
            Selector::Script(script) => Some(script),
        }
    }

    /// Carries one event to its source. No lock, no reference count, no allocation.
    #[inline]
    pub(crate) fn dispatch(&self, event: &Event, wakers: &mut WakeList) {
        let token = event.token();
        // Only an event of a foreign making has an index without a slot.
        let Some(source) = self.table.get(token.index()) else {
            return;
        };
        let ready = event.ready();
        let generation = token.generation();
        if let Some(flags) = read_flags(ready) {
            let edge = source.side(Direction::Read).set(generation, flags);
            if token.kind() == Kind::Level {
                self.note_level(token, source, &edge);
            }
            if let Edge::Wake(waker) = edge {
                wakers.push(waker);
            }
        }
        if let Some(flags) = write_flags(ready)
            && let Edge::Wake(waker) = source.side(Direction::Write).set(generation, flags)
        {
            wakers.push(waker);
        }
    }

    /// Counts the events of a level-triggered source that came for nobody.
    fn note_level(&self, token: Token, source: &Source, edge: &Edge) {
        let claimed = match edge {
            Edge::Stale => return,
            Edge::Set { claimed } => *claimed,
            Edge::Wake(_) => true,
        };
        if source.count_unclaimed(claimed) >= UNCLAIMED {
            self.disarm(token, source);
        }
    }

    /// Silences a level-triggered source that nobody waits for.
    #[cold]
    fn disarm(&self, token: Token, source: &Source) {
        let _order = lock(&self.level);
        // The generation is compared under the lock: the descriptor is still this source's.
        if source.side(Direction::Read).disarm(token.generation()) {
            // It cannot fail: the descriptor is open and registered. If it did, the source would
            // go on reporting.
            let _ = self.selector.arm(source.fd(), token, false);
        }
    }

    /// Ends the silence of a level-triggered source for a task that waits.
    #[cold]
    pub(crate) fn rearm(&self, token: Token, source: &Source) -> io::Result<()> {
        let _order = lock(&self.level);
        if source.side(Direction::Read).rearm() {
            return self.selector.arm(source.fd(), token, true);
        }
        Ok(())
    }

    /// Ends a registration: selector first, then the generation, then the slot, and last the
    /// wakers, whose destructors may be the user's code.
    ///
    /// Without `fd` the selector learns it from the close that follows. An event that comes before
    /// it carries the old generation, and is stale from the second step on.
    pub(crate) fn deregister(&self, token: Token, source: &Source, fd: Option<RawFd>) {
        let order = (token.kind() == Kind::Level).then(|| lock(&self.level));
        // An error means that the descriptor was closed too early and is out of the set already.
        let _ = fd.map(|fd| self.selector.delete(fd));
        let wakers = source.retire();
        drop(order);
        self.table.give_back(token.index());
        drop(wakers);
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("sources", &self.sources())
            .finish_non_exhaustive()
    }
}

/// Waits until one of `reactors` (at most 16 are looked at) has an event, or the time is up, and
/// takes none. True if there is one. A signal ends the wait early. Scripted reactors never have one.
///
/// This is how a thread watches over several reactors: a reactor inside another one would make
/// cycles, which the kernel refuses, and lose events.
///
/// # Errors
///
/// Those of `ppoll(2)`: `ENOMEM`.
pub fn wait_any(reactors: &[&Reactor], timeout: Option<Duration>) -> io::Result<bool> {
    let fds = reactors.iter().map(|reactor| reactor.selector_fd());
    crate::sys::poll::wait_readable(fds.flatten(), timeout)
}

/// A value on cache lines of its own. Wakers of other cores write the flag while the owner reads
/// the fields beside it on every poll.
#[repr(align(128))]
struct Padded<T>(T);

#[cfg(all(test, not(loom)))]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;

    const LIMIT: Option<Duration> = Some(Duration::from_secs(20));

    fn writes(reactor: &Reactor) -> u64 {
        match &reactor.selector {
            Selector::Epoll(epoll) => epoll.take_writes(),
            Selector::Script(script) => script.notifications() as u64,
        }
    }

    fn poll(reactor: &Reactor, timeout: Option<Duration>) -> Polled {
        let (mut events, mut wakers) = (Events::new(), WakeList::new());
        reactor
            .poll(&mut events, 64, timeout, &mut wakers)
            .expect("a wait does not fail")
    }

    #[test]
    fn wakes_coalesce_into_one_write_per_poll() {
        let reactor = Reactor::new().unwrap();
        for _ in 0..100 {
            for _ in 0..10 {
                reactor.wake();
            }
            assert!(poll(&reactor, LIMIT).notified);
            assert!(!poll(&reactor, Some(Duration::ZERO)).notified);
            assert_eq!(writes(&reactor), 1);
        }
    }

    #[test]
    fn a_thief_passes_a_notification_on() {
        let reactor = Reactor::new().unwrap();
        reactor.wake();
        let (mut events, mut wakers) = (Events::new(), WakeList::new());
        assert_eq!(reactor.steal(&mut events, 16, &mut wakers).unwrap(), 0);
        // Passed on already: this one has nothing to add.
        reactor.wake();
        assert!(poll(&reactor, LIMIT).notified);
        assert_eq!(writes(&reactor), 2);
    }

    #[test]
    fn the_coarse_wait_waits_as_long_as_asked() {
        let reactor = Reactor::new().unwrap();
        let Selector::Epoll(epoll) = &reactor.selector else {
            panic!("the system's selector is epoll");
        };
        epoll.set_coarse();
        for nanoseconds in [1, 1_000_000, 3_000_001] {
            let time = Duration::from_nanos(nanoseconds);
            let start = Instant::now();
            assert_eq!(poll(&reactor, Some(time)), Polled::default());
            assert!(start.elapsed() >= time);
        }
        // 49.8 days: would be negative or nearly nothing if it wrapped.
        let long = Duration::from_millis(u64::from(u32::MAX) + 7);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| poll(&reactor, Some(long)).notified);
            reactor.wake();
            assert!(waiting.join().unwrap());
        });
    }
}
