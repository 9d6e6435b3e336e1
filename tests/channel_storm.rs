//! C1: sends and receives that are given up at random moments lose, double and reorder nothing.
//!
//! Each value is counted when it is received and when it is dropped. Full counts with `RINGSPUN_FULL=1`, a
//! certain seed with `RINGSPUN_SEED=n`.

mod support;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};
use std::thread;

use ringspun::channel::{Receiver, Select, Sender, channel};
use ringspun::task::yield_now;
use ringspun::{Builder, select, spawn, time};
use support::by_hand::poll_once;
use support::rng::{Rng, seed};
use support::{count, within_limit};

const SENDERS: usize = 3;

/// What became of each value.
struct Tally {
    received: Box<[AtomicU8]>,
    dropped: Box<[AtomicU8]>,
}

impl Tally {
    fn new(values: usize) -> Arc<Self> {
        let zeros = || (0..values).map(|_| AtomicU8::new(0)).collect();
        Arc::new(Self {
            received: zeros(),
            dropped: zeros(),
        })
    }

    fn item(self: &Arc<Self>, id: usize) -> Item {
        Item {
            id,
            tally: self.clone(),
        }
    }

    /// After all is over. Values whose senders were given up may have been dropped unseen.
    fn check(&self, all_received: bool) {
        for (id, (received, dropped)) in self.received.iter().zip(&self.dropped).enumerate() {
            let (received, dropped) = (received.load(Relaxed), dropped.load(Relaxed));
            let expected = if all_received { 1 } else { received.min(1) };
            assert_eq!((received, dropped), (expected, 1), "value {id}");
        }
    }
}

struct Item {
    id: usize,
    tally: Arc<Tally>,
}

impl Item {
    fn receive(self) -> usize {
        self.tally.received[self.id].fetch_add(1, Relaxed);
        self.id
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.tally.dropped[self.id].fetch_add(1, Relaxed);
    }
}

/// Who runs the two sides.
#[derive(Clone, Copy, Debug)]
enum Runners {
    Tasks { cores: usize },
    Threads,
}

const RUNNERS: [Runners; 3] = [
    Runners::Tasks { cores: 1 },
    Runners::Tasks { cores: 2 },
    Runners::Threads,
];

type Side = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Runners {
    /// Runs all sides to their ends.
    fn run(self, sides: Vec<Side>) {
        let cores = match self {
            Self::Tasks { cores } => cores,
            Self::Threads => 1,
        };
        let runtime = Builder::new().cores(cores).build().unwrap();
        let handle = runtime.handle();
        match self {
            Self::Tasks { .. } => {
                let tasks: Vec<_> = sides.into_iter().map(|side| handle.spawn(side)).collect();
                runtime.block_on(async {
                    for task in tasks {
                        task.await.unwrap();
                    }
                });
            }
            Self::Threads => {
                let thread = |side: Side| {
                    let handle = handle.clone();
                    thread::spawn(move || handle.block_on(side))
                };
                let threads: Vec<_> = sides.into_iter().map(thread).collect();
                threads
                    .into_iter()
                    .for_each(|thread| thread.join().unwrap());
            }
        }
    }
}

/// Polls up to `polls` times, then gives up.
async fn poll_some<F: Future>(polls: u64, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let output = poll_once(future.as_mut()).await;
        if output.is_some() {
            return output;
        }
        yield_now().await;
    }
    None
}

/// How a consumer receives.
#[derive(Clone, Copy, Debug)]
enum Way {
    Alone,
    Select,
    Dynamic,
}

const WAYS: [Way; 3] = [Way::Alone, Way::Select, Way::Dynamic];

/// A value; `None` at the end of the channel.
type Received = Option<Item>;

/// One attempt, given up at a random moment. Outer `None`: given up.
async fn receive(rng: &mut Rng, rx: &Receiver<Item>) -> Option<Received> {
    let (polls, limit) = (1 + rng.next(3), rng.micros(60));
    match rng.next(6) {
        0 | 1 => Some(rx.recv().await),
        2 => poll_some(polls, rx.recv()).await,
        3 => time::timeout(limit, rx.recv()).await.ok(),
        4 => match rx.recv_timeout(limit).await {
            Ok(item) => Some(Some(item)),
            Err(_) => rx.is_closed().then(|| rx.try_recv().ok()),
        },
        _ => rx.try_recv().ok().map(Some),
    }
}

/// The same by a select, beside arms that never come, or beside the same channel.
async fn select_one(
    rng: &mut Rng,
    rx: &Receiver<Item>,
    quiet: &Receiver<Item>,
) -> Option<Received> {
    let (polls, limit) = (1 + rng.next(3), rng.micros(60));
    match rng.next(5) {
        0 => select! { item = rx.recv() => Some(item), _ = quiet.recv() => None },
        1 => select! {
            item = rx.recv() => Some(item),
            _ = quiet.recv() => None,
            item = rx.recv() => Some(item),
        },
        2 => select! {
            _ = quiet.recv() => None,
            item = rx.recv() => Some(item),
            () = time::sleep(limit) => None,
        },
        3 => select! { item = rx.recv() => Some(item), _ = quiet.recv() => None, default => None },
        _ => {
            let select = async {
                select! { _ = quiet.recv() => None, item = rx.recv() => item }
            };
            poll_some(polls, select).await
        }
    }
}

/// The same by a dynamic select that lives on.
async fn wait_one(rng: &mut Rng, select: &mut Select<'_, Received>) -> Option<Received> {
    let (polls, limit) = (1 + rng.next(3), rng.micros(60));
    let won = match rng.next(5) {
        0 | 1 => Some(select.wait().await),
        2 => poll_some(polls, select.wait()).await,
        3 => time::timeout(limit, select.wait()).await.ok(),
        _ => select.try_wait().await.map(Some),
    };
    won.map(|won| won.and_then(|(_, item)| item))
}

/// Receives until the end, handing each value to `see`.
async fn consume(
    mut rng: Rng,
    way: Way,
    rx: Receiver<Item>,
    mut see: impl FnMut(usize) + Send + 'static,
) {
    let (_open, quiet) = channel(1);
    let mut dynamic = Select::new();
    if let Way::Dynamic = way {
        // The quiet channel never closes while this select lives.
        dynamic.recv(&rx, |item| item);
        dynamic.recv(&quiet, |item| item);
    }
    loop {
        let received = match way {
            Way::Alone => receive(&mut rng, &rx).await,
            Way::Select => select_one(&mut rng, &rx, &quiet).await,
            Way::Dynamic => wait_one(&mut rng, &mut dynamic).await,
        };
        match received {
            Some(Some(item)) => see(item.receive()),
            Some(None) => return,
            None => yield_now().await,
        }
    }
}

/// Values of each sender must come in their order.
fn in_order(values: usize) -> impl FnMut(usize) + Send + 'static {
    let mut last = [None; SENDERS];
    move |id| {
        let (sender, number) = (id / values, id % values);
        assert!(
            last[sender] < Some(number),
            "{number} of {sender} comes late"
        );
        last[sender] = Some(number);
    }
}

/// Senders that give nothing up: one plain, the others by selects.
fn steady_senders(tx: &Sender<Item>, tally: &Arc<Tally>, values: usize) -> Vec<Side> {
    (0..SENDERS)
        .map(|sender| -> Side {
            let (tx, tally) = (tx.clone(), tally.clone());
            Box::pin(async move {
                let (never, _rx) = channel::<()>(0);
                for id in sender * values..(sender + 1) * values {
                    let item = tally.item(id);
                    if sender == 0 {
                        tx.send(item).await.unwrap();
                    } else {
                        select! {
                            sent = tx.send(item) => sent.unwrap(),
                            _ = never.send(()) => unreachable!("nobody receives"),
                        }
                    }
                }
            })
        })
        .collect()
}

fn all_capacities(f: impl Fn(u64, usize, Runners)) {
    let seed = seed();
    for capacity in [0, 1, 64] {
        for runners in RUNNERS {
            f(seed, capacity, runners);
        }
    }
}

#[test]
fn receives_that_are_given_up_lose_nothing() {
    let values = count(1_000, 1_000_000) / SENDERS;
    all_capacities(|seed, capacity, runners| {
        for way in WAYS {
            within_limit(move || {
                let tally = Tally::new(SENDERS * values);
                let (tx, rx) = channel(capacity);
                let mut sides = steady_senders(&tx, &tally, values);
                let rng = Rng::new(seed);
                sides.push(Box::pin(consume(rng, way, rx, in_order(values))));
                drop(tx);
                runners.run(sides);
                tally.check(true);
            });
        }
    });
}

#[test]
fn many_receivers_that_give_up_get_everything_once() {
    let values = count(1_000, 1_000_000) / SENDERS;
    all_capacities(|seed, capacity, runners| {
        within_limit(move || {
            let tally = Tally::new(SENDERS * values);
            let (tx, rx) = channel(capacity);
            let mut rng = Rng::new(seed);
            let mut sides = steady_senders(&tx, &tally, values);
            drop(tx);
            for way in WAYS.into_iter().cycle().take(5) {
                sides.push(Box::pin(consume(rng.split(), way, rx.clone(), |_| {})));
            }
            runners.run(sides);
            // What was on its way to a receiver that gave up after the others had seen the end.
            rx.try_iter().map(Item::receive).for_each(drop);
            drop(rx);
            tally.check(true);
        });
    });
}

/// Tasks that receive are aborted at random.
#[test]
fn receivers_that_are_aborted_lose_nothing() {
    let values = count(1_000, 300_000) / SENDERS;
    all_capacities(|seed, capacity, runners| {
        within_limit(move || {
            let tally = Tally::new(SENDERS * values);
            let (tx, rx) = channel(capacity);
            let mut rng = Rng::new(seed);
            let mut sides = steady_senders(&tx, &tally, values);
            drop(tx);
            let left = rx.clone();
            sides.push(Box::pin(async move {
                while !(rx.is_closed() && rx.is_empty()) {
                    abort_some(&mut rng, &rx).await;
                }
            }));
            runners.run(sides);
            assert_eq!(left.try_iter().count(), 0);
            tally.check(true);
        });
    });
}

/// Some tasks that receive a few values each, aborted after a while and waited for.
async fn abort_some(rng: &mut Rng, rx: &Receiver<Item>) {
    let tasks: Vec<_> = (0..1 + rng.next(4))
        .map(|_| {
            let (rx, selects) = (rx.clone(), rng.next(2) == 0);
            spawn(async move {
                for _ in 0..20 {
                    let item = match selects {
                        false => rx.recv().await,
                        true => select! { item = rx.recv() => item, item = rx.recv() => item },
                    };
                    item.map(Item::receive);
                }
            })
        })
        .collect();
    for _ in 0..rng.next(10) {
        yield_now().await;
    }
    if rng.next(4) == 0 {
        time::sleep(rng.micros(50)).await;
    }
    for task in tasks {
        task.abort();
        let _ = task.await;
    }
}

/// One attempt to send what lies in `place`, given up at a random moment.
async fn send(rng: &mut Rng, tx: &Sender<Item>, place: &mut Option<Item>) {
    let (polls, limit) = (1 + rng.next(3), rng.micros(60));
    match rng.next(7) {
        0 => tx.send_from(place).await.unwrap(),
        1 => _ = poll_some(polls, tx.send_from(place)).await,
        2 => _ = time::timeout(limit, tx.send_from(place)).await,
        3 => select! {
            biased;
            sent = tx.send_from(place) => sent.unwrap(),
            () = time::sleep(limit) => {}
        },
        4 => select! { sent = tx.send_from(place) => sent.unwrap(), default => {} },
        5 => {
            let item = place.take().expect("a value to send");
            let sent = tx.send_timeout(item, limit).await;
            *place = sent.err().map(|error| error.into_inner());
        }
        _ => {
            let mut send = pin!(tx.send(place.take().expect("a value to send")));
            if poll_some(polls, send.as_mut()).await.is_none() {
                *place = send.cancel();
            }
        }
    }
}

#[test]
fn sends_that_are_given_up_have_sent_or_not() {
    let values = count(1_000, 1_000_000) / SENDERS;
    all_capacities(|seed, capacity, runners| {
        within_limit(move || {
            let tally = Tally::new(SENDERS * values);
            let (tx, rx) = channel(capacity);
            let mut rng = Rng::new(seed);
            let mut sides: Vec<Side> = Vec::new();
            for sender in 0..SENDERS {
                let (tx, tally, mut rng) = (tx.clone(), tally.clone(), rng.split());
                sides.push(Box::pin(async move {
                    for id in sender * values..(sender + 1) * values {
                        let mut place = Some(tally.item(id));
                        while place.is_some() {
                            send(&mut rng, &tx, &mut place).await;
                        }
                    }
                }));
            }
            drop(tx);
            sides.push(Box::pin(consume(rng, Way::Alone, rx, in_order(values))));
            runners.run(sides);
            tally.check(true);
        });
    });
}

/// Tasks that send are aborted at random: a value is received or dropped.
#[test]
fn senders_that_are_aborted_double_nothing() {
    let values = count(1_000, 300_000);
    all_capacities(|seed, capacity, runners| {
        within_limit(move || {
            let tally = Tally::new(values);
            let (tx, rx) = channel(capacity);
            let mut rng = Rng::new(seed);
            let consumer = consume(rng.split(), Way::Select, rx, |_| {});
            let source = tally.clone();
            let aborts = async move {
                for id in 0..values {
                    let (tx, item) = (tx.clone(), source.item(id));
                    let task = spawn(async move { tx.send(item).await.unwrap() });
                    for _ in 0..rng.next(4) {
                        yield_now().await;
                    }
                    task.abort();
                    let _ = task.await;
                }
            };
            runners.run(vec![Box::pin(consumer), Box::pin(aborts)]);
            tally.check(false);
        });
    });
}

/// Selects over 2 to 5 channels, by tasks that send here and receive there, until all is closed.
#[test]
fn selects_in_all_directions_lose_nothing() {
    let values = count(2_000, 300_000);
    let seed = seed();
    let mut rng = Rng::new(seed);
    for round in 0..count(12, 60) {
        let mut rng = rng.split();
        let runners = RUNNERS[round % RUNNERS.len()];
        within_limit(move || {
            let tally = Tally::new(values);
            let next = Arc::new(AtomicUsize::new(0));
            let channels: Arc<[_]> = (0..2 + rng.next(4))
                .map(|_| channel([0, 0, 1, 2, 64][rng.next(5) as usize]))
                .collect();
            let all = (1 << channels.len()) - 1;
            // One receives from all and one sends into all, so that it goes on; the others as it comes.
            let mut roles = vec![(all, 0), (0, all)];
            roles.extend((0..4).map(|_| (rng.next(all + 1), rng.next(all + 1))));
            let sides = roles.into_iter().map(|(sends, receives)| -> Side {
                let player = Player {
                    channels: channels.clone(),
                    sends,
                    receives,
                    tally: tally.clone(),
                    next: next.clone(),
                };
                Box::pin(player.play(rng.split()))
            });
            runners.run(sides.collect());
            let lying = channels.iter().flat_map(|(_, rx)| rx.try_iter());
            lying.map(Item::receive).for_each(drop);
            tally.check(true);
        });
    }
}

struct Player {
    channels: Arc<[(Sender<Item>, Receiver<Item>)]>,
    /// Into which channels it sends, a bit each, and from which it receives.
    sends: u64,
    receives: u64,
    tally: Arc<Tally>,
    /// The next value to send.
    next: Arc<AtomicUsize>,
}

impl Player {
    /// Rounds of selects; whoever finds no value left to send closes everything.
    async fn play(self, mut rng: Rng) {
        let mut item = None;
        loop {
            if item.is_none() && self.sends != 0 {
                item = self.next_item();
                if item.is_none() {
                    return self.channels.iter().for_each(|(tx, _)| {
                        tx.close();
                    });
                }
            }
            let ended = match rng.next(2) {
                0 => self.dynamic_round(&mut rng, &mut item).await,
                _ => self.macro_round(&mut rng, &mut item).await,
            };
            if ended {
                // Closed with a value in hand, which nobody will take: seen all the same.
                item.map(Item::receive);
                return;
            }
        }
    }

    fn next_item(&self) -> Option<Item> {
        let id = self.next.fetch_add(1, Relaxed);
        (id < self.tally.received.len()).then(|| self.tally.item(id))
    }

    /// A dynamic select over all its channels, a few rounds long.
    async fn dynamic_round(&self, rng: &mut Rng, item: &mut Option<Item>) -> bool {
        enum Outcome {
            Received(Option<Item>),
            Sent(Option<Item>),
        }
        let mut select = Select::new();
        for (c, (_, rx)) in self.channels.iter().enumerate() {
            if self.receives & 1 << c != 0 {
                select.recv(rx, Outcome::Received);
            }
        }
        let id = item.as_ref().map(|item| item.id);
        // A value can be sent by one arm only.
        let c = rng.next(self.channels.len() as u64) as usize;
        if self.sends & 1 << c != 0
            && let Some(item) = item.take()
        {
            let give_back = |result: Result<(), ringspun::channel::SendError<Item>>| {
                Outcome::Sent(result.err().map(|error| error.0))
            };
            select.send(&self.channels[c].0, item, give_back);
        }
        let (mut ended, mut unsent) = (select.is_empty(), id);
        for _ in 0..1 + rng.next(5) {
            match select.wait().await {
                Some((_, Outcome::Received(Some(item)))) => {
                    item.receive();
                }
                Some((_, Outcome::Received(None))) => {}
                Some((_, Outcome::Sent(back))) => (*item, unsent) = (back, None),
                None => ended = true,
            }
        }
        drop(select);
        if let Some(id) = unsent.filter(|_| item.is_none()) {
            // It was dropped with its arm; had it been sent, it would be counted twice now.
            self.tally.received[id].fetch_add(1, Relaxed);
        }
        ended && self.channels.iter().all(|(tx, _)| tx.is_closed())
    }

    /// A select over two of its channels, which may be given up.
    async fn macro_round(&self, rng: &mut Rng, item: &mut Option<Item>) -> bool {
        let [a, b] = [0, 1].map(|_| rng.next(self.channels.len() as u64) as usize);
        let on = |mask: u64, c: usize| mask & 1 << c != 0;
        let ((tx, rx), (_, other)) = (&self.channels[a], &self.channels[b]);
        let (sends, receives) = (on(self.sends, a), on(self.receives, a));
        let select = async {
            select! {
                Ok(()) = tx.send_from(item), if sends => {}
                Some(item) = rx.recv(), if receives => { item.receive(); }
                Some(item) = other.recv(), if on(self.receives, b) => { item.receive(); }
                else => yield_now().await,
            }
        };
        poll_some(1 + rng.next(3), select).await;
        self.channels.iter().all(|(tx, _)| tx.is_closed())
    }
}
