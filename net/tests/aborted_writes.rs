//! D8: a task that is aborted somewhere in a large write takes its connection with it, and leaves no
//! byte on anybody else's.

mod common;

use common::{Random, both, count, open_fds, run};
use ringspun_net::{TcpListener, TcpStream};
use ringspun_runtime::{spawn, task};
use socket2::SockRef;

#[test]
fn an_aborted_write_is_cut_short_and_closed() {
    let rounds = count(1000, 1_000_000);
    run(2, async move {
        let mut listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let addr = listener.local_addr().expect("an address");
        let mut random = Random::new(8);
        let mut buffer = vec![0; 1 << 16];
        let mut fds = None;
        let mut cut = 0;
        for round in 0..rounds {
            let (client, server) = both(TcpStream::connect(addr), listener.accept()).await;
            let (mut client, mut server) =
                (client.expect("connected"), server.expect("accepted").0);
            // Small buffers, so that the write is still under way.
            SockRef::from(&server)
                .set_send_buffer_size(1 << 16)
                .expect("set");
            SockRef::from(&client)
                .set_recv_buffer_size(1 << 16)
                .expect("set");
            // Each round has a byte of its own.
            let mark = round as u8;
            let writer = spawn(async move { server.write_all(&vec![mark; LENGTH]).await });
            let mut got = 0;
            let enough = random.up_to(LENGTH);
            for _ in 0..random.up_to(20) {
                if got < enough {
                    got += read_marked(&mut client, &mut buffer, mark).await;
                } else {
                    task::yield_now().await;
                }
            }
            writer.abort();
            loop {
                match read_marked(&mut client, &mut buffer, mark).await {
                    0 => break,
                    count => got += count,
                }
            }
            let _ = writer.await;
            assert!(got <= LENGTH, "{got}");
            cut += usize::from(got < LENGTH);
            drop(client);
            let now = open_fds();
            assert_eq!(*fds.get_or_insert(now), now, "round {round}");
        }
        println!("D8 {rounds} writes of 1 MiB aborted, {cut} of them cut short: no foreign byte");
        assert!(cut > rounds / 4, "{cut} of {rounds} were cut short");
    });
}

const LENGTH: usize = 1 << 20;

/// How much came; all of it is this round's. A reset is an end.
async fn read_marked(client: &mut TcpStream, buffer: &mut [u8], mark: u8) -> usize {
    let count = client.read(buffer).await.unwrap_or(0);
    assert!(
        buffer[..count].iter().all(|&byte| byte == mark),
        "a foreign byte"
    );
    count
}
