//! What a hop over the in-memory transport costs. Prints, never asserts a time; run it with
//! `cargo test --release -p ringspun-net --test memory_hop -- --nocapture`.

mod common;

use std::time::Instant;

use common::{count, run};
use ringspun_net::mem;

#[test]
fn an_echo_of_64_bytes() {
    let rounds = count(20_000, 2_000_000);
    let mut best = u128::MAX;
    for _ in 0..5 {
        let nanos = run(1, async move {
            // Both ends are tasks of one core.
            ringspun_runtime::spawn(async move {
                let (mut client, mut server) = mem::pair(4096);
                let echo = ringspun_runtime::spawn(async move {
                    let mut buf = [0; 64];
                    loop {
                        let n = server.read(&mut buf).await.expect("read");
                        if n == 0 {
                            break;
                        }
                        server.write_all(&buf[..n]).await.expect("written");
                    }
                });
                let (message, mut answer) = ([7; 64], [0; 64]);
                let start = Instant::now();
                for _ in 0..rounds {
                    client.write_all(&message).await.expect("written");
                    client.read_exact(&mut answer).await.expect("read");
                }
                let elapsed = start.elapsed();
                assert_eq!(answer, message);
                client.close().await.expect("closed");
                echo.await.expect("no panic");
                elapsed.as_nanos() / rounds as u128
            })
            .await
            .expect("no panic")
        });
        best = best.min(nanos);
    }
    println!("mem: 64 B echo, one core, two tasks: {best} ns per round trip (best of 5)");
}
