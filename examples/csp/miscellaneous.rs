//! Section 6, "Miscellaneous": arrays of processes through which numbers flow.

use ringspun::channel::{Receiver, Sender, channel};
use ringspun::spawn;

use crate::coroutines::copy;
use crate::notation::{Failed, Outcome, parallel};

/// Processes of the sieve: enough for primes below 10,000, as in the paper.
pub(crate) const SIEVES: usize = 100;
/// Rows and columns of the matrix.
pub(crate) const ORDER: usize = 3;

/// 6.1 Prime numbers, the sieve of Eratosthenes (Douglas McIlroy's): prints those below `limit`, up to
/// 10,000, in ascending order.
///
/// Each process prints the first number it gets, which is prime, and passes on what this does not divide.
pub(crate) async fn primes(limit: u64, print: Sender<u64>) -> Outcome {
    let (to_first, mut numbers) = channel(0);
    let mut processes = Vec::new();
    for _ in 0..SIEVES {
        let (to_next, next) = channel(0);
        let numbers = std::mem::replace(&mut numbers, next);
        processes.push(spawn(sieve(numbers, to_next, print.clone())));
    }
    processes.push(spawn(copy(numbers, print.clone())));
    processes.push(spawn(async move {
        print.send(2).await?;
        for n in (3..limit).step_by(2) {
            to_first.send(n).await?;
        }
        Ok(())
    }));
    parallel(processes).await
}

async fn sieve(numbers: Receiver<u64>, next: Sender<u64>, print: Sender<u64>) -> Outcome {
    let Some(prime) = numbers.recv().await else {
        return Ok(());
    };
    print.send(prime).await?;
    let mut multiple = prime;
    while let Some(n) = numbers.recv().await {
        while n > multiple {
            multiple += prime;
        }
        if n < multiple {
            next.send(n).await?;
        }
    }
    Ok(())
}

/// 6.2 An iterative array, matrix multiplication: rows of numbers come in from the west, an element on
/// each channel, and leave multiplied by `a` to the south, as fast as they come.
pub(crate) async fn matrix(
    a: [[f64; ORDER]; ORDER],
    west: [Receiver<f64>; ORDER],
    south: [Sender<f64>; ORDER],
) -> Outcome {
    let mut processes = Vec::new();
    // The channels that cross the border above the row: at first those of the zeros in the north.
    let mut columns = [(); ORDER].map(|()| {
        let (zeros, column) = channel(0);
        processes.push(spawn(north(zeros)));
        column
    });
    for (factors, mut row) in a.into_iter().zip(west) {
        for (factor, column) in factors.into_iter().zip(&mut columns) {
            let (east, next_row) = channel(0);
            let (south, next_column) = channel(0);
            let west = std::mem::replace(&mut row, next_row);
            let north = std::mem::replace(column, next_column);
            processes.push(spawn(multiply(factor, north, west, east, south)));
        }
        processes.push(spawn(sink(row)));
    }
    for (column, south) in columns.into_iter().zip(south) {
        processes.push(spawn(copy(column, south)));
    }
    parallel(processes).await
}

async fn multiply(
    factor: f64,
    north: Receiver<f64>,
    west: Receiver<f64>,
    east: Sender<f64>,
    south: Sender<f64>,
) -> Outcome {
    while let Some(x) = west.recv().await {
        east.send(x).await?;
        let sum = north.recv().await.ok_or(Failed)?;
        south.send(factor * x + sum).await?;
    }
    Ok(())
}

/// The border in the north: zeros for as long as somebody takes them.
async fn north(zeros: Sender<f64>) -> Outcome {
    while zeros.send(0.0).await.is_ok() {}
    Ok(())
}

/// The border in the east.
async fn sink(west: Receiver<f64>) -> Outcome {
    while west.recv().await.is_some() {}
    Ok(())
}
