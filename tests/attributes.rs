//! `#[ringspun::main]` and `#[ringspun::test]` do what they say.

use std::time::Duration;

use ringspun::time;

#[ringspun::test]
async fn a_test_runs_on_one_core() {
    assert_eq!(ringspun::Handle::current().cores(), 1);
}

#[ringspun::test(cores = 3)]
async fn a_test_gets_its_cores() {
    assert_eq!(ringspun::Handle::current().cores(), 3);
}

#[ringspun::test(virtual_time)]
async fn a_day_passes_at_once() {
    let start = std::time::Instant::now();
    let virtual_start = time::now();
    time::sleep(Duration::from_secs(86_400)).await;
    assert!(time::now() - virtual_start >= Duration::from_secs(86_400));
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[ringspun::test]
async fn a_test_may_return_a_result() -> Result<(), std::num::ParseIntError> {
    let n: u32 = "7".parse()?;
    assert_eq!(n, 7);
    Ok(())
}

#[ringspun::test]
#[should_panic(expected = "as it should")]
async fn other_attributes_are_kept() {
    panic!("as it should");
}

#[ringspun::main(cores = 2)]
async fn main() -> std::io::Result<()> {
    assert_eq!(ringspun::Handle::current().cores(), 2);
    Ok(())
}

#[test]
fn main_runs() {
    main().unwrap();
}
