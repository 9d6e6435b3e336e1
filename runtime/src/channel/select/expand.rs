//! The macro: it collects the arms, gives each a name and a number, and leaves the work to `race.rs`.

/// Waits for several operations and lets exactly one of them happen.
///
/// ```
/// # use std::time::Duration;
/// # use ringspun_runtime::{channel::channel, select, time};
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// let (requests, inbox) = channel(1);
/// let (replies, outbox) = channel(1);
/// requests.send(1).await.unwrap();
/// let said = select! {
///     request = inbox.recv() => format!("got {request:?}"),
///     Some(reply) = outbox.recv() => format!("replied {reply}"),
///     () = time::sleep(Duration::from_secs(1)) => String::from("nothing happened"),
/// };
/// assert_eq!(said, "got Some(1)");
/// replies.send(2).await.unwrap();
/// # });
/// ```
///
/// An arm is `pattern = operation, if guard => body`. The guard may be left out. The operation is a send or
/// receive of a channel of this crate, or **any future**. The body runs after all arms are dropped, and the
/// value of the select is that of the body.
///
/// **What it promises** is what Go's `select` does:
///
/// - exactly one arm commits. A losing send has not sent, a losing receive has received nothing; a losing
///   future is dropped where it stands, so it must be cancel-safe;
/// - if several arms are ready, each is chosen with the same chance;
/// - an arm whose guard is false does not take part (Go's nil channel), and its operation is not even made;
/// - the same channel may stand in several arms, also as sender and receiver.
///
/// **Special arms and words**
///
/// - `default => body`: do not wait if there is a moment at which no arm is ready;
/// - `else => body`: all arms are switched off, by their guards or because their patterns refused. Without it
///   `default` is taken, and with neither such a select waits for ever, as in Go;
/// - `biased;` in front: the first ready arm in the order of the text is chosen, not any.
///
/// A pattern may be refutable, as `Some(reply)` above. What it refuses is dropped, and the arm is switched
/// off for the rest of this select.
///
/// So a loop over several sources that ends with the last of them is
///
/// ```
/// # use ringspun_runtime::{channel::channel, select};
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// # let ((a, left), (b, right)) = (channel(1), channel(1));
/// # a.send(1).await.unwrap();
/// # b.send(2).await.unwrap();
/// # drop((a, b));
/// # let mut sum = 0;
/// loop {
///     select! {
///         Some(n) = left.recv() => sum += n,
///         Some(n) = right.recv() => sum += n,
///         else => break,
///     }
/// }
/// # assert_eq!(sum, 3);
/// # });
/// ```
///
/// To keep the value of a send that loses, use [`Sender::send_from`]; to keep a future from one select to the
/// next, pin it outside and write `&mut future`, or for an operation of a channel `operation.as_mut()`.
///
/// # Cancel safety
///
/// Dropping a future that waits in a select drops the arms: nothing has been sent or received by them, or it
/// goes back to the head of its channel.
///
/// [`Sender::send_from`]: crate::channel::Sender::send_from
#[macro_export]
macro_rules! select {
    (biased; $($arms:tt)*) => {
        $crate::__select! { [true] [] [] [] [0] $($arms)* }
    };
    ($($arms:tt)*) => {
        $crate::__select! { [false] [] [] [] [0] $($arms)* }
    };
}

/// `[biased] [default] [else] [arms] [number of arms] rest`.
///
/// Each step is an expansion of its own, so `arm` and `output` are other names in each.
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    // The arms without an operation.
    ($b:tt [] $e:tt $a:tt $n:tt default => $body:block $(, $($rest:tt)*)?) => {
        $crate::__select! { $b [$body] $e $a $n $($($rest)*)? }
    };
    ($b:tt [] $e:tt $a:tt $n:tt default => $body:block $($rest:tt)+) => {
        $crate::__select! { $b [$body] $e $a $n $($rest)+ }
    };
    ($b:tt [] $e:tt $a:tt $n:tt default => $body:expr $(, $($rest:tt)*)?) => {
        $crate::__select! { $b [$body] $e $a $n $($($rest)*)? }
    };
    ($b:tt $d:tt [] $a:tt $n:tt else => $body:block $(, $($rest:tt)*)?) => {
        $crate::__select! { $b $d [$body] $a $n $($($rest)*)? }
    };
    ($b:tt $d:tt [] $a:tt $n:tt else => $body:block $($rest:tt)+) => {
        $crate::__select! { $b $d [$body] $a $n $($rest)+ }
    };
    ($b:tt $d:tt [] $a:tt $n:tt else => $body:expr $(, $($rest:tt)*)?) => {
        $crate::__select! { $b $d [$body] $a $n $($($rest)*)? }
    };
    // An arm with a guard.
    ($b:tt $d:tt $e:tt [$($a:tt)*] [$n:expr] $p:pat = $f:expr, if $g:expr => $body:block $(, $($rest:tt)*)?) => {
        $crate::__select! { $b $d $e [$($a)* (arm output [$n] [$p] [$f] [$g] [$body])] [$n + 1] $($($rest)*)? }
    };
    ($b:tt $d:tt $e:tt [$($a:tt)*] [$n:expr] $p:pat = $f:expr, if $g:expr => $body:block $($rest:tt)+) => {
        $crate::__select! { $b $d $e [$($a)* (arm output [$n] [$p] [$f] [$g] [$body])] [$n + 1] $($rest)+ }
    };
    ($b:tt $d:tt $e:tt [$($a:tt)*] [$n:expr] $p:pat = $f:expr, if $g:expr => $body:expr $(, $($rest:tt)*)?) => {
        $crate::__select! { $b $d $e [$($a)* (arm output [$n] [$p] [$f] [$g] [$body])] [$n + 1] $($($rest)*)? }
    };
    // An arm without one.
    ($b:tt $d:tt $e:tt [$($a:tt)*] [$n:expr] $p:pat = $f:expr => $body:block $(, $($rest:tt)*)?) => {
        $crate::__select! { $b $d $e [$($a)* (arm output [$n] [$p] [$f] [true] [$body])] [$n + 1] $($($rest)*)? }
    };
    ($b:tt $d:tt $e:tt [$($a:tt)*] [$n:expr] $p:pat = $f:expr => $body:block $($rest:tt)+) => {
        $crate::__select! { $b $d $e [$($a)* (arm output [$n] [$p] [$f] [true] [$body])] [$n + 1] $($rest)+ }
    };
    ($b:tt $d:tt $e:tt [$($a:tt)*] [$n:expr] $p:pat = $f:expr => $body:expr $(, $($rest:tt)*)?) => {
        $crate::__select! { $b $d $e [$($a)* (arm output [$n] [$p] [$f] [true] [$body])] [$n + 1] $($($rest)*)? }
    };
    // All arms are known.
    ([$biased:expr] [$($default:expr)?] [$($else:expr)?]
     [$(($arm:ident $output:ident [$n:expr] [$p:pat] [$f:expr] [$g:expr] [$body:expr]))*] $count:tt) => {{
        $(let mut $output = ::core::option::Option::None;)*
        let won = {
            #[allow(unused_imports)]
            use $crate::channel::__private::{FutureKind as _, OperationKind as _};
            let offer = ::core::pin::pin!($crate::channel::__private::Offer::new($crate::__select!(@expr $count)));
            $(
                let mut $arm = ::core::pin::pin!($crate::channel::__private::Once::new(
                    if $g {
                        let operation = $f;
                        let kind = (&operation).arm_kind();
                        ::core::option::Option::Some(kind.arm(operation))
                    } else {
                        ::core::option::Option::None
                    },
                    #[allow(unused_variables, unreachable_patterns)]
                    |output: &_| match output {
                        $crate::__clean_pattern!($p) => true,
                        _ => false,
                    },
                ));
            )*
            let mode = $crate::channel::__private::Mode {
                biased: $biased,
                default: $crate::__select!(@is_there $($default)?),
            };
            let arms = $crate::__select!(@pairs $($arm)*);
            let won = $crate::channel::__private::Race::<_, { $crate::channel::__private::words($crate::__select!(@expr $count)) }>::new(
                offer.as_ref(),
                arms,
                mode,
            )
            .await;
            $(
                if won == $crate::channel::__private::Won::Arm($n) {
                    $output = $arm.as_mut().take();
                }
            )*
            won
        };
        $(
            if won == $crate::channel::__private::Won::Arm($n) {
                #[allow(unreachable_patterns)]
                match $output {
                    ::core::option::Option::Some($p) => $body,
                    _ => ::core::unreachable!("the winner's pattern took its output"),
                }
            } else
        )*
        {
            match won {
                $($crate::channel::__private::Won::Nobody => $else,)?
                $($crate::channel::__private::Won::Default | $crate::channel::__private::Won::Nobody => $default,)?
                #[allow(unreachable_patterns)]
                _ => ::core::future::pending().await,
            }
        }
    }};
    (@expr [$e:expr]) => { $e };
    (@is_there) => { false };
    (@is_there $e:expr) => { true };
    (@pairs) => { () };
    (@pairs $first:ident $($rest:ident)*) => {
        ($first.as_mut(), $crate::__select!(@pairs $($rest)*))
    };
}
