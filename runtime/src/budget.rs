//! The cooperative budget: a task that never has to wait still lets the others run.
//!
//! Each poll of a task may do 128 leaf operations (reads, writes, accepts, timers, also those that fail),
//! or four times as many of those that cost some nanoseconds only (messages, locks). Then [`poll_proceed`]
//! answers `Pending` once and wakes the task at once, which puts it behind the others. Outside a task nothing
//! is counted.

use std::cell::Cell;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::time::ticks::Ticks;

/// What a leaf operation takes of the budget. 128 of them for each poll, as in tokio: an operation costs 0.1 to
/// 3 µs, so a turn ends within about 0.4 ms.
const FULL: u32 = 4;
/// What one takes that makes no system call. 512 of them are over in 5 to 15 µs, and a receiver that 64 senders
/// wait for behind a buffer of 128 comes to its end before it gives way: had it to stop after 128, one message
/// in two would cost its sender a wait, not one in three or fewer (36 ns a message, not 17).
const QUICK: u32 = 1;
/// The budget of each poll of a task.
const BUDGET: u32 = 128 * FULL;
/// The count of a thread that is not running a task.
const UNLIMITED: u32 = u32::MAX;

/// The same in time, for operations that take long or have much work between them. A look costs 9 ns: it is
/// made every fourth operation. Of those that make no system call and would be dearer for the look than by
/// themselves, it is made after the second, fourth, eighth ...: a poll is then over at twice this time.
const LONGEST: Duration = Duration::from_micros(500);
const LOOK_EVERY: u32 = 4;

thread_local! {
    static LEFT: Cell<u32> = const { Cell::new(UNLIMITED) };
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
    /// What to give back.
    spent: u32,
}

impl Proceed {
    /// The operation completed, or failed: the unit is spent.
    #[inline]
    pub fn made_progress(mut self) {
        self.spent = 0;
    }
}

impl Drop for Proceed {
    #[inline]
    fn drop(&mut self) {
        if self.spent > 0 {
            LEFT.with(|left| {
                // Another budget may have begun since: `unlimited`.
                if left.get() < BUDGET {
                    left.set((left.get() + self.spent).min(BUDGET));
                }
            });
        }
    }
}

/// Asks for permission to do one leaf operation. `Pending` means: the budget of this poll is spent; the
/// task has been woken and will go on after the others.
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<Proceed> {
    proceed(cx, FULL, |spent| (spent / FULL).is_multiple_of(LOOK_EVERY))
}

/// As [`poll_proceed`], for an operation of a few nanoseconds: one that makes no system call.
#[inline]
pub fn poll_proceed_quick(cx: &mut Context<'_>) -> Poll<Proceed> {
    proceed(cx, QUICK, |spent| spent > 1 && spent.is_power_of_two())
}

/// Takes `cost`. `looks` says after how much of the budget to look at the time.
#[inline]
fn proceed(cx: &mut Context<'_>, cost: u32, looks: impl Fn(u32) -> bool) -> Poll<Proceed> {
    LEFT.with(|left| match left.get() {
        UNLIMITED => Poll::Ready(Proceed { spent: 0 }),
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
            // What is left may be less, after operations of both kinds.
            let spent = cost.min(n);
            left.set(n - spent);
            Poll::Ready(Proceed { spent })
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

struct Restore(u32);

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
        type Ask = fn(&mut Context<'_>) -> Poll<Proceed>;
        let mut cx = Context::from_waker(Waker::noop());
        for (ask, times) in [(poll_proceed as Ask, 128), (poll_proceed_quick, 512)] {
            with_budget(u64::MAX, || {
                for _ in 0..times {
                    // One that had to wait costs nothing.
                    assert!(ask(&mut cx).is_ready());
                    match ask(&mut cx) {
                        Poll::Ready(proceed) => proceed.made_progress(),
                        Poll::Pending => panic!("budget spent too early"),
                    }
                }
                assert!(ask(&mut cx).is_pending());
                unlimited(|| assert!(ask(&mut cx).is_ready()));
                assert!(ask(&mut cx).is_pending());
            });
        }
        for _ in 0..1000 {
            match poll_proceed(&mut cx) {
                Poll::Ready(proceed) => proceed.made_progress(),
                Poll::Pending => panic!("no budget outside a task"),
            }
        }
    }
}
