//! One of several receives.

use std::future::Future;

use crossbeam_channel::Receiver;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::contender::Contender;
use super::kind::{Ends, Kind, Mpsc, Ours, Role};
use super::random::Random;
use super::row::{Row, Shape};
use crate::cost::{Cost, Watch};
use crate::peer::Peer;

/// A kind of channel whose receives can be arms of a select.
pub(crate) trait Selects: Kind {
    /// Sends without waiting, to where there is room.
    fn put(sender: &Self::Sender<u64>, value: u64);

    /// Any of two: which it was.
    fn two(receivers: &mut [Self::Receiver<u64>]) -> impl Future<Output = usize> + Send;

    /// Any of eight.
    fn eight(receivers: &mut [Self::Receiver<u64>]) -> impl Future<Output = usize> + Send;

    /// Either of two, if one is ready.
    fn now(receivers: &mut [Self::Receiver<u64>]) -> impl Future<Output = Option<usize>> + Send;

    /// Says so often which of many it was.
    fn many(
        receivers: &mut Vec<Self::Receiver<u64>>,
        answer: &Self::Sender<u64>,
        rounds: u64,
    ) -> impl Future<Output = ()> + Send;
}

macro_rules! two {
    ($($select:ident)::+, $receivers:ident) => {{
        let [a, b] = $receivers else {
            unreachable!("two of them");
        };
        $($select)::+! {
            Some(_) = a.recv() => 0,
            Some(_) = b.recv() => 1,
        }
    }};
}

macro_rules! eight {
    ($($select:ident)::+, $receivers:ident) => {{
        let [a, b, c, d, e, f, g, h] = $receivers else {
            unreachable!("eight of them");
        };
        $($select)::+! {
            Some(_) = a.recv() => 0,
            Some(_) = b.recv() => 1,
            Some(_) = c.recv() => 2,
            Some(_) = d.recv() => 3,
            Some(_) = e.recv() => 4,
            Some(_) = f.recv() => 5,
            Some(_) = g.recv() => 6,
            Some(_) = h.recv() => 7,
        }
    }};
}

impl Selects for Ours {
    fn put(sender: &Self::Sender<u64>, value: u64) {
        sender.try_send(value).expect("there is room");
    }

    async fn two(receivers: &mut [Self::Receiver<u64>]) -> usize {
        two!(ringspun::select, receivers)
    }

    async fn eight(receivers: &mut [Self::Receiver<u64>]) -> usize {
        eight!(ringspun::select, receivers)
    }

    async fn now(receivers: &mut [Self::Receiver<u64>]) -> Option<usize> {
        ringspun::select! {
            Some(_) = receivers[0].recv() => Some(0),
            Some(_) = receivers[1].recv() => Some(1),
            default => None,
        }
    }

    async fn many(
        receivers: &mut Vec<Self::Receiver<u64>>,
        answer: &Self::Sender<u64>,
        rounds: u64,
    ) {
        let mut select = ringspun::channel::Select::new();
        for receiver in &*receivers {
            select.recv(receiver, |value| value);
        }
        for _ in 0..rounds {
            let (arm, _) = select.wait().await.expect("all arms stay");
            assert!(answer.send(arm as u64).await.is_ok());
        }
    }
}

impl Selects for Mpsc {
    fn put(sender: &Self::Sender<u64>, value: u64) {
        sender.try_send(value).expect("there is room");
    }

    async fn two(receivers: &mut [Self::Receiver<u64>]) -> usize {
        two!(tokio::select, receivers)
    }

    async fn eight(receivers: &mut [Self::Receiver<u64>]) -> usize {
        eight!(tokio::select, receivers)
    }

    /// It has no `default`, but an order: the last arm is ready always.
    async fn now(receivers: &mut [Self::Receiver<u64>]) -> Option<usize> {
        let [a, b] = receivers else {
            unreachable!("two of them");
        };
        tokio::select! {
            biased;
            Some(_) = a.recv() => Some(0),
            Some(_) = b.recv() => Some(1),
            () = std::future::ready(()) => None,
        }
    }

    /// Its `select!` over 64 would poll them all.
    async fn many(
        receivers: &mut Vec<Self::Receiver<u64>>,
        answer: &Self::Sender<u64>,
        rounds: u64,
    ) {
        let receive = |arm: usize, mut receiver: Self::Receiver<u64>| async move {
            receiver.recv().await;
            (arm, receiver)
        };
        let mut receives: FuturesUnordered<_> = receivers
            .drain(..)
            .enumerate()
            .map(|(arm, receiver)| receive(arm, receiver))
            .collect();
        for _ in 0..rounds {
            let (arm, receiver) = receives.next().await.expect("all stay");
            receives.push(receive(arm, receiver));
            assert!(answer.send(arm as u64).await.is_ok());
        }
    }
}

/// The rows about selects; nothing for others.
pub(crate) fn measure<K: Selects>(peer: &K::Peer, row: &Row) -> Option<Cost> {
    match row.shape {
        Shape::Ready(arms) => ready::<K>(peer, arms, row.operations),
        Shape::Default => default::<K>(peer, row.operations),
        Shape::Blocking(arms) => blocking::<K>(peer, arms, row.operations),
        _ => None,
    }
}

/// So many channels of capacity 1.
fn channels<K: Kind>(count: usize) -> Option<Ends<K, u64>> {
    let pairs: Option<Vec<_>> = (0..count).map(|_| K::pair(1)).collect();
    Some(pairs?.into_iter().unzip())
}

fn ready<K: Selects>(peer: &K::Peer, arms: usize, rounds: u64) -> Option<Cost> {
    let (senders, mut receivers) = channels::<K>(arms)?;
    senders.iter().for_each(|sender| K::put(sender, 0));
    Some(peer.run(async move {
        let watch = Watch::start();
        for round in 0..rounds {
            let arm = match arms {
                2 => K::two(&mut receivers).await,
                _ => K::eight(&mut receivers).await,
            };
            K::put(&senders[arm], round);
        }
        watch.stop(rounds)
    }))
}

fn default<K: Selects>(peer: &K::Peer, rounds: u64) -> Option<Cost> {
    let (senders, mut receivers) = channels::<K>(2)?;
    Some(peer.run(async move {
        let watch = Watch::start();
        for _ in 0..rounds {
            assert_eq!(K::now(&mut receivers).await, None);
        }
        let cost = watch.stop(rounds);
        drop(senders);
        cost
    }))
}

fn blocking<K: Selects>(peer: &K::Peer, arms: usize, rounds: u64) -> Option<Cost> {
    let (senders, mut receivers) = channels::<K>(arms)?;
    let (answer, mut answers) = K::pair(1)?;
    Some(peer.run(async move {
        let watch = Watch::start();
        let other = K::Peer::spawn(async move {
            if arms > 8 {
                return K::many(&mut receivers, &answer, rounds).await;
            }
            for _ in 0..rounds {
                let arm = match arms {
                    2 => K::two(&mut receivers).await,
                    _ => K::eight(&mut receivers).await,
                };
                assert!(K::send(&answer, arm as u64).await.is_ok());
            }
        });
        let mut random = Random::new();
        for round in 0..rounds {
            let arm = random.below(arms);
            assert!(K::send(&senders[arm], round).await.is_ok());
            assert_eq!(K::recv(&mut answers).await, Some(arm as u64));
        }
        other.await.expect("no panic");
        watch.stop(rounds)
    }))
}

/// crossbeam's, between threads: for reference, and only where nobody waits.
pub(crate) struct Threads;

impl Contender for Threads {
    fn name(&self) -> &'static str {
        "crossbeam"
    }

    fn role(&self) -> Role {
        Role::Listed
    }

    fn measure(&self, row: &Row) -> Result<Option<Cost>, String> {
        let (arms, filled) = match row.shape {
            Shape::Ready(arms) => (arms, true),
            Shape::Default => (2, false),
            _ => return Ok(None),
        };
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..arms).map(|_| crossbeam_channel::bounded(1)).unzip();
        if filled {
            senders
                .iter()
                .for_each(|sender| sender.send(0).expect("there is room"));
        }
        let watch = Watch::start();
        for round in 0..row.operations {
            let arm = match arms {
                2 => threads_two(&receivers),
                _ => threads_eight(&receivers),
            };
            if let Some(arm) = arm {
                senders[arm].send(round).expect("there is room");
            }
        }
        Ok(Some(watch.stop(row.operations)))
    }

    fn losses(&self, _: usize, _: u64) -> Option<u64> {
        None
    }
}

fn threads_two(receivers: &[Receiver<u64>]) -> Option<usize> {
    crossbeam_channel::select! {
        recv(receivers[0]) -> _ => Some(0),
        recv(receivers[1]) -> _ => Some(1),
        default => None,
    }
}

fn threads_eight(receivers: &[Receiver<u64>]) -> Option<usize> {
    crossbeam_channel::select! {
        recv(receivers[0]) -> _ => Some(0),
        recv(receivers[1]) -> _ => Some(1),
        recv(receivers[2]) -> _ => Some(2),
        recv(receivers[3]) -> _ => Some(3),
        recv(receivers[4]) -> _ => Some(4),
        recv(receivers[5]) -> _ => Some(5),
        recv(receivers[6]) -> _ => Some(6),
        recv(receivers[7]) -> _ => Some(7),
        default => None,
    }
}
