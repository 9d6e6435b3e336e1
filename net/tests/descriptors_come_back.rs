//! Runtimes, listeners and connections leave no descriptor behind. Alone in its file, hence in
//! its process: it counts the descriptors of the whole process.

mod common;

use std::time::Duration;

use common::{count, open_fds, run};
use ringspun_net::{Acceptor, TcpListener, TcpStream};
use ringspun_runtime::task;

/// Connections that are cut on their way to another core: the single listener passes on all but
/// the first few.
fn a_cut_on_the_way(clients: usize) -> u64 {
    run(2, async move {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let serving = Acceptor::new(vec![listener]).serve(|mut stream: TcpStream, _| async move {
            let _ = stream.read(&mut [0]).await;
        });
        let addr = serving.local_addr().expect("an address");
        let mut streams = Vec::new();
        for _ in 0..clients {
            streams.push(TcpStream::connect(addr).await.expect("connected"));
        }
        while serving.connections() < clients / 2 {
            task::yield_now().await;
        }
        serving.cut();
        serving.drained().await;
        serving.stats()[0].handed_over
    })
}

#[test]
fn descriptors_are_back_to_the_start() {
    let rounds = count(5, 100);
    // Things that the process opens lazily come first.
    let round = || {
        run(2, async {
            let serving = Acceptor::bind("127.0.0.1:0").expect("bound").serve(
                |mut stream: TcpStream, _| async move {
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).await.is_ok() {
                        if stream.write_all(&byte).await.is_err() {
                            break;
                        }
                    }
                },
            );
            let addr = serving.local_addr().expect("an address");
            let mut clients = Vec::new();
            for _ in 0..50 {
                let mut client = TcpStream::connect(addr).await.expect("connected");
                client.write_all(b"x").await.expect("written");
                client.read_exact(&mut [0]).await.expect("served");
                clients.push(client);
            }
            serving.shut_down(Duration::from_millis(1)).await;
        });
    };
    round();
    let before = open_fds();
    let mut handed_over = 0;
    for i in 0..rounds {
        round();
        handed_over += a_cut_on_the_way(20 + 4 * (i % 10));
    }
    println!("{rounds} rounds, {handed_over} connections handed over");
    assert!(handed_over > 0);
    assert_eq!(open_fds(), before, "descriptors after {rounds} runtimes");
}
