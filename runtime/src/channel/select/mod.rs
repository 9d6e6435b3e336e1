//! `select!` and [`Select`]: exactly one of several operations.
//!
//! | file | holds |
//! |---|---|
//! | `../offer.rs` | the word that decides who is first |
//! | `race.rs` | the loop: look, link, sleep |
//! | `arm.rs`, `branch.rs` | what can be an arm; an arm with what came of it |
//! | `set.rs` | sets of arms, and the random choice |
//! | `expand.rs` | the macro |
//! | `dynamic.rs` | [`Select`], with a number of arms that is known at run time |

pub(super) mod arm;
pub(super) mod branch;
mod dynamic;
mod expand;
pub(super) mod race;
pub(super) mod set;

pub use dynamic::{Select, SelectWait};
