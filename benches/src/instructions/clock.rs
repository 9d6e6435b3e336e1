//! A clock that cannot hurry anybody.
//!
//! Under valgrind a program is fifty times slower, and the scheduler has thresholds in microseconds: it
//! would look at its reactor more often than in life, and more often still while something else keeps the
//! machine busy. So the monotonic clock of this program goes [`SLOWER`] times slower than the system's.
//! The scheduler gauges its counter by that clock, so all of its thresholds move with it, and only what is
//! counted in tasks is left to decide.
//!
//! The function takes the place of libc's for this program: std calls it by that name.

/// How much slower: the 200 µs between two looks at the reactor become 40 ms, far more than 61 tasks
/// take under valgrind; the 200 µs for which the counter is gauged become as long.
const SLOWER: i64 = 200;

/// `clock_gettime(2)`, with a slow monotonic clock.
// SAFETY: this has the name and the meaning of libc's function, and so may stand for it.
#[unsafe(no_mangle)]
extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> libc::c_int {
    // SAFETY: the caller of clock_gettime vouches for the pointer.
    let result = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) };
    if result == 0 && clock == libc::CLOCK_MONOTONIC {
        // SAFETY: the kernel has just written there.
        let time = unsafe { &mut *time };
        let ns = (time.tv_sec * SECOND + time.tv_nsec) / SLOWER;
        (time.tv_sec, time.tv_nsec) = (ns / SECOND, ns % SECOND);
    }
    result as libc::c_int
}

const SECOND: i64 = 1_000_000_000;
