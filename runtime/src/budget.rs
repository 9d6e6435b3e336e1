//! The cooperative budget: a task that never has to wait still lets the others run.
//!
//! Each poll of a task may do 128 leaf operations (reads, writes, accepts, messages, timers, also
//! those that fail). Then [`poll_proceed`] answers `Pending` once and wakes the task at once, which puts
//! it behind the others. Outside a task nothing is counted.

use std::cell::Cell;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::time::ticks::Ticks;

/// Leaf operations for each poll of a task. 128 as in tokio: an operation costs 0.1 to 3 µs, so a turn
/// ends within about 0.4 ms.
const BUDGET: u8 = 128;
/// The count of a thread that is not running a task.
const UNLIMITED: u8 = u8::MAX;

/// The same in time, for operations that take long or have much work between them. A look costs 9 ns: it is
/// made every fourth operation. Of those that make no system call and would be dearer for the look than by
/// themselves, it is made after the second, fourth, eighth ...: a poll is then over at twice this time.
const LONGEST: Duration = Duration::from_micros(500);
const LOOK_EVERY: u8 = 4;

thread_local! {
    static LEFT: Cell<u8> = const { Cell::new(UNLIMITED) };
    /// When the poll's time is over, in ticks.
    static END: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// Permission for one leaf operation.
///
/// Dropped without [`made_progress`](Self::made_progress) it gives the unit back: an operation that has
/// to wait costs nothing.
#[derive(Debug)]
#[must_use = "say `made_progress` when the operation did not have to wait"]
pub struct Proceed {
    progress: bool,
}

impl Proceed {
    /// The operation completed, or failed: the unit is spent.
    #[inline]
    pub fn made_progress(mut self) {
        self.progress = true;
    }
}

impl Drop for Proceed {
    #[inline]
    fn drop(&mut self) {
        if !self.progress {
            LEFT.with(|left| {
                if left.get() < BUDGET {
                    left.set(left.get() + 1);
                }
            });
        }
    }
}

/// Asks for permission to do one leaf operation. `Pending` means: the budget of this poll is spent; the
/// task has been woken and will go on after the others.
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<Proceed> {
    proceed(cx, |done| done % LOOK_EVERY == 0)
}

/// As [`poll_proceed`], for an operation of a few nanoseconds: one that makes no system call.
#[inline]
pub fn poll_proceed_quick(cx: &mut Context<'_>) -> Poll<Proceed> {
    proceed(cx, |done| done > 1 && done.is_power_of_two())
}

/// `looks` says after how many operations of this poll to look at the time.
#[inline]
fn proceed(cx: &mut Context<'_>, looks: impl Fn(u8) -> bool) -> Poll<Proceed> {
    LEFT.with(|left| match left.get() {
        UNLIMITED => Poll::Ready(Proceed { progress: true }),
        0 => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        // The first operation is always allowed: a poll that comes late to it still gets on.
        n if n < BUDGET && looks(BUDGET - n) && is_late() => {
            left.set(0);
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        n => {
            left.set(n - 1);
            Poll::Ready(Proceed { progress: false })
        }
    })
}

/// Runs `f` without a limit: for a timeout that must be seen even when its future spent everything.
pub fn unlimited<R>(f: impl FnOnce() -> R) -> R {
    let _restore = Restore(LEFT.replace(UNLIMITED));
    f()
}

fn is_late() -> bool {
    let end = END.get();
    end != u64::MAX && Ticks::get().now() > end
}

/// The longest time of one poll that does leaf operations, in ticks.
pub(crate) fn longest(ticks: Ticks) -> u64 {
    ticks.of(LONGEST)
}

/// Runs one poll of a task, which may do leaf operations until `end`, with a fresh budget.
#[inline]
pub(crate) fn with_budget<R>(end: u64, f: impl FnOnce() -> R) -> R {
    END.set(end);
    let _restore = Restore(LEFT.replace(BUDGET));
    f()
}

struct Restore(u8);

impl Drop for Restore {
    fn drop(&mut self) {
        LEFT.set(self.0);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_poll_gets_its_budget_and_no_more() {
        let mut cx = Context::from_waker(Waker::noop());
        with_budget(u64::MAX, || {
            for _ in 0..BUDGET {
                // One that had to wait costs nothing.
                assert!(poll_proceed(&mut cx).is_ready());
                match poll_proceed(&mut cx) {
                    Poll::Ready(proceed) => proceed.made_progress(),
                    Poll::Pending => panic!("budget spent too early"),
                }
            }
            assert!(poll_proceed(&mut cx).is_pending());
            unlimited(|| assert!(poll_proceed(&mut cx).is_ready()));
            assert!(poll_proceed(&mut cx).is_pending());
        });
        for _ in 0..1000 {
            match poll_proceed(&mut cx) {
                Poll::Ready(proceed) => proceed.made_progress(),
                Poll::Pending => panic!("no budget outside a task"),
            }
        }
    }
}
