//! Section 5, "Monitors and Scheduling": one process owns what many share.

use std::collections::VecDeque;

use ringspun::channel::{Receiver, Sender, channel};
use ringspun::{select, spawn, task};

use crate::notation::{Outcome, parallel};

/// Portions that the bounded buffer holds.
pub(crate) const PORTIONS: usize = 10;
/// Philosophers, and forks.
pub(crate) const SEATS: usize = 5;

/// 5.1 Bounded buffer: holds up to ten portions between a producer and a consumer of varying speed.
///
/// The paper has no output in a guard, so its consumer asks `more()` first; it wishes for one in section
/// 7.8, and `select!` has it.
pub(crate) async fn bounded_buffer<T: Send>(producer: Receiver<T>, consumer: Sender<T>) -> Outcome {
    let mut buffer = VecDeque::new();
    // The portion that goes next. It stays here while the producer is faster.
    let mut first = None;
    loop {
        if first.is_none() {
            first = buffer.pop_front();
        }
        let held = buffer.len() + usize::from(first.is_some());
        select! {
            Some(portion) = producer.recv(), if held < PORTIONS => buffer.push_back(portion),
            taken = consumer.send_from(&mut first), if held > 0 => taken?,
            else => return Ok(()),
        }
    }
}

/// 5.2 Integer semaphore: `v` raises the value, `p` waits until it is positive and lowers it.
///
/// Ends when all users are gone, or when the value is 0 and nobody is left to raise it.
pub(crate) async fn semaphore(v: Receiver<()>, p: Receiver<()>) -> Outcome {
    let mut value = 0;
    loop {
        select! {
            Some(()) = v.recv() => value += 1,
            Some(()) = p.recv(), if value > 0 => value -= 1,
            else => return Ok(()),
        }
    }
}

/// What the philosopher with this number does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Meal {
    Begins(usize),
    Ends(usize),
}

/// 5.3 Dining philosophers (a problem of Edsger Dijkstra's): each eats `meals` times, and tells the
/// observer so.
///
/// The room admits four at a time, the paper's exercise: five could each take the fork to their left and
/// wait for ever.
pub(crate) async fn dining(meals: usize, observer: Sender<Meal>) -> Outcome {
    let (enter, entering) = channel(0);
    let (exit, exiting) = channel(0);
    let mut processes = vec![spawn(room(entering, exiting))];
    let (left, right): (Vec<_>, Vec<_>) = (0..SEATS)
        .map(|_| {
            let ((left, of_left), (right, of_right)) = (channel(0), channel(0));
            processes.push(spawn(fork(of_left, of_right)));
            (left, right)
        })
        .unzip();
    for seat in 0..SEATS {
        let place = Place {
            seat,
            enter: enter.clone(),
            exit: exit.clone(),
            forks: [left[seat].clone(), right[(seat + 1) % SEATS].clone()],
            observer: observer.clone(),
        };
        processes.push(spawn(philosopher(place, meals)));
    }
    // The channels' other ends are with the philosophers now: all ends when they have gone.
    drop((enter, exit, left, right, observer));
    parallel(processes).await
}

/// A philosopher's connections.
struct Place {
    seat: usize,
    enter: Sender<()>,
    exit: Sender<()>,
    /// To the left and to the right: a message picks the fork up, the next one puts it down.
    forks: [Sender<()>; 2],
    observer: Sender<Meal>,
}

async fn philosopher(place: Place, meals: usize) -> Outcome {
    for _ in 0..meals {
        // Thinks.
        task::yield_now().await;
        place.enter.send(()).await?;
        for fork in &place.forks {
            fork.send(()).await?;
        }
        place.observer.send(Meal::Begins(place.seat)).await?;
        place.observer.send(Meal::Ends(place.seat)).await?;
        for fork in &place.forks {
            fork.send(()).await?;
        }
        place.exit.send(()).await?;
    }
    Ok(())
}

/// Whoever picks it up is the only one heard until it is put down.
async fn fork(left: Receiver<()>, right: Receiver<()>) -> Outcome {
    loop {
        let holder = select! {
            Some(()) = left.recv() => &left,
            Some(()) = right.recv() => &right,
            else => return Ok(()),
        };
        holder.recv().await;
    }
}

async fn room(enter: Receiver<()>, exit: Receiver<()>) -> Outcome {
    let mut occupancy = 0;
    loop {
        select! {
            Some(()) = enter.recv(), if occupancy < SEATS - 1 => occupancy += 1,
            Some(()) = exit.recv() => occupancy -= 1,
            else => return Ok(()),
        }
    }
}
