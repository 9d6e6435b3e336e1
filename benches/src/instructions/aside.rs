//! What is not to be counted.

/// Does something without its instructions being counted: the script tells callgrind to stop where this
/// function is entered and to go on where it is left (`--toggle-collect`), on the thread that calls it.
#[inline(never)]
pub(crate) fn aside<R>(f: impl FnOnce() -> R) -> R {
    let result = f();
    // No tail call: the function must be left where it was entered.
    std::hint::black_box(());
    result
}
