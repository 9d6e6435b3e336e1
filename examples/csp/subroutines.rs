//! Section 4, "Subroutines and Data Representations": a subroutine is a process that answers its user.

use ringspun::channel::{Receiver, Sender, channel};
use ringspun::spawn;

use crate::notation::{Failed, Link, Outcome, link, parallel};

/// How many numbers the sets hold.
pub(crate) const SET: usize = 100;

/// 4.1 Division with remainder: answers (x, y), y > 0, with quotient and remainder.
pub(crate) async fn division(user: Link<(u64, u64), (u64, u64)>) -> Outcome {
    while let Some((x, y)) = user.recv().await {
        let (mut quotient, mut remainder) = (0, x);
        while remainder >= y {
            remainder -= y;
            quotient += 1;
        }
        user.send((quotient, remainder)).await?;
    }
    Ok(())
}

/// 4.2 Factorial, up to that of `limit`: an array of processes, a level of the recursion each.
pub(crate) async fn factorial(limit: usize, user: Link<u64, u64>) -> Outcome {
    let mut caller = user;
    let mut levels = Vec::new();
    for _ in 0..limit {
        let (next, callee) = link();
        levels.push(spawn(fac(
            std::mem::replace(&mut caller, callee),
            Some(next),
        )));
    }
    levels.push(spawn(fac(caller, None)));
    parallel(levels).await
}

async fn fac(caller: Link<u64, u64>, next: Option<Link<u64, u64>>) -> Outcome {
    while let Some(n) = caller.recv().await {
        let result = match &next {
            _ if n == 0 => 1,
            Some(next) => n * next.ask(n - 1).await?,
            None => return Err(Failed),
        };
        caller.send(result).await?;
    }
    Ok(())
}

/// What a user says to a set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Request {
    /// Is the number in the set? Answered with [`Reply::Has`].
    Has(i32),
    /// Put the number in.
    Insert(i32),
    /// Name all members: answered with [`Reply::Next`] for each and [`Reply::NoneLeft`] at last.
    Scan,
}

/// What a set answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Has(bool),
    Next(i32),
    NoneLeft,
}

/// 4.3 Small set of integers, and 4.4 Scanning a set: one process holds them all.
///
/// When it is full, a further insertion changes nothing.
pub(crate) async fn small_set(user: Link<Request, Reply>) -> Outcome {
    let mut content = Vec::new();
    while let Some(request) = user.recv().await {
        match request {
            Request::Has(n) => user.send(Reply::Has(content.contains(&n))).await?,
            Request::Insert(n) if content.len() < SET && !content.contains(&n) => content.push(n),
            Request::Insert(_) => {}
            Request::Scan => {
                for n in &content {
                    user.send(Reply::Next(*n)).await?;
                }
                user.send(Reply::NoneLeft).await?;
            }
        }
    }
    Ok(())
}

/// What a user says to the parallel set, and its processes to each other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// Is the number in the set?
    Has(i32),
    /// Put the number in.
    Insert(i32),
}

/// 4.5 Parallel small set of integers: an array of processes, a number each, in ascending order.
///
/// The processes work at the same time: an insertion goes down the array while the user goes on. When it
/// is full, the greatest number falls out at the end.
pub(crate) async fn parallel_set(user: Link<Order, bool>) -> Outcome {
    let (mut orders, answers) = user.split();
    let mut members = Vec::new();
    for _ in 1..SET {
        let (to_next, next) = channel(0);
        let orders = std::mem::replace(&mut orders, next);
        members.push(spawn(member(orders, Some(to_next), answers.clone())));
    }
    members.push(spawn(member(orders, None, answers)));
    parallel(members).await
}

/// Answers go to the user and not back through the array.
async fn member(
    orders: Receiver<Order>,
    next: Option<Sender<Order>>,
    user: Sender<bool>,
) -> Outcome {
    let mut held = None;
    while let Some(order) = orders.recv().await {
        let onward = match (order, held) {
            (Order::Has(_), None) => {
                user.send(false).await?;
                None
            }
            (Order::Has(n), Some(own)) if n <= own => {
                user.send(n == own).await?;
                None
            }
            (Order::Insert(n), None) => {
                held = Some(n);
                None
            }
            (Order::Insert(n), Some(own)) if n < own => {
                held = Some(n);
                Some(Order::Insert(own))
            }
            (Order::Insert(n), Some(own)) if n == own => None,
            (order, Some(_)) => Some(order),
        };
        match (onward, &next) {
            (Some(order), Some(next)) => next.send(order).await?,
            (Some(Order::Has(_)), None) => user.send(false).await?,
            (Some(Order::Insert(_)), None) | (None, _) => {}
        }
    }
    Ok(())
}
