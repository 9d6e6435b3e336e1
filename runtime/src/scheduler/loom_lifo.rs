//! M5: a task put into the LIFO slot comes out once, to its owner or to a thief, with what was done before.
//!
//! Fails (each seen) if the owner does not look at `robbed`, if the thief does not look whether the owner is
//! busy, or not at the word of the lease, or at the word before the flag, and if the heavy fence or one of
//! the light ones goes. It does not guard the orderings of the swaps: with relaxed ones it passes, as
//! the full fences of the model carry them.

use std::panic::Location;

use loom::sync::Arc;
use loom::thread;

use super::fence::Fence;
use super::lease::{Busy, Lease, Token};
use super::lifo::LifoSlot;
use crate::task::{Header, JoinHandle, Notified, Schedule, TaskRef, new_task};

struct Nowhere;

impl Schedule for Nowhere {
    fn schedule(&self, _: Notified) {}
    fn release(&self, _: &Header) -> bool {
        false
    }
}

struct Model {
    slot: LifoSlot,
    lease: Lease<()>,
    busy: [Busy; 2],
}

impl Model {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            slot: LifoSlot::new(),
            lease: Lease::new(Fence::Symmetric),
            busy: [Busy::new(), Busy::new()],
        })
    }

    /// As steal.rs does it. How many it got.
    fn rob(&self) -> usize {
        let Some((holder, word)) = self.lease.holder() else {
            return 0;
        };
        let busy = &self.busy[holder];
        run(self.slot.rob(|| self.lease.is_left_alone(word, busy)))
    }

    /// In a task of worker `worker`: spawns another. How many came out.
    fn push(&self, worker: usize, token: &Token, others: &mut Vec<Others>) -> usize {
        // Made here, and no other reference given back: so only the slot tells the thief of it.
        let (task, entry, join) = new_task(async {}, Nowhere, 0, Location::caller());
        others.push((task, join));
        let mut entry = Some(entry);
        let evicted = self.lease.with(&self.busy[worker], token, |()| {
            self.slot.replace(entry.take().unwrap())
        });
        run(evicted.flatten()) + run(entry)
    }
}

/// The other references to a task.
type Others = (TaskRef, JoinHandle<()>);

fn run(task: Option<Notified>) -> usize {
    task.map_or(0, |task| {
        assert!(task.run().is_none());
        1
    })
}

#[test]
fn loom_lifo_owner_against_thief() {
    loom::model(|| {
        let model = Model::new();
        let token = Token::new(0);
        model.lease.hold(0, &model.busy[0], &token);
        let thief = model.clone();
        let thief = thread::spawn(move || thief.rob());
        let mut others = Vec::new();
        model.lease.lend(&model.busy[0], ());
        let mut ran = model.push(0, &token, &mut others);
        ran += model.push(0, &token, &mut others);
        assert!(model.lease.take_back(&model.busy[0], &token).is_some());
        ran += run(model.slot.take());
        assert_eq!(ran + thief.join().unwrap(), 2);
    });
}

/// The core changes hands while the thief believes that it has looked at the right flag: the monitor gives
/// it to a spare.
#[test]
fn loom_lifo_new_owner_against_thief() {
    new_owner(|lease, busy, token| lease.revoke(token.get(), busy, || true).is_some());
}

/// As `block_in_place` does it.
#[test]
fn loom_lifo_released_core_against_thief() {
    new_owner(|lease, busy, token| {
        let core = lease.take_back(busy, token);
        lease.release(busy, token);
        core.is_some()
    });
}

fn new_owner(give_away: fn(&Lease<()>, &Busy, &Token) -> bool) {
    loom::model(move || {
        let model = Model::new();
        let (first, second) = (Token::new(0), Token::new(0));
        model.lease.hold(0, &model.busy[0], &first);
        let mut others = Vec::new();
        model.lease.lend(&model.busy[0], ());
        let mut ran = model.push(0, &first, &mut others);
        let thief = model.clone();
        let thief = thread::spawn(move || thief.rob());
        if give_away(&model.lease, &model.busy[0], &first) {
            model.lease.hold(1, &model.busy[1], &second);
            ran += run(model.slot.take());
        }
        ran += thief.join().unwrap();
        assert_eq!(ran + run(model.slot.take()), 1);
    });
}
