//! C3: a select chooses any of the ready arms with the same chance, whatever their kind and place.

mod support;

use std::future::{pending, ready};

use ringspun::channel::{Receiver, Select, Sender, channel};
use ringspun::{Builder, select};
use support::{count, within_limit};

/// Four receives, two sends, two futures.
const ARMS: usize = 8;
/// Which of them are ready: all, neighbours, neighbours with others between, two of a kind, one of each.
const READY: [u32; 8] = [
    0b1111_1111,
    0b0000_0011,
    0b0000_0111,
    0b0010_0011,
    0b1000_1101,
    0b0011_0000,
    0b1100_0000,
    0b0100_1001,
];

/// A channel for each of the first six arms, which is ready for its arm or not.
struct Channels(Vec<(Sender<usize>, Receiver<usize>)>);

impl Channels {
    fn new(mask: u32) -> Self {
        let channels = Self((0..6).map(|_| channel(1)).collect());
        for arm in 0..6 {
            // A receive is ready if there is a value, a send if there is none.
            if (mask & 1 << arm != 0) == (arm < 4) {
                channels.0[arm].0.try_send(arm).unwrap();
            }
        }
        channels
    }

    /// Makes an arm ready again.
    fn renew(&self, arm: usize) {
        match arm {
            0..4 => self.0[arm].0.try_send(arm).unwrap(),
            4..6 => drop(self.0[arm].1.try_recv().unwrap()),
            _ => {}
        }
    }
}

async fn when(is_ready: bool) {
    if is_ready {
        ready(()).await
    } else {
        pending().await
    }
}

async fn choose_by_macro(channels: &Channels, mask: u32) -> usize {
    let [a, b, c, d, e, f] = &channels.0[..] else {
        unreachable!("six channels")
    };
    select! {
        _ = a.1.recv() => 0,
        _ = b.1.recv() => 1,
        _ = c.1.recv() => 2,
        _ = d.1.recv() => 3,
        _ = e.0.send(4) => 4,
        _ = f.0.send(5) => 5,
        () = when(mask & 1 << 6 != 0) => 6,
        () = when(mask & 1 << 7 != 0) => 7,
    }
}

fn add_arm<'a>(select: &mut Select<'a, usize>, channels: &'a Channels, mask: u32, arm: usize) {
    let added = match arm {
        0..4 => select.recv(&channels.0[arm].1, move |_| arm),
        4..6 => select.send(&channels.0[arm].0, arm, move |_| arm),
        _ => select.future(when(mask & 1 << arm != 0), move |()| arm),
    };
    assert_eq!(added, arm);
}

/// Counts of each arm, which the chance of 1 in `n` explains: 10 sigma, as Go's TestSelectFairness.
fn check(name: &str, mask: u32, counts: [usize; ARMS]) {
    let (n, rounds) = (
        f64::from(mask.count_ones()),
        counts.iter().sum::<usize>() as f64,
    );
    let sigma = (rounds * (1.0 / n) * (1.0 - 1.0 / n)).sqrt();
    for (arm, count) in counts.into_iter().enumerate() {
        if mask & 1 << arm == 0 {
            assert_eq!(count, 0, "{name}: arm {arm} of {mask:08b} was not ready");
            continue;
        }
        let off = (count as f64 - rounds / n).abs();
        assert!(
            off < 10.0 * sigma,
            "{name}, {mask:08b}: {counts:?}, arm {arm}"
        );
    }
}

#[test]
fn select_is_fair() {
    let rounds = count(10_000, 100_000);
    within_limit(move || {
        let runtime = Builder::new().cores(1).build().unwrap();
        for mask in READY {
            let channels = Channels::new(mask);
            let mut counts = [0; ARMS];
            runtime.block_on(async {
                for _ in 0..rounds {
                    let arm = choose_by_macro(&channels, mask).await;
                    counts[arm] += 1;
                    channels.renew(arm);
                }
            });
            check("select!", mask, counts);
        }
    });
}

#[test]
fn a_dynamic_select_is_fair() {
    let rounds = count(10_000, 100_000);
    within_limit(move || {
        let runtime = Builder::new().cores(1).build().unwrap();
        for mask in READY {
            let channels = Channels::new(mask);
            let mut select = Select::new();
            for arm in 0..ARMS {
                add_arm(&mut select, &channels, mask, arm);
            }
            let mut counts = [0; ARMS];
            runtime.block_on(async {
                for _ in 0..rounds {
                    let (arm, made) = select.wait().await.expect("arms are left");
                    assert_eq!(arm, made);
                    counts[arm] += 1;
                    channels.renew(arm);
                    // A send or a future is over with its outcome.
                    if arm >= 4 {
                        assert!(select.remove(arm));
                        add_arm(&mut select, &channels, mask, arm);
                    }
                }
            });
            check("Select", mask, counts);
        }
    });
}

#[test]
fn biased_takes_the_first_that_is_ready() {
    within_limit(|| {
        let runtime = Builder::new().cores(1).build().unwrap();
        let (a, b) = (channel(1000), channel(1000));
        for n in 0..1000 {
            a.0.try_send(n).unwrap();
            b.0.try_send(n).unwrap();
        }
        let taken = runtime.block_on(async {
            let mut taken = Vec::new();
            for _ in 0..2000 {
                let arm = select! {
                    biased;
                    _ = a.1.recv() => 'a',
                    _ = b.1.recv() => 'b',
                };
                taken.push(arm);
            }
            taken
        });
        assert!(taken[..1000].iter().all(|arm| *arm == 'a'));
        assert!(taken[1000..].iter().all(|arm| *arm == 'b'));
    });
}

/// chan_test.go, TestSelectFairness, with senders that run beside it.
#[test]
fn senders_that_wait_for_one_select_are_served_alike() {
    let rounds = count(10_000, 100_000);
    for cores in [1, 2] {
        within_limit(move || {
            let runtime = Builder::new().cores(cores).build().unwrap();
            let channels = [(); 2].map(|()| channel(0));
            for (tx, _) in channels.clone() {
                runtime
                    .handle()
                    .spawn(async move { while tx.send(()).await.is_ok() {} });
            }
            let selecting = runtime.handle().spawn(async move {
                let [(_, a), (_, b)] = channels;
                let mut counts = [0; ARMS];
                for _ in 0..rounds {
                    let arm = select! { _ = a.recv() => 0, _ = b.recv() => 1 };
                    counts[arm] += 1;
                }
                counts
            });
            let counts = runtime.block_on(selecting).unwrap();
            assert!(counts[0].min(counts[1]) > rounds / 4, "{counts:?}");
        });
    }
}
