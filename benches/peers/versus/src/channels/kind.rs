//! The channels, each on the runtime it is used with: ringspun's on ringspun, all others on tokio.

use std::future::Future;

use super::row::Row;
use super::{oneshot, select};
use crate::cost::Cost;
use crate::peer::{Peer, Ringspun, Tokio};

/// Why it is in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// ringspun's.
    Ours,
    /// It does the same work: ringspun's is to be as fast.
    Bar,
    /// To know its figures.
    Listed,
}

/// A kind of channel.
pub(crate) trait Kind: 'static {
    const NAME: &'static str;
    const ROLE: Role = Role::Bar;
    type Peer: Peer;
    type Sender<T: Message>: Send + 'static;
    type Receiver<T: Message>: Send + 'static;

    /// A channel with so many handles; `None` if it has no such thing.
    fn channel<T: Message>(
        capacity: usize,
        senders: usize,
        receivers: usize,
    ) -> Option<Ends<Self, T>>;

    fn send<T: Message>(
        sender: &Self::Sender<T>,
        value: T,
    ) -> impl Future<Output = Result<(), impl Sized>> + Send;

    fn recv<T: Message>(receiver: &mut Self::Receiver<T>)
    -> impl Future<Output = Option<T>> + Send;

    /// A row about what not every kind has: selects, oneshots.
    fn extra(_: &Self::Peer, _: &Row) -> Option<Cost> {
        None
    }

    /// A channel of one sender and one receiver.
    fn pair<T: Message>(capacity: usize) -> Option<(Self::Sender<T>, Self::Receiver<T>)> {
        let (mut senders, mut receivers) = Self::channel(capacity, 1, 1)?;
        senders.pop().zip(receivers.pop())
    }
}

/// Senders and receivers of one channel.
pub(crate) type Ends<K, T> = (Vec<<K as Kind>::Sender<T>>, Vec<<K as Kind>::Receiver<T>>);

/// What can be sent.
pub(crate) trait Message: Send + Unpin + 'static {}
impl<T: Send + Unpin + 'static> Message for T {}

fn copies<T: Clone>(one: T, count: usize) -> Vec<T> {
    vec![one; count]
}

#[derive(Debug)]
pub(crate) struct Ours;

impl Kind for Ours {
    const NAME: &'static str = "ringspun";
    const ROLE: Role = Role::Ours;
    type Peer = Ringspun;
    type Sender<T: Message> = ringspun::channel::Sender<T>;
    type Receiver<T: Message> = ringspun::channel::Receiver<T>;

    fn channel<T: Message>(
        capacity: usize,
        senders: usize,
        receivers: usize,
    ) -> Option<Ends<Self, T>> {
        let (sender, receiver) = ringspun::channel::channel(capacity);
        Some((copies(sender, senders), copies(receiver, receivers)))
    }

    fn send<T: Message>(
        sender: &Self::Sender<T>,
        value: T,
    ) -> impl Future<Output = Result<(), impl Sized>> + Send {
        sender.send(value)
    }

    fn recv<T: Message>(
        receiver: &mut Self::Receiver<T>,
    ) -> impl Future<Output = Option<T>> + Send {
        receiver.recv()
    }

    fn extra(peer: &Ringspun, row: &Row) -> Option<Cost> {
        select::measure::<Self>(peer, row).or_else(|| oneshot::measure::<Self>(peer, row))
    }
}

/// tokio's mpsc.
#[derive(Debug)]
pub(crate) struct Mpsc;

impl Kind for Mpsc {
    const NAME: &'static str = "tokio";
    type Peer = Tokio;
    type Sender<T: Message> = tokio::sync::mpsc::Sender<T>;
    type Receiver<T: Message> = tokio::sync::mpsc::Receiver<T>;

    fn channel<T: Message>(
        capacity: usize,
        senders: usize,
        receivers: usize,
    ) -> Option<Ends<Self, T>> {
        if capacity == 0 || receivers > 1 {
            return None;
        }
        let (sender, receiver) = tokio::sync::mpsc::channel(capacity);
        Some((copies(sender, senders), vec![receiver]))
    }

    fn send<T: Message>(
        sender: &Self::Sender<T>,
        value: T,
    ) -> impl Future<Output = Result<(), impl Sized>> + Send {
        sender.send(value)
    }

    fn recv<T: Message>(
        receiver: &mut Self::Receiver<T>,
    ) -> impl Future<Output = Option<T>> + Send {
        receiver.recv()
    }

    fn extra(peer: &Tokio, row: &Row) -> Option<Cost> {
        select::measure::<Self>(peer, row).or_else(|| oneshot::measure::<Self>(peer, row))
    }
}

/// Many senders, one receiver.
fn to_one<S: Clone, R>(
    (sender, receiver): (S, R),
    senders: usize,
    receivers: usize,
) -> Option<(Vec<S>, Vec<R>)> {
    (receivers == 1).then(|| (copies(sender, senders), vec![receiver]))
}

/// Many of both.
fn to_many<S: Clone, R: Clone>(
    (sender, receiver): (S, R),
    senders: usize,
    receivers: usize,
) -> Option<(Vec<S>, Vec<R>)> {
    Some((copies(sender, senders), copies(receiver, receivers)))
}

/// One of both.
fn one_to_one<S, R>(
    (sender, receiver): (S, R),
    senders: usize,
    receivers: usize,
) -> Option<(Vec<S>, Vec<R>)> {
    (senders == 1 && receivers == 1).then(|| (vec![sender], vec![receiver]))
}

type MpscSender<T> = crossfire::MAsyncTx<crossfire::mpsc::Array<T>>;
type MpscReceiver<T> = crossfire::AsyncRx<crossfire::mpsc::Array<T>>;
type MpmcSender<T> = crossfire::MAsyncTx<crossfire::mpmc::Array<T>>;
type MpmcReceiver<T> = crossfire::MAsyncRx<crossfire::mpmc::Array<T>>;
type SpscSender<T> = crossfire::AsyncTx<crossfire::spsc::Array<T>>;
type SpscReceiver<T> = crossfire::AsyncRx<crossfire::spsc::Array<T>>;

/// Kinds whose receives end in a `Result`, on tokio.
macro_rules! on_tokio {
    ($($kind:ident $name:literal, $role:ident, capacity from $least:literal:
       $($make:ident)::+, $ends:ident, $($sender:ident)::+ . $send:ident, $($receiver:ident)::+ . $recv:ident $(, $extra:ident)?;)*) => {$(
        #[derive(Debug)]
        pub(crate) struct $kind;

        impl Kind for $kind {
            const NAME: &'static str = $name;
            const ROLE: Role = Role::$role;
            type Peer = Tokio;
            type Sender<T: Message> = $($sender)::+<T>;
            type Receiver<T: Message> = $($receiver)::+<T>;

            fn channel<T: Message>(
                capacity: usize,
                senders: usize,
                receivers: usize,
            ) -> Option<Ends<Self, T>> {
                let there = ($least..).contains(&capacity);
                there.then(|| $ends($($make)::+(capacity), senders, receivers))?
            }

            fn send<T: Message>(
                sender: &Self::Sender<T>,
                value: T,
            ) -> impl Future<Output = Result<(), impl Sized>> + Send {
                sender.$send(value)
            }

            async fn recv<T: Message>(receiver: &mut Self::Receiver<T>) -> Option<T> {
                receiver.$recv().await.ok()
            }

            $(fn extra(peer: &Tokio, row: &Row) -> Option<Cost> {
                $extra::measure::<Self>(peer, row)
            })?
        }
    )*};
}

// flume's capacity 0 is no true rendezvous. crossfire's spsc, with one sender for ever, does other work.
// kanal loses values when a receive is dropped: see `losses`.
on_tokio! {
    AsyncChannel "async-chan", Bar, capacity from 1:
        async_channel::bounded, to_many, async_channel::Sender.send, async_channel::Receiver.recv;
    Flume "flume", Bar, capacity from 1:
        flume::bounded, to_many, flume::Sender.send_async, flume::Receiver.recv_async;
    Crossfire "crossfire", Bar, capacity from 1:
        crossfire::mpsc::bounded_async, to_one, MpscSender.send, MpscReceiver.recv, oneshot;
    CrossfireMany "crossf-mpmc", Bar, capacity from 1:
        crossfire::mpmc::bounded_async, to_many, MpmcSender.send, MpmcReceiver.recv;
    CrossfireOne "crossf-spsc", Listed, capacity from 1:
        crossfire::spsc::bounded_async, one_to_one, SpscSender.send, SpscReceiver.recv;
    Tachyonix "tachyonix", Bar, capacity from 1:
        tachyonix::channel, to_one, tachyonix::Sender.send, tachyonix::Receiver.recv;
    Kanal "kanal", Listed, capacity from 0:
        kanal::bounded_async, to_many, kanal::AsyncSender.send, kanal::AsyncReceiver.recv;
}
