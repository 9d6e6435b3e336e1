//! What to do about panics that are not the program's own fault.

use std::any::Any;

/// The text of a panic, if it has one.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// What to do about the panic with this payload, where that is known: code that asks for tokio's context
/// panics in a program that is built without the feature `tokio`.
///
/// [`JoinError`](super::JoinError) and the HTTP server say it with the panic.
///
/// ```
/// # use ringspun_runtime::task::panic_hint;
/// let payload = std::panic::catch_unwind(|| {
///     panic!("there is no reactor running, must be called from the context of a Tokio 1.x runtime")
/// });
/// let hint = panic_hint(&*payload.unwrap_err());
/// # #[cfg(not(feature = "tokio"))]
/// assert!(hint.unwrap().contains("feature `tokio`"));
/// ```
#[must_use]
pub fn panic_hint(payload: &(dyn Any + Send)) -> Option<&'static str> {
    let is_known =
        !cfg!(feature = "tokio") && panic_text(payload).is_some_and(|text| text.contains(NO_TOKIO));
    is_known.then_some(HINT)
}

/// In the panics of all that tokio drives: reactor, timers, `spawn`.
const NO_TOKIO: &str = "context of a Tokio 1.x runtime";

const HINT: &str = "this code needs tokio's context, which ringspun's threads have with the feature `tokio`: \
     ringspun = { features = [\"tokio\"] }";

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_that_panic_is_explained() {
        let other: Box<dyn Any + Send> = Box::new("boom");
        assert_eq!(panic_hint(&*other), None);
        let known: Box<dyn Any + Send> = Box::new(format!("no timer, {NO_TOKIO}"));
        assert_eq!(panic_hint(&*known).is_some(), !cfg!(feature = "tokio"));
        let no_text: Box<dyn Any + Send> = Box::new(7);
        assert_eq!(panic_hint(&*no_text), None);
    }
}
