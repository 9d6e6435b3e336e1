//! What is done around the life of each thread that runs tasks, jobs or `block_on`.
//!
//! Code of others may want something to hold on every thread: an entered runtime, a profiler's
//! registration. A guard would have to be kept by us, with its borrow of what it guards; a function
//! around the thread's life keeps it on its own stack.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use crate::contain::discard;

/// The hooks, the first one outermost.
#[derive(Clone, Default)]
pub(crate) struct Around(Vec<Hook>);

type Hook = Arc<dyn Fn(&mut dyn FnMut()) + Send + Sync>;

impl Around {
    /// Adds one inside of those that are there.
    pub(crate) fn push(&mut self, hook: impl Fn(&mut dyn FnMut()) + Send + Sync + 'static) {
        self.0.push(Arc::new(hook));
    }

    /// Runs `life` inside all hooks. It runs also where a hook fails or forgets it: a worker that did
    /// not would take its core with it.
    pub(crate) fn run<R>(&self, life: impl FnOnce() -> R) -> R {
        if self.0.is_empty() {
            return life();
        }
        let (mut life, mut output) = (Some(life), None);
        let mut once = || {
            if let Some(life) = life.take() {
                output = Some(life());
            }
        };
        let nested = catch_unwind(AssertUnwindSafe(|| nest(&self.0, &mut once)));
        match (output, life) {
            (Some(output), _) => {
                report(nested, "after the thread's work");
                output
            }
            (None, Some(life)) => {
                report(nested, "before the thread's work, which goes on without it");
                life()
            }
            // The panic is that of `life`.
            (None, None) => match nested {
                Err(payload) => resume_unwind(payload),
                Ok(()) => panic!("a hook of Builder::around_threads has swallowed a panic"),
            },
        }
    }
}

fn nest(hooks: &[Hook], life: &mut dyn FnMut()) {
    match hooks.split_first() {
        Some((hook, inner)) => hook(&mut || nest(inner, life)),
        None => life(),
    }
}

fn report(nested: Result<(), Box<dyn Any + Send>>, when: &str) {
    if let Err(payload) = nested {
        tracing::error!("a hook of Builder::around_threads panicked {when}");
        discard(payload);
    }
}

impl fmt::Debug for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hooks", self.0.len())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn hooks_nest_in_their_order() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut around = Around::default();
        for name in ["a", "b"] {
            let log = log.clone();
            around.push(move |life| {
                log.lock().unwrap().push(name);
                life();
                log.lock().unwrap().push(name);
            });
        }
        let inner = log.clone();
        let output = around.run(|| {
            inner.lock().unwrap().push("life");
            7
        });
        assert_eq!(output, 7);
        assert_eq!(*log.lock().unwrap(), ["a", "b", "life", "b", "a"]);
    }

    #[test]
    fn the_work_is_done_whatever_a_hook_does() {
        let hooks: [fn(&mut dyn FnMut()); 4] = [
            |_| {},
            |_| panic!("before"),
            |life| {
                life();
                panic!("after");
            },
            |life| {
                life();
                life();
            },
        ];
        for hook in hooks {
            let mut around = Around::default();
            around.push(hook);
            assert_eq!(around.run(|| 7), 7);
        }
    }

    #[test]
    fn a_panic_of_the_work_goes_through() {
        let mut around = Around::default();
        around.push(|life| life());
        let payload = catch_unwind(AssertUnwindSafe(|| around.run(|| panic!("work")))).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"work"));
    }
}
