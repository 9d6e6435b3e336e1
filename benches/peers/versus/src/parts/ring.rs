//! The run queue of a core beside those of other crates.
//!
//! It is private to the runtime; so its file is compiled into this program, with the runtime's own atomics
//! (`crate::loom`) and something as large as a task (`crate::task`).

use std::hint::black_box;

use crate::task::Notified;

use super::{Part, bar, listed, ours};

#[path = "../../../../../runtime/src/scheduler/queue.rs"]
#[allow(
    dead_code,
    unexpected_cfgs,
    reason = "the program needs a part of it, and no model checker"
)]
mod queue;

pub(crate) const PARTS: &[Part] = &[
    // One in, one out, by the owner.
    Part {
        name: "ring-push-pop",
        operations: 1_000_000,
        contenders: &[
            ours(|n| {
                let (mut ring, _steal) = queue::ring(CAPACITY);
                for _ in 0..n {
                    ring.push(Notified::new()).expect("there is room");
                    black_box(ring.pop().expect("there is one").address());
                }
            }),
            bar("st3", |n| {
                let worker = st3::fifo::Worker::new(CAPACITY);
                for _ in 0..n {
                    worker.push(Notified::new()).expect("there is room");
                    black_box(worker.pop().expect("there is one").address());
                }
            }),
            bar("crossbeam", |n| {
                let worker = crossbeam_deque::Worker::new_fifo();
                for _ in 0..n {
                    worker.push(Notified::new());
                    black_box(worker.pop().expect("there is one").address());
                }
            }),
            // Nobody can steal from it.
            listed("VecDeque", |n| {
                let mut queue = std::collections::VecDeque::with_capacity(CAPACITY);
                for _ in 0..n {
                    queue.push_back(Notified::new());
                    black_box(queue.pop_front().expect("there is one").address());
                }
            }),
        ],
    },
    // A batch of 64 in, half of it stolen, the rest and what was stolen taken out: for each task.
    Part {
        name: "ring-steal",
        operations: 640_000,
        contenders: &[
            ours(|n| {
                let (mut victim, steal) = queue::ring(CAPACITY);
                let (mut thief, _steal) = queue::ring(CAPACITY);
                for _ in 0..n / BATCH {
                    for _ in 0..BATCH {
                        victim.push(Notified::new()).expect("there is room");
                    }
                    let (first, _) = steal.steal_into(&mut thief).expect("there are some");
                    black_box(first.address());
                    while let Some(task) = victim.pop().or_else(|| thief.pop()) {
                        black_box(task.address());
                    }
                }
            }),
            bar("st3", |n| {
                let (victim, thief) = (
                    st3::fifo::Worker::new(CAPACITY),
                    st3::fifo::Worker::new(CAPACITY),
                );
                let steal = victim.stealer();
                for _ in 0..n / BATCH {
                    for _ in 0..BATCH {
                        victim.push(Notified::new()).expect("there is room");
                    }
                    let stolen = steal.steal_and_pop(&thief, |queued| queued - queued / 2);
                    black_box(stolen.expect("there are some").0.address());
                    while let Some(task) = victim.pop().or_else(|| thief.pop()) {
                        black_box(task.address());
                    }
                }
            }),
            bar("crossbeam", |n| {
                let victim = crossbeam_deque::Worker::new_fifo();
                let (steal, thief) = (victim.stealer(), crossbeam_deque::Worker::new_fifo());
                for _ in 0..n / BATCH {
                    for _ in 0..BATCH {
                        victim.push(Notified::new());
                    }
                    let stolen = steal.steal_batch_and_pop(&thief).success();
                    black_box(stolen.expect("there are some").address());
                    while let Some(task) = victim.pop().or_else(|| thief.pop()) {
                        black_box(task.address());
                    }
                }
            }),
        ],
    },
];

/// As the runtime's.
const CAPACITY: usize = queue::CAPACITY;
/// The most events of one look at the reactor.
const BATCH: u64 = 64;
