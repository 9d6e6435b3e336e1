//! Power series as tasks that compute on demand (Go's test/chan/powser1, after Doug McIlroy's "Squinting at
//! power series"): many small channels, selects with guards, and a network that feeds on itself.

mod support;

use std::collections::VecDeque;
use std::ops::{Add, Mul};

use ringspun::channel::{Receiver, Sender, channel};
use ringspun::{select, spawn};
use support::on_one_and_two_cores;

/// A fraction in lowest terms, its denominator above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Fraction(i128, i128);

impl Fraction {
    const ZERO: Self = Self(0, 1);
    const ONE: Self = Self(1, 1);

    fn new(above: i128, below: i128) -> Self {
        let divisor = gcd(above, below) * below.signum();
        Self(above / divisor, below / divisor)
    }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 {
        a.abs().max(1)
    } else {
        gcd(b, a % b)
    }
}

impl Add for Fraction {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::new(self.0 * other.1 + other.0 * self.1, self.1 * other.1)
    }
}

impl Mul for Fraction {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self::new(self.0 * other.0, self.1 * other.1)
    }
}

/// A series whose next coefficient is computed when it is asked for.
struct Series {
    ask: Sender<()>,
    coefficients: Receiver<Fraction>,
}

/// The other side of a series.
struct Output {
    asked: Receiver<()>,
    coefficients: Sender<Fraction>,
}

impl Series {
    fn pair() -> (Self, Output) {
        let ((ask, asked), (tx, rx)) = (channel(0), channel(0));
        let output = Output {
            asked,
            coefficients: tx,
        };
        (
            Self {
                ask,
                coefficients: rx,
            },
            output,
        )
    }

    /// `None` when whoever computes it has ended.
    async fn next(&self) -> Option<Fraction> {
        self.ask.send(()).await.ok()?;
        self.coefficients.recv().await
    }

    async fn take(&self, n: usize) -> Vec<Fraction> {
        let mut taken = Vec::new();
        while taken.len() < n {
            taken.push(self.next().await.expect("a series has no end"));
        }
        taken
    }
}

impl Output {
    /// `None` when nobody asks any more.
    async fn put(&self, coefficient: Fraction) -> Option<()> {
        self.coefficients.send(coefficient).await.ok()
    }

    /// Goes on with the coefficients of another series.
    async fn copy(&self, from: &Series) -> Option<()> {
        loop {
            self.asked.recv().await?;
            self.put(from.next().await?).await?;
        }
    }
}

/// A series that a task computes.
fn series<F>(compute: impl FnOnce(Output) -> F) -> Series
where
    F: Future<Output = Option<()>> + Send + 'static,
{
    let (series, output) = Series::pair();
    spawn(compute(output));
    series
}

/// The same coefficient for ever: c / (1 - x).
fn repeat(c: Fraction) -> Series {
    series(move |output| async move {
        loop {
            output.asked.recv().await?;
            output.put(c).await?;
        }
    })
}

fn add(u: Series, v: Series) -> Series {
    series(|output| async move {
        loop {
            output.asked.recv().await?;
            output.put(u.next().await? + v.next().await?).await?;
        }
    })
}

fn scale(c: Fraction, u: Series) -> Series {
    series(move |output| async move {
        loop {
            output.asked.recv().await?;
            output.put(c * u.next().await?).await?;
        }
    })
}

/// c + x u
fn shift(c: Fraction, u: Series) -> Series {
    series(move |output| async move {
        output.asked.recv().await?;
        output.put(c).await?;
        output.copy(&u).await
    })
}

/// u v = u0 v0 + x (u0 v' + v0 u' + x u' v'), where u = u0 + x u'.
fn multiply(u: Series, v: Series) -> Series {
    series(|output| async move {
        output.asked.recv().await?;
        let (u0, v0) = (u.next().await?, v.next().await?);
        output.put(u0 * v0).await?;
        let ((u1, u2), (v1, v2)) = (split(u), split(v));
        let product = shift(Fraction::ZERO, multiply(u2, v2));
        let rest = add(add(scale(u0, v1), scale(v0, u1)), product);
        output.copy(&rest).await
    })
}

/// The n-th coefficient times n, one place down.
fn differentiate(u: Series) -> Series {
    series(|output| async move {
        output.asked.recv().await?;
        u.next().await?;
        for n in 1.. {
            output.put(Fraction(n, 1) * u.next().await?).await?;
            output.asked.recv().await?;
        }
        Some(())
    })
}

fn integrate(c: Fraction, u: Series) -> Series {
    series(move |output| async move {
        output.asked.recv().await?;
        output.put(c).await?;
        for n in 1.. {
            output.asked.recv().await?;
            output.put(Fraction(1, n) * u.next().await?).await?;
        }
        Some(())
    })
}

/// The same series twice; either may be read ahead of the other.
fn split(from: Series) -> (Series, Series) {
    let ((a, a_output), (b, b_output)) = (Series::pair(), Series::pair());
    spawn(deal(from, [a_output, b_output]));
    (a, b)
}

/// Listens to three sides at once: who wants a coefficient, and the one that was asked for.
async fn deal(from: Series, [a, b]: [Output; 2]) -> Option<()> {
    let (mut ahead, mut wants) = ([VecDeque::new(), VecDeque::new()], [false; 2]);
    let mut is_asked = false;
    loop {
        select! {
            Some(()) = a.asked.recv(), if !wants[0] => wants[0] = true,
            Some(()) = b.asked.recv(), if !wants[1] => wants[1] = true,
            Some(coefficient) = from.coefficients.recv(), if is_asked => {
                is_asked = false;
                ahead.iter_mut().for_each(|ahead| ahead.push_back(coefficient));
            }
            else => return None,
        }
        for (n, output) in [&a, &b].into_iter().enumerate() {
            if wants[n]
                && let Some(coefficient) = ahead[n].pop_front()
            {
                wants[n] = false;
                // The other one may still read.
                let _ = output.put(coefficient).await;
            }
        }
        if !is_asked && wants.contains(&true) {
            from.ask.send(()).await.ok()?;
            is_asked = true;
        }
    }
}

/// e^u for u0 = 0: the series e with e' = e u', so e feeds on itself.
fn exponential(u: Series) -> Series {
    let (e, output) = Series::pair();
    let (e, inner) = split(e);
    spawn(async move {
        let rest = integrate(Fraction::ONE, multiply(inner, differentiate(u)));
        output.copy(&rest).await
    });
    e
}

/// x
fn x() -> Series {
    shift(Fraction::ZERO, shift(Fraction::ONE, repeat(Fraction::ZERO)))
}

fn factorial(n: usize) -> i128 {
    (1..=n as i128).product()
}

#[test]
fn series_of_tasks_compute_what_mathematics_says() {
    const TERMS: usize = 9;
    let ones = || repeat(Fraction::ONE);
    let expect = |f: fn(usize) -> Fraction| (0..TERMS).map(f).collect::<Vec<_>>();
    on_one_and_two_cores(move || async move {
        let sum = add(ones(), repeat(Fraction(1, 2)));
        assert_eq!(sum.take(TERMS).await, expect(|_| Fraction(3, 2)));
        // 1 / (1 - x)^2
        let square = multiply(ones(), ones());
        assert_eq!(
            square.take(TERMS).await,
            expect(|n| Fraction(n as i128 + 1, 1))
        );
        let same = differentiate(integrate(Fraction(7, 1), ones()));
        assert_eq!(same.take(TERMS).await, expect(|_| Fraction::ONE));
        let e = exponential(x());
        assert_eq!(
            e.take(TERMS).await,
            expect(|n| Fraction::new(1, factorial(n)))
        );
        // e^x e^-x = 1
        let one = multiply(exponential(x()), exponential(scale(Fraction(-1, 1), x())));
        let expected = expect(|n| {
            if n == 0 {
                Fraction::ONE
            } else {
                Fraction::ZERO
            }
        });
        assert_eq!(one.take(TERMS).await, expected);
    });
}
