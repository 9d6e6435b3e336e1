//! A select with a number of arms that is known at run time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::arm::{Arm, Polled};
use super::branch::Branch;
use super::race::{Arms, Mode, Progress, Won};
use crate::channel::chan::Evidence;
use crate::channel::offer::Offer;
use crate::channel::{Receiver, SendError, Sender};

/// Operations of which one happens at a time, again and again: Go's `reflect.Select`.
///
/// Arms are added with what to make of their outcome, and named by the number that this returns. They stay in
/// their channels from one round to the next: a round costs the same for 2 arms and for 1,000 of which one
/// is ready, and allocates nothing. What `select!` promises holds here too.
///
/// ```
/// # use ringspun_runtime::channel::{Select, channel};
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// let channels: Vec<_> = (0..100).map(|_| channel(1)).collect();
/// let mut select = Select::new();
/// for (_, rx) in &channels {
///     select.recv(rx, |value| value);
/// }
/// channels[42].0.send("hello").await.unwrap();
/// assert_eq!(select.wait().await, Some((42, Some("hello"))));
/// assert_eq!(select.try_wait().await, None);
/// # });
/// ```
pub struct Select<'a, R> {
    // Before the offer: the nodes of the arms point to it.
    arms: Slots<'a, R>,
    /// Numbers of arms that were removed.
    free: Vec<usize>,
    progress: Progress<Vec<u64>>,
    offer: Pin<Box<Offer>>,
    /// An arm that was won by the time a wait for it was given up.
    won: Option<usize>,
}

struct Slots<'a, R>(Vec<Option<Pin<Box<dyn Yields<R> + Send + 'a>>>>);

impl<'a, R: 'a> Select<'a, R> {
    /// A select without arms.
    pub fn new() -> Self {
        Self {
            arms: Slots(Vec::new()),
            free: Vec::new(),
            progress: Progress::default(),
            offer: Box::pin(Offer::new(64)),
            won: None,
        }
    }

    /// Adds an arm that receives, again and again. When the channel is closed and drained it commits once
    /// with `None` and is switched off.
    pub fn recv<T: Send>(
        &mut self,
        receiver: &'a Receiver<T>,
        mut make: impl FnMut(Option<T>) -> R + Send + 'a,
    ) -> usize {
        let again = |value: &Option<T>| value.is_some();
        self.add(Box::pin(Each::new(receiver.recv(), again, move |value| {
            make(value)
        })))
    }

    /// Adds an arm that sends `value` once.
    pub fn send<T: Send>(
        &mut self,
        sender: &'a Sender<T>,
        value: T,
        make: impl FnOnce(Result<(), SendError<T>>) -> R + Send + 'a,
    ) -> usize {
        self.add_once(sender.send(value), make)
    }

    /// Adds an arm that commits once, when `future` is ready.
    pub fn future<F>(&mut self, future: F, make: impl FnOnce(F::Output) -> R + Send + 'a) -> usize
    where
        F: Future<Output: Send> + Send + 'a,
    {
        self.add_once(Polled::new(future), make)
    }

    /// Takes an arm out; a future or a value to send is dropped. False if there is no such arm. Its number
    /// is given to an arm that is added later.
    pub fn remove(&mut self, arm: usize) -> bool {
        // A wait that was leaked, not dropped, still offers the arm.
        self.retract();
        let Some(slot) = self.arms.0.get_mut(arm) else {
            return false;
        };
        let was_there = slot.take().is_some();
        if was_there {
            self.progress.forget(arm);
            self.won.take_if(|won| *won == arm);
            self.free.push(arm);
        }
        was_there
    }

    /// Waits for an arm: which it was, and what its function made of the outcome. `None` if no arm is left
    /// that can commit.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: an arm that has committed is the outcome of the next round.
    pub fn wait(&mut self) -> SelectWait<'_, 'a, R> {
        self.wait_as(Mode {
            biased: false,
            default: false,
        })
    }

    /// An arm that is ready now; `None` if there is a moment at which none is. It gives way only if the task's
    /// budget is spent, or if other selects keep getting in its way.
    pub fn try_wait(&mut self) -> SelectWait<'_, 'a, R> {
        self.wait_as(Mode {
            biased: false,
            default: true,
        })
    }

    /// How many arms there are, also those that are switched off.
    pub fn len(&self) -> usize {
        self.arms.0.len() - self.free.len()
    }

    /// Whether there is no arm.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn wait_as(&mut self, mode: Mode) -> SelectWait<'_, 'a, R> {
        SelectWait { select: self, mode }
    }

    fn add_once<A: Arm<Output: Send> + Send + 'a>(
        &mut self,
        arm: A,
        make: impl FnOnce(A::Output) -> R + Send + 'a,
    ) -> usize {
        let mut make = Some(make);
        self.add(Box::pin(Each::new(
            arm,
            |_| false,
            move |output| {
                let make = make.take().expect("the arm commits once");
                make(output)
            },
        )))
    }

    fn add(&mut self, branch: Pin<Box<dyn Yields<R> + Send + 'a>>) -> usize {
        let is_polled = branch.is_polled();
        let arm = match self.free.pop() {
            Some(arm) => {
                self.arms.0[arm] = Some(branch);
                arm
            }
            None => {
                self.arms.0.push(Some(branch));
                self.arms.0.len() - 1
            }
        };
        if arm >= self.offer.arms() {
            self.grow();
        }
        self.progress.look_at(arm, is_polled);
        arm
    }

    /// Makes room for twice as many arms. Nodes point to the offer: all arms are unlinked before.
    fn grow(&mut self) {
        self.retract();
        for (arm, slot) in self.arms.0.iter_mut().enumerate() {
            let Some(branch) = slot.as_mut().filter(|branch| branch.is_live()) else {
                continue;
            };
            if self.won != Some(arm) {
                branch.as_mut().cancel();
                self.progress.look_at(arm, branch.is_polled());
            }
        }
        self.offer = Box::pin(Offer::new(2 * self.offer.arms()));
    }

    fn poll_wait(&mut self, mode: Mode, cx: &mut Context<'_>) -> Poll<Option<(usize, R)>> {
        self.retract();
        let won = match self.won.take() {
            Some(arm) => {
                let branch = self.arms.get(arm).expect("a won arm is there");
                branch.settle();
                Won::Arm(arm)
            }
            None => ready!(self.progress.poll(&self.offer, &mut self.arms, mode, cx)),
        };
        let Won::Arm(arm) = won else {
            return Poll::Ready(None);
        };
        let branch = self.arms.0[arm].as_mut().expect("a won arm is there");
        // Before the user's function, which may panic.
        if branch.is_live() {
            self.progress.look_at(arm, branch.is_polled());
        } else {
            self.progress.forget(arm);
        }
        Poll::Ready(Some((arm, branch.as_mut().take())))
    }
}

impl<R> Select<'_, R> {
    /// Takes the offer back, and remembers an arm that was won before.
    fn retract(&mut self) {
        let won = self.offer.retract();
        self.won = self.won.or(won);
    }
}

impl<'a, R: 'a> Default for Select<'a, R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> fmt::Debug for Select<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select")
            .field("arms", &(self.arms.0.len() - self.free.len()))
            .finish_non_exhaustive()
    }
}

impl<R> Arms for Slots<'_, R> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn get(&mut self, arm: usize) -> Option<Pin<&mut (dyn Branch + '_)>> {
        let branch = self.0.get_mut(arm)?.as_mut()?;
        Some(branch.as_mut())
    }
}

/// The future of [`Select::wait`] and [`Select::try_wait`].
#[must_use = "a future does nothing unless awaited"]
pub struct SelectWait<'s, 'a, R> {
    select: &'s mut Select<'a, R>,
    mode: Mode,
}

impl<'a, R: 'a> Future for SelectWait<'_, 'a, R> {
    type Output = Option<(usize, R)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mode = self.mode;
        self.select.poll_wait(mode, cx)
    }
}

impl<R> Drop for SelectWait<'_, '_, R> {
    fn drop(&mut self) {
        // Nobody waits from here on: what arrives finds another receiver.
        self.select.retract();
    }
}

impl<R> fmt::Debug for SelectWait<'_, '_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelectWait").finish_non_exhaustive()
    }
}

/// A branch whose outcome becomes an `R`.
trait Yields<R>: Branch {
    /// What the function makes of the outcome, after the arm has committed.
    fn take(self: Pin<&mut Self>) -> R;
}

pin_project! {
    /// An arm that may commit again and again.
    struct Each<A: Arm, P, M> {
        #[pin]
        arm: A,
        // Whether the arm goes on after this outcome.
        again: P,
        make: M,
        output: Option<A::Output>,
        over: bool,
    }
}

impl<A: Arm, P: Fn(&A::Output) -> bool, M> Each<A, P, M> {
    fn new(arm: A, again: P, make: M) -> Self {
        Self {
            arm,
            again,
            make,
            output: None,
            over: false,
        }
    }

    fn accept(self: Pin<&mut Self>, outcome: Poll<A::Output>) -> bool {
        let this = self.project();
        let Poll::Ready(output) = outcome else {
            return false;
        };
        *this.over = !(this.again)(&output);
        *this.output = Some(output);
        true
    }
}

impl<A: Arm, P: Fn(&A::Output) -> bool, M> Branch for Each<A, P, M> {
    fn is_live(&self) -> bool {
        !self.over
    }

    fn is_polled(&self) -> bool {
        A::POLLED
    }

    fn try_now(mut self: Pin<&mut Self>, cx: &mut Context<'_>, offer: &Offer) -> bool {
        let outcome = self.as_mut().project().arm.try_now(cx, offer);
        self.accept(outcome)
    }

    fn not_ready(&self) -> Option<Evidence> {
        self.arm.not_ready()
    }

    fn link(mut self: Pin<&mut Self>, offer: &Offer, arm: usize) -> bool {
        let outcome = self.as_mut().project().arm.link(offer, arm);
        self.accept(outcome)
    }

    fn settle(mut self: Pin<&mut Self>) -> bool {
        let outcome = self.as_mut().project().arm.outcome();
        self.accept(Poll::Ready(outcome))
    }

    fn cancel(self: Pin<&mut Self>) {
        self.project().arm.cancel();
    }
}

impl<A: Arm, P, M, R> Yields<R> for Each<A, P, M>
where
    P: Fn(&A::Output) -> bool,
    M: FnMut(A::Output) -> R,
{
    fn take(self: Pin<&mut Self>) -> R {
        let this = self.project();
        let output = this.output.take().expect("the arm has committed");
        (this.make)(output)
    }
}
