//! D4 for channels: wakers and values that use the channel from inside a clone, a wake-up or a drop; D7:
//! wakers that panic.

mod support;

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, RawWaker, RawWakerVTable, Wake, Waker};
use std::time::Duration;

use ringspun::channel::{Receiver, Select, Sender, WeakSender, channel};
use ringspun::{select, spawn};
use support::by_hand::{poll_now, poll_once, settle};
use support::within;

/// A value; some of them act when they are dropped.
struct Value {
    _acts: Option<Actor>,
}

const PLAIN: Value = Value { _acts: None };

/// Uses the channel in every way that does not block. It keeps the channel neither open nor alive.
#[derive(Clone)]
struct Actor {
    tx: WeakSender<Value>,
    rx: Weak<Receiver<Value>>,
    closes: bool,
    acts: Arc<AtomicUsize>,
}

thread_local! {
    /// How deep this thread is inside of actors: what they do has wakers and values of its own.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

impl Actor {
    fn new(tx: &Sender<Value>, rx: &Arc<Receiver<Value>>, closes: bool) -> Self {
        Self {
            tx: tx.downgrade(),
            rx: Arc::downgrade(rx),
            closes,
            acts: Arc::default(),
        }
    }

    fn value(&self) -> Value {
        Value {
            _acts: Some(self.clone()),
        }
    }

    fn act(&self) {
        if DEPTH.get() == 3 {
            return;
        }
        DEPTH.set(DEPTH.get() + 1);
        self.acts.fetch_add(1, SeqCst);
        let (tx, rx) = (self.tx.upgrade(), self.rx.upgrade());
        if let Some(tx) = &tx {
            self.send(tx);
        }
        if let Some(rx) = &rx {
            self.receive(rx);
        }
        if let (Some(tx), Some(rx)) = (&tx, &rx) {
            self.select(tx, rx);
        }
        DEPTH.set(DEPTH.get() - 1);
    }

    fn send(&self, tx: &Sender<Value>) {
        drop(tx.try_send(self.value()));
        drop(poll(pin!(tx.send(PLAIN)), &self.waker()));
        assert!(tx.len() < 1000 && tx.sender_count() > 0);
        drop(tx.clone());
        if self.closes {
            tx.close();
        }
    }

    fn receive(&self, rx: &Receiver<Value>) {
        drop(rx.try_recv());
        drop(poll(pin!(rx.recv()), &self.waker()));
        drop(rx.clone());
    }

    fn select(&self, tx: &Sender<Value>, rx: &Receiver<Value>) {
        let macro_select = async {
            select! { _ = tx.send(PLAIN) => {}, _ = rx.recv() => {}, _ = rx.recv() => {} }
        };
        poll(pin!(macro_select), &self.waker());
        let mut select = Select::new();
        select.recv(rx, drop);
        select.send(tx, PLAIN, drop);
        poll(pin!(select.wait()), &self.waker());
    }

    /// A waker that acts when it is cloned, woken or dropped, and that equals no other.
    fn waker(&self) -> Waker {
        let data = Arc::into_raw(Arc::new(self.clone())).cast();
        // SAFETY: the functions of the table take `data` for what it is.
        unsafe { Waker::new(data, &VTABLE) }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        if let Some(actor) = &self._acts {
            actor.act();
        }
    }
}

const VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

fn actor(data: *const ()) -> ManuallyDrop<Arc<Actor>> {
    // SAFETY: `data` came from `Arc::into_raw`, and its count is not lowered here.
    ManuallyDrop::new(unsafe { Arc::from_raw(data.cast()) })
}

fn clone(data: *const ()) -> RawWaker {
    let actor = actor(data);
    actor.act();
    RawWaker::new(Arc::into_raw(Arc::clone(&actor)).cast(), &VTABLE)
}

fn wake(data: *const ()) {
    wake_by_ref(data);
    drop_waker(data);
}

fn wake_by_ref(data: *const ()) {
    actor(data).act();
}

fn drop_waker(data: *const ()) {
    let actor = ManuallyDrop::into_inner(actor(data));
    actor.act();
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(waker)) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

/// Runs a scene for each capacity, with actors that close the channel and with ones that do not.
fn scene(f: fn(Sender<Value>, Arc<Receiver<Value>>, &Actor)) {
    within(Duration::from_secs(60), move || {
        for capacity in [0, 1, 3] {
            for closes in [false, true] {
                let (tx, rx) = channel(capacity);
                let rx = Arc::new(rx);
                let actor = Actor::new(&tx, &rx, closes);
                f(tx, rx, &actor);
                assert!(actor.acts.load(SeqCst) > 0, "nobody acted");
            }
        }
    });
}

/// Fills the buffer with values that act.
fn fill(tx: &Sender<Value>, actor: &Actor) {
    for _ in 0..tx.capacity() {
        drop(tx.try_send(actor.value()));
    }
}

#[test]
fn a_receiver_that_waits_is_renewed_served_and_dropped() {
    scene(|tx, rx, actor| {
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(rx.recv())).collect();
        for recv in &mut waiting {
            drop(poll(recv.as_mut(), &actor.waker()));
        }
        let mut served = waiting.pop().unwrap();
        drop(
            served
                .as_mut()
                .poll(&mut Context::from_waker(&actor.waker())),
        );
        drop(waiting.pop());
        drop(tx.try_send(actor.value()));
        drop(tx.try_send(actor.value()));
        // Dropped with values passed to them.
        drop(waiting);
        drop(served);
    });
}

#[test]
fn a_sender_that_waits_is_renewed_served_and_dropped() {
    scene(|tx, rx, actor| {
        fill(&tx, actor);
        let mut waiting: Vec<_> = (0..4).map(|_| Box::pin(tx.send(actor.value()))).collect();
        waiting.retain_mut(|send| poll(send.as_mut(), &actor.waker()).is_none());
        waiting.retain_mut(|send| poll(send.as_mut(), &actor.waker()).is_none());
        drop(waiting.pop());
        // More often than there are values: each one that is dropped may send another.
        for _ in 0..10 {
            drop(rx.try_recv());
            waiting.retain_mut(|send| poll(send.as_mut(), &actor.waker()).is_none());
            drop(waiting.pop());
        }
    });
}

#[test]
fn a_select_that_waits_is_renewed_served_and_dropped() {
    scene(|tx, rx, actor| {
        let selects = (0..3).map(|_| {
            Box::pin(async {
                select! {
                    _ = rx.recv() => {}
                    _ = rx.recv() => {}
                    _ = tx.send(actor.value()), if tx.capacity() == 0 => {}
                }
            })
        });
        let mut selects: Vec<_> = selects.collect();
        for _ in 0..2 {
            selects.retain_mut(|select| poll(select.as_mut(), &actor.waker()).is_none());
        }
        drop(tx.try_send(actor.value()));
        drop(rx.try_recv());
        drop(selects.pop());
        tx.close();
        selects.retain_mut(|select| poll(select.as_mut(), &actor.waker()).is_none());
    });
}

#[test]
fn a_dynamic_select_is_renewed_served_and_dropped() {
    scene(|tx, rx, actor| {
        let mut select = Select::new();
        select.recv(&rx, drop);
        let arm = select.send(&tx, actor.value(), drop);
        for _ in 0..3 {
            poll(pin!(select.wait()), &actor.waker());
            drop(tx.try_send(actor.value()));
            drop(rx.try_recv());
        }
        select.remove(arm);
        select.future(std::future::ready(actor.value()), drop);
        poll(pin!(select.wait()), &actor.waker());
        tx.close();
        while let Some(Some(_)) = poll(pin!(select.wait()), &actor.waker()) {}
    });
}

/// Waits with both kinds, then ends the channel in each of the ways there are.
fn all_wait(tx: &Sender<Value>, rx: &Receiver<Value>, actor: &Actor, end: impl FnOnce()) {
    fill(tx, actor);
    let mut sends: Vec<_> = (0..3).map(|_| Box::pin(tx.send(actor.value()))).collect();
    for send in &mut sends {
        drop(poll(send.as_mut(), &actor.waker()));
    }
    let (_other, quiet) = channel::<()>(0);
    let mut select = Box::pin(async {
        select! { _ = quiet.recv() => {}, _ = tx.send(actor.value()) => {} }
    });
    poll(select.as_mut(), &actor.waker());
    end();
    drop(sends);
    let mut recvs: Vec<_> = (0..3).map(|_| Box::pin(rx.recv())).collect();
    for recv in &mut recvs {
        drop(poll(recv.as_mut(), &actor.waker()));
    }
}

#[test]
fn a_close_wakes_those_who_act() {
    scene(|tx, rx, actor| {
        all_wait(&tx, &rx, actor, || assert!(rx.close() || actor.closes));
        assert!(tx.is_closed());
        let mut recvs: Vec<_> = (0..3).map(|_| Box::pin(rx.recv())).collect();
        recvs.retain_mut(|recv| poll(recv.as_mut(), &actor.waker()).is_none());
        assert!(recvs.is_empty());
    });
    scene(|tx, rx, actor| {
        let mut recvs: Vec<_> = (0..3).map(|_| Box::pin(rx.recv())).collect();
        for recv in &mut recvs {
            drop(poll(recv.as_mut(), &actor.waker()));
        }
        // The last sender.
        drop(tx);
        assert!(rx.is_closed());
    });
}

#[test]
fn the_last_receiver_drops_values_that_act() {
    scene(|tx, rx, actor| {
        // One was passed to a receiver and given back, the others fill the buffer and wait.
        let mut recv = Box::pin(rx.recv());
        assert!(poll(recv.as_mut(), Waker::noop()).is_none());
        assert!(tx.try_send(actor.value()).is_ok());
        drop(recv);
        assert_eq!(tx.len(), 1);
        fill(&tx, actor);
        let mut sends: Vec<_> = (0..3).map(|_| Box::pin(tx.send(actor.value()))).collect();
        for send in &mut sends {
            drop(poll(send.as_mut(), &actor.waker()));
        }
        drop(rx);
        assert!(tx.is_closed());
        drop(sends);
        let mut send = pin!(tx.send(actor.value()));
        assert!(matches!(poll(send.as_mut(), &actor.waker()), Some(Err(_))));
    });
}

/// Wakes nobody: it panics.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("in a waker");
    }
}

/// D7: the other side of the channel, and those woken after it, are none the wiser.
#[ringspun::test]
async fn a_waker_that_panics_hurts_nobody_else() {
    for closes in [false, true] {
        let (tx, rx) = channel::<u8>(0);
        let panics = Waker::from(Arc::new(Panics));
        let mut bad = Box::pin(rx.recv());
        assert!(poll(bad.as_mut(), &panics).is_none());
        let good = spawn({
            let rx = rx.clone();
            async move { rx.recv().await }
        });
        settle().await;
        let ended = catch_unwind(AssertUnwindSafe(|| match closes {
            true => tx.close(),
            false => tx.try_send(1).is_ok() && tx.try_send(2).is_ok(),
        }));
        assert!(ended.unwrap());
        let (first, second) = if closes {
            (None, None)
        } else {
            (Some(1), Some(2))
        };
        assert_eq!(good.await.unwrap(), second);
        assert_eq!(poll_once(bad.as_mut()).await, Some(first));
    }
}

/// Values that panic when they are dropped: the channel stays whole.
#[test]
fn a_value_whose_drop_panics_leaves_the_others_their_ends() {
    struct Bomb(u8, Arc<Mutex<Vec<u8>>>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.1.lock().unwrap().push(self.0);
            assert_ne!(self.0, 1, "the bomb of this test");
        }
    }
    let dropped: Arc<Mutex<Vec<u8>>> = Arc::default();
    let (tx, rx) = channel(3);
    for n in 0..3 {
        assert!(tx.try_send(Bomb(n, dropped.clone())).is_ok());
    }
    let mut send = Box::pin(tx.send(Bomb(3, dropped.clone())));
    assert!(poll_now(send.as_mut()).is_none());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
    let back = poll_now(send.as_mut()).expect("the channel is closed");
    assert_eq!(back.unwrap_err().0.0, 3);
    drop(send);
    drop(tx);
    assert_eq!(*dropped.lock().unwrap(), [0, 1, 3, 2]);
}
