//! What must not compile: Go's test/chan/perm, and what the borrows and `Send` bounds of the handles promise.
//! Each of these is a test.
//!
//! A handle does what its side does, and nothing else:
//!
//! ```compile_fail,E0599
//! let (tx, _rx) = ringspun_runtime::channel::channel::<u8>(1);
//! let _ = tx.recv();
//! ```
//! ```compile_fail,E0599
//! let (tx, _rx) = ringspun_runtime::channel::channel::<u8>(1);
//! let _ = tx.try_recv();
//! ```
//! ```compile_fail,E0599
//! let (_tx, rx) = ringspun_runtime::channel::channel::<u8>(1);
//! let _ = rx.send(1);
//! ```
//! ```compile_fail,E0599
//! let (_tx, rx) = ringspun_runtime::channel::channel::<u8>(1);
//! let _ = rx.try_send(1);
//! ```
//! ```compile_fail,E0599
//! let (tx, _rx) = ringspun_runtime::channel::channel::<u8>(1);
//! let _ = tx.stream();
//! ```
//! ```compile_fail,E0599
//! let (tx, _rx) = ringspun_runtime::channel::channel::<u8>(1);
//! let _ = tx.downgrade().send(1);
//! ```
//! ```compile_fail,E0308
//! let (tx, _rx) = ringspun_runtime::channel::channel::<u8>(1);
//! let _ = tx.try_send("a string");
//! ```
//! ```compile_fail,E0308
//! # use ringspun_runtime::channel::{Select, channel};
//! let (tx, _rx) = channel::<u8>(1);
//! Select::new().recv(&tx, |value| value);
//! ```
//!
//! Values that must stay on their thread keep the handles and futures there:
//!
//! ```compile_fail,E0277
//! # use std::rc::Rc;
//! let (tx, _rx) = ringspun_runtime::channel::channel::<Rc<u8>>(1);
//! std::thread::spawn(move || drop(tx));
//! ```
//! ```compile_fail,E0277
//! # use std::rc::Rc;
//! let (_tx, rx) = ringspun_runtime::channel::channel::<Rc<u8>>(1);
//! std::thread::spawn(move || drop(rx));
//! ```
//! ```compile_fail,E0277
//! # use std::rc::Rc;
//! let (tx, _rx) = ringspun_runtime::channel::channel::<Rc<u8>>(1);
//! std::thread::scope(|scope| {
//!     scope.spawn(|| tx.is_closed());
//! });
//! ```
//! ```compile_fail,E0277
//! # use std::rc::Rc;
//! let (tx, _rx) = ringspun_runtime::channel::channel::<Rc<u8>>(1);
//! let weak = tx.downgrade();
//! std::thread::spawn(move || weak.upgrade().is_some());
//! ```
//! ```compile_fail,E0277
//! # use std::rc::Rc;
//! # use ringspun_runtime::channel::{Select, channel};
//! let (_tx, rx) = channel::<Rc<u8>>(1);
//! Select::new().recv(&rx, |value| value.is_some());
//! ```
//! ```compile_fail,E0277
//! # use std::rc::Rc;
//! # use ringspun_runtime::channel::{Select, channel};
//! let ((_tx, rx), here) = (channel::<u8>(1), Rc::new(1));
//! Select::new().recv(&rx, move |value| value.is_some() && *here == 1);
//! ```
//! ```compile_fail
//! # use std::rc::Rc;
//! # use ringspun_runtime::{channel::channel, select, spawn};
//! spawn(async {
//!     let (_tx, rx) = channel::<Rc<u8>>(1);
//!     select! { _ = rx.recv() => {} }
//! });
//! ```
//!
//! A future borrows its handle, does not move once it is pinned, and owns what it sends:
//!
//! ```compile_fail,E0597
//! # use ringspun_runtime::channel::channel;
//! let recv = {
//!     let (_tx, rx) = channel::<u8>(1);
//!     rx.recv()
//! };
//! drop(recv);
//! ```
//! ```compile_fail,E0505
//! # use ringspun_runtime::channel::channel;
//! let (_tx, rx) = channel::<u8>(1);
//! let recv = rx.recv();
//! drop(rx);
//! drop(recv);
//! ```
//! ```compile_fail,E0505
//! # use ringspun_runtime::channel::{Select, channel};
//! let (_tx, rx) = channel::<u8>(1);
//! let mut select = Select::new();
//! select.recv(&rx, |value| value);
//! drop(rx);
//! drop(select);
//! ```
//! ```compile_fail,E0277
//! # use std::pin::Pin;
//! # use ringspun_runtime::channel::channel;
//! let (_tx, rx) = channel::<u8>(1);
//! let mut recv = rx.recv();
//! let _ = Pin::new(&mut recv);
//! ```
//! ```compile_fail,E0277
//! # use std::pin::Pin;
//! # use ringspun_runtime::channel::channel;
//! let (tx, _rx) = channel::<u8>(1);
//! let mut send = tx.send(1);
//! let _ = Pin::new(&mut send).cancel();
//! ```
//! ```compile_fail,E0382
//! # use ringspun_runtime::channel::channel;
//! let (tx, _rx) = channel(1);
//! let text = String::from("gone");
//! let _ = tx.send(text);
//! drop(text);
//! ```
//! ```compile_fail,E0499
//! # use ringspun_runtime::channel::channel;
//! let (tx, _rx) = channel(1);
//! let mut place = Some(1);
//! let (first, second) = (tx.send_from(&mut place), tx.send_from(&mut place));
//! drop((first, second));
//! ```
//! ```compile_fail,E0502
//! # use ringspun_runtime::channel::channel;
//! let (tx, _rx) = channel(1);
//! let mut place = Some(1);
//! let send = tx.send_from(&mut place);
//! assert!(place.is_some());
//! drop(send);
//! ```
//!
//! A select makes all its operations, and a losing send has taken its value along:
//!
//! ```compile_fail,E0382
//! # use ringspun_runtime::{channel::channel, select};
//! # async {
//! let ((tx, _rx), text) = (channel(1), String::from("gone"));
//! select! { _ = tx.send(text) => {}, default => drop(text) }
//! # };
//! ```
//! ```compile_fail
//! # use ringspun_runtime::{channel::channel, select};
//! # async {
//! let (_tx, rx) = channel::<u8>(1);
//! select! { _ = rx.recv() => {}, default => {}, default => {} }
//! # };
//! ```
