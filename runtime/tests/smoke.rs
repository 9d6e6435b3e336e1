//! First light: spawn, join, sleep, yield, shut down.
use ringspun_runtime::{Builder, spawn, task, time};
use std::time::Duration;

#[test]
fn spawn_join_many() {
    for cores in [1, 2, 4] {
        let rt = Builder::new().cores(cores).build().unwrap();
        let sum = rt.block_on(async {
            let handles: Vec<_> = (0..10_000_u64)
                .map(|i| {
                    spawn(async move {
                        task::yield_now().await;
                        i
                    })
                })
                .collect();
            let mut sum = 0;
            for h in handles {
                sum += h.await.unwrap();
            }
            time::sleep(Duration::from_millis(1)).await;
            sum
        });
        assert_eq!(sum, 10_000 * 9_999 / 2);
        eprintln!("{}", rt.handle().metrics());
    }
}
