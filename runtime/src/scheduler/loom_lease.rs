//! M11: a core is used by one thread at a time, whoever takes it when, and is never lost.
//!
//! Fails (each seen) if the heavy fence in `revoke` goes, if the light one in `with` or `take_back` goes,
//! if `revoke` does not look at `busy`, and if `reclaim` puts the word back with the same epoch while two
//! takers are at work.

use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{Acquire, Relaxed};
use loom::thread;

use super::fence::Fence;
use super::lease::{Busy, Lease, Token};

/// A core whose every use is a read and a write that loom checks for races.
struct Uses(loom::cell::UnsafeCell<usize>);

// SAFETY: that this holds is what the model checks.
unsafe impl Send for Uses {}

impl Uses {
    fn add(&mut self) {
        self.0.with_mut(|uses| {
            // SAFETY: loom panics if somebody else is here.
            unsafe { *uses += 1 }
        });
    }

    fn get(&self) -> usize {
        self.0.with(|uses| {
            // SAFETY: as above.
            unsafe { *uses }
        })
    }
}

struct Model {
    lease: Lease<Uses>,
    busy: [Busy; 2],
    taken: AtomicUsize,
}

fn model(takers: usize) {
    let model = Arc::new(Model {
        lease: Lease::new(Fence::Symmetric),
        busy: [Busy::new(), Busy::new()],
        taken: AtomicUsize::new(0),
    });
    let (holder, token) = (model.clone(), Token::new(0));
    holder.lease.hold(0, &holder.busy[0], &token);
    let word = token.get();
    let holder = thread::spawn(move || {
        let Model { lease, busy, .. } = &*holder;
        let mut used = 0;
        lease.lend(&busy[0], Uses(loom::cell::UnsafeCell::new(0)));
        used += usize::from(lease.with(&busy[0], &token, Uses::add).is_some());
        let core = lease.take_back(&busy[0], &token);
        // Held or lost, and it stays so.
        let core = core.map(|mut core| {
            core.add();
            used += 1;
            lease.lend(&busy[0], core);
            used += usize::from(lease.with(&busy[0], &token, Uses::add).is_some());
        });
        if core.is_none() {
            assert!(!lease.is_held(&token));
            assert!(lease.with(&busy[0], &token, Uses::add).is_none());
        }
        (used, token.get())
    });
    let threads: Vec<_> = (0..takers)
        .map(|_| {
            let model = model.clone();
            thread::spawn(move || {
                let mut core = model.lease.revoke(word, &model.busy[0], || true)?;
                model.taken.fetch_add(1, Relaxed);
                core.add();
                Some(core.get())
            })
        })
        .collect();
    let taken: Vec<_> = threads
        .into_iter()
        .filter_map(|t| t.join().unwrap())
        .collect();
    let (used, token) = holder.join().unwrap();
    assert!(taken.len() <= 1, "taken twice");
    assert_eq!(model.taken.load(Acquire), taken.len());
    match taken.first() {
        // The taker saw every use before.
        Some(uses) => {
            assert_eq!(*uses, used + 1);
            assert_eq!(model.lease.holder(), None);
        }
        None => {
            let token = Token::new(token);
            let core = model.lease.take_back(&model.busy[0], &token);
            assert_eq!(core.expect("nobody took it").get(), used);
        }
    }
}

#[test]
fn loom_lease_hand_off_against_use() {
    loom::model(|| model(1));
}

#[test]
fn loom_lease_two_takers() {
    loom::model(|| model(2));
}

/// `block_in_place` against the monitor: the core is in one hand afterwards.
#[test]
fn loom_lease_release_against_taker() {
    loom::model(|| {
        let model = Arc::new(Model {
            lease: Lease::new(Fence::Symmetric),
            busy: [Busy::new(), Busy::new()],
            taken: AtomicUsize::new(0),
        });
        let token = Token::new(0);
        model.lease.hold(0, &model.busy[0], &token);
        let word = token.get();
        let mine = model.clone();
        let holder = thread::spawn(move || {
            let Model { lease, busy, .. } = &*mine;
            lease.lend(&busy[0], Uses(loom::cell::UnsafeCell::new(0)));
            let mut core = lease.take_back(&busy[0], &token)?;
            lease.release(&busy[0], &token);
            core.add();
            // The spare.
            let spare = Token::new(0);
            lease.hold(1, &busy[1], &spare);
            lease.lend(&busy[1], core);
            Some(spare.get())
        });
        let taken = model.lease.revoke(word, &model.busy[0], || true);
        let spare = holder.join().unwrap();
        assert!(taken.is_some() != spare.is_some(), "in one hand");
        if let Some(word) = spare {
            let token = Token::new(word);
            let core = model.lease.take_back(&model.busy[1], &token);
            assert_eq!(core.expect("the spare's").get(), 1);
        }
    });
}
