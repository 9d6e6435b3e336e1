//! The state of a task: one atomic word, and every transition it can make.
//!
//! ```text
//!  bit 0  RUNNING        somebody polls, cancels or drops the future: exclusive right to the stage
//!  bit 1  COMPLETE       the output (or error) is stored, or already taken; never left again
//!  bit 2  SCHEDULED      a queue holds the task, or the running worker will put it there
//!  bit 3  CLOSED         asked to stop: the next one to get RUNNING drops the future instead
//!  bit 4  JOIN_INTEREST  a join handle lives
//!  bit 5  JOIN_WAKER     the join waker field is set; while set, only the task reads it
//!  bit 6..               reference count
//! ```
//!
//! ```text
//!           spawn                 start                      stop(pending)
//!  (new) ----------> SCHEDULED ----------> RUNNING -----------------------------> idle
//!                        ^                   |  ^  woken meanwhile: RUNNING|SCHEDULED -> SCHEDULED
//!                        |  wake             |  |
//!                        +---------- idle    |  +-- shutdown (idle or SCHEDULED -> RUNNING|CLOSED)
//!                                            v complete
//!                                         COMPLETE
//! ```
//!
//! **Orderings.** Every transition is one read-modify-write with `AcqRel` on this word, so all
//! transitions of a task are totally ordered and each one sees what the earlier ones published:
//! what the poll wrote into the future before `stop` (Release) is seen by the next `start` (Acquire);
//! the output written before `complete` is seen by the join handle that reads `COMPLETE`. The counts
//! use the same word, so the last `ref_dec` has acquired every earlier one before it frees.
//!
//! Models: `loom_task` below (wake against run, abort against run, join drop against completion,
//! shutdown against wake).

use crate::loom::atomic::AtomicUsize;
use crate::loom::atomic::Ordering::{AcqRel, Acquire, Relaxed};

const RUNNING: usize = 1 << 0;
const COMPLETE: usize = 1 << 1;
const SCHEDULED: usize = 1 << 2;
const CLOSED: usize = 1 << 3;
const JOIN_INTEREST: usize = 1 << 4;
const JOIN_WAKER: usize = 1 << 5;
const REF_ONE: usize = 1 << 6;

/// A new task is referenced by the registry, by its first queue entry and by its join handle.
const INITIAL: usize = SCHEDULED | JOIN_INTEREST | (3 * REF_ONE);

/// The state word.
#[derive(Debug)]
pub(crate) struct State(AtomicUsize);

/// One reading of the word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Snapshot(usize);

/// What a worker does with a task it took from a queue.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Poll it: RUNNING is ours.
    Run,
    /// It was asked to stop: RUNNING is ours, drop the future and complete.
    Cancel,
    /// Somebody else finished it; the queue's reference is gone.
    Done,
    /// As `Done`, and that was the last reference: free the cell.
    Dealloc,
}

/// What follows a poll that returned `Pending`.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Idle; the running reference was dropped.
    Idle,
    /// Woken during the poll: it goes back into a queue, whose entry gets the running reference.
    Resubmit,
    /// It was asked to stop during the poll: RUNNING is still ours, cancel it.
    Cancel,
    /// Idle with nobody left to wake it: free the cell.
    Dealloc,
}

/// What a wake-up has to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Nothing: it is queued, running or finished.
    Nothing,
    /// Put it into a queue; the entry gets one reference: a waker that is consumed gives its own.
    Submit,
    /// The consumed waker held the last reference: free the cell.
    Dealloc,
}

/// What a dropped join handle has to do besides giving back its reference.
#[must_use]
#[derive(Debug)]
pub(crate) struct JoinDrop {
    /// The task is complete and nobody will read the output: drop it.
    pub(crate) drop_output: bool,
    /// The join waker field belongs to the handle (again): clear it.
    pub(crate) drop_waker: bool,
}

impl State {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(INITIAL))
    }

    pub(crate) fn load(&self) -> Snapshot {
        // Acquire pairs with `complete`: who sees COMPLETE sees the output.
        Snapshot(self.0.load(Acquire))
    }

    /// A queue entry begins to run. Consumes the entry's reference unless it returns `Run` or
    /// `Cancel`, where the reference becomes the running one.
    pub(crate) fn start(&self) -> Start {
        self.update(|s| {
            assert!(s & SCHEDULED != 0, "a task in a queue must be scheduled");
            if s & (RUNNING | COMPLETE) != 0 {
                // Shut down while queued.
                let next = dec(s & !SCHEDULED);
                let out = if next < REF_ONE {
                    Start::Dealloc
                } else {
                    Start::Done
                };
                return (out, next);
            }
            let next = (s & !SCHEDULED) | RUNNING;
            (
                if s & CLOSED != 0 {
                    Start::Cancel
                } else {
                    Start::Run
                },
                next,
            )
        })
    }

    /// A poll returned `Pending`.
    pub(crate) fn stop(&self) -> Stop {
        self.update(|s| {
            debug_assert!(s & RUNNING != 0);
            if s & CLOSED != 0 {
                return (Stop::Cancel, s);
            }
            if s & SCHEDULED != 0 {
                return (Stop::Resubmit, s & !RUNNING);
            }
            let next = dec(s & !RUNNING);
            (
                if next < REF_ONE {
                    Stop::Dealloc
                } else {
                    Stop::Idle
                },
                next,
            )
        })
    }

    /// The output is stored: RUNNING -> COMPLETE. Returns the word after the change.
    pub(crate) fn complete(&self) -> Snapshot {
        let before = self.0.fetch_xor(RUNNING | COMPLETE, AcqRel);
        assert!(
            before & RUNNING != 0 && before & COMPLETE == 0,
            "only a running task completes"
        );
        Snapshot(before ^ (RUNNING | COMPLETE))
    }

    /// A wake-up that keeps its waker.
    pub(crate) fn wake_by_ref(&self) -> Wake {
        self.update(|s| {
            if s & (COMPLETE | SCHEDULED) != 0 {
                (Wake::Nothing, s)
            } else if s & RUNNING != 0 {
                (Wake::Nothing, s | SCHEDULED)
            } else {
                (Wake::Submit, inc(s | SCHEDULED))
            }
        })
    }

    /// A wake-up that gives its waker's reference back, or to the queue's entry.
    pub(crate) fn wake_by_value(&self) -> Wake {
        self.update(|s| {
            if s & (COMPLETE | SCHEDULED) != 0 {
                let next = dec(s);
                (
                    if next < REF_ONE {
                        Wake::Dealloc
                    } else {
                        Wake::Nothing
                    },
                    next,
                )
            } else if s & RUNNING != 0 {
                // The running reference remains, so this cannot be the last one.
                (Wake::Nothing, dec(s | SCHEDULED))
            } else {
                (Wake::Submit, s | SCHEDULED)
            }
        })
    }

    /// Asks the task to stop. `Submit` means: queue it, so that a worker drops the future.
    pub(crate) fn abort(&self) -> Wake {
        self.update(|s| {
            if s & (COMPLETE | CLOSED) != 0 {
                (Wake::Nothing, s)
            } else if s & (RUNNING | SCHEDULED) != 0 {
                // The one who runs it, or the next one to take it from the queue, sees CLOSED.
                (Wake::Nothing, s | CLOSED)
            } else {
                (Wake::Submit, inc(s | CLOSED | SCHEDULED))
            }
        })
    }

    /// Shutdown of the runtime: true if RUNNING is now ours and the task must be cancelled here.
    pub(crate) fn shutdown(&self) -> bool {
        self.update(|s| {
            let free = s & (RUNNING | COMPLETE) == 0;
            (free, s | CLOSED | if free { RUNNING } else { 0 })
        })
    }

    /// The join waker was written: publish it. False if the task completed meanwhile.
    pub(crate) fn set_join_waker(&self) -> bool {
        self.update(|s| {
            debug_assert!(s & JOIN_INTEREST != 0 && s & JOIN_WAKER == 0);
            if s & COMPLETE != 0 {
                (false, s)
            } else {
                (true, s | JOIN_WAKER)
            }
        })
    }

    /// Takes the join waker field back for the handle. False if the task completed meanwhile.
    pub(crate) fn unset_join_waker(&self) -> bool {
        self.update(|s| {
            debug_assert!(s & JOIN_INTEREST != 0);
            if s & COMPLETE != 0 {
                // The task may have used and cleared it already.
                return (false, s);
            }
            debug_assert!(
                s & JOIN_WAKER != 0,
                "only the handle clears it before completion"
            );
            (true, s & !JOIN_WAKER)
        })
    }

    /// The task has woken the join waker. Says whether the handle is gone, in which case the field
    /// is the task's to clear.
    pub(crate) fn join_waker_used(&self) -> Snapshot {
        Snapshot(self.0.fetch_and(!JOIN_WAKER, AcqRel) & !JOIN_WAKER)
    }

    /// The join handle goes away.
    pub(crate) fn drop_join_interest(&self) -> JoinDrop {
        self.update(|s| {
            debug_assert!(s & JOIN_INTEREST != 0);
            let complete = s & COMPLETE != 0;
            let mut next = s & !JOIN_INTEREST;
            if !complete {
                // Not complete: nobody reads the waker before COMPLETE is set, and from now on
                // nobody will.
                next &= !JOIN_WAKER;
            }
            let drop = JoinDrop {
                drop_output: complete,
                drop_waker: next & JOIN_WAKER == 0,
            };
            (drop, next)
        })
    }

    pub(crate) fn ref_inc(&self) {
        // Relaxed: a new reference is made from an existing one, which keeps the cell alive.
        let before = self.0.fetch_add(REF_ONE, Relaxed);
        if before > usize::MAX / 2 {
            // 2^57 wakers cannot be held in memory; only leaking in a loop gets here.
            std::process::abort();
        }
    }

    /// Gives back `n` references; true if they were the last.
    #[must_use]
    pub(crate) fn ref_dec(&self, n: usize) -> bool {
        let before = Snapshot(self.0.fetch_sub(n * REF_ONE, AcqRel));
        debug_assert!(before.refs() >= n, "more references dropped than held");
        before.refs() == n
    }

    fn update<T>(&self, mut f: impl FnMut(usize) -> (T, usize)) -> T {
        let mut current = self.0.load(Acquire);
        loop {
            let (out, next) = f(current);
            // Also where nothing changes the exchange is made, not skipped: a wake-up that finds
            // SCHEDULED must release what it announces to the `start` that clears the bit.
            match self.0.compare_exchange_weak(current, next, AcqRel, Acquire) {
                Ok(_) => return out,
                Err(actual) => current = actual,
            }
        }
    }
}

impl Snapshot {
    pub(crate) fn is_complete(self) -> bool {
        self.0 & COMPLETE != 0
    }

    pub(crate) fn has_join_interest(self) -> bool {
        self.0 & JOIN_INTEREST != 0
    }

    pub(crate) fn has_join_waker(self) -> bool {
        self.0 & JOIN_WAKER != 0
    }

    pub(crate) fn is_running(self) -> bool {
        self.0 & RUNNING != 0
    }

    pub(crate) fn is_scheduled(self) -> bool {
        self.0 & SCHEDULED != 0
    }

    /// Whether a task of the registry waits with no waker left, so that it can never run again
    /// (`dump.rs` has the rule). Stays true but for an abort or the shutdown.
    pub(crate) fn is_leaked(self) -> bool {
        let others = 1 + usize::from(self.has_join_interest());
        self.0 & (RUNNING | COMPLETE | SCHEDULED | CLOSED) == 0 && self.refs() == others
    }

    pub(crate) fn refs(self) -> usize {
        self.0 / REF_ONE
    }
}

fn inc(s: usize) -> usize {
    s + REF_ONE
}

fn dec(s: usize) -> usize {
    debug_assert!(s >= REF_ONE);
    s - REF_ONE
}
