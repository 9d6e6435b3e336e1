//! Boxed futures whose memory is recycled.

use std::alloc::Layout;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::block;

/// What `Pin<Box<dyn Future<Output = T> + Send>>` is, with memory from a pool of the thread: in
/// steady state making and dropping one allocates nothing.
///
/// A server uses it to hold the handler of a request behind one type.
///
/// ```
/// # use ringspun_runtime::{Builder, task::PooledFuture};
/// let answer = PooledFuture::new(async { 6 * 7 });
/// # let rt = Builder::new().cores(1).build().unwrap();
/// assert_eq!(rt.block_on(answer), 42);
/// ```
pub struct PooledFuture<T: 'static> {
    /// The block that holds the future.
    block: NonNull<u8>,
    vtable: &'static FutureVtable<T>,
    _output: PhantomData<fn() -> T>,
}

/// What is done with the future behind the pointer.
struct FutureVtable<T: 'static> {
    poll: unsafe fn(NonNull<u8>, &mut Context<'_>) -> Poll<T>,
    drop: unsafe fn(NonNull<u8>),
    layout: Layout,
}

struct Vtables<F>(F);

impl<F: Future<Output: 'static>> Vtables<F> {
    const VTABLE: FutureVtable<F::Output> = FutureVtable {
        poll: poll::<F>,
        drop: drop_future::<F>,
        layout: layout::<F>(),
    };
}

// SAFETY: the block is owned, and the future in it is `Send`, or stays on this thread (`of`).
unsafe impl<T: 'static> Send for PooledFuture<T> {}
// The future behind the pointer never moves, whatever happens to the handle.
impl<T: 'static> Unpin for PooledFuture<T> {}

impl<T: 'static> PooledFuture<T> {
    /// Moves `future` into a block of the pool.
    pub fn new<F: Future<Output = T> + Send + 'static>(future: F) -> Self {
        // SAFETY: the future is `Send`.
        unsafe { Self::of(future) }
    }

    /// As [`new`](Self::new), for any future.
    ///
    /// # Safety
    /// If the future is not `Send`, the result does not leave this thread.
    unsafe fn of<F: Future<Output = T> + 'static>(future: F) -> Self {
        let block = block::alloc(layout::<F>());
        // SAFETY: the block is fresh and fits `F`.
        unsafe { block.cast::<F>().write(future) };
        Self {
            block,
            vtable: &Vtables::<F>::VTABLE,
            _output: PhantomData,
        }
    }
}

impl<T: 'static> Future for PooledFuture<T> {
    type Output = T;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // SAFETY: the block holds the future that the vtable was made for.
        unsafe { (self.vtable.poll)(self.block, cx) }
    }
}

impl<T: 'static> Drop for PooledFuture<T> {
    fn drop(&mut self) {
        /// Frees the block even if the future's destructor panics.
        struct Free(NonNull<u8>, Layout);
        impl Drop for Free {
            fn drop(&mut self) {
                // SAFETY: the block was allocated with this layout; its content is dropped.
                unsafe { block::free(self.0, self.1) }
            }
        }
        let _free = Free(self.block, self.vtable.layout);
        // SAFETY: the block holds a live future of the vtable's type, dropped once, here.
        unsafe { (self.vtable.drop)(self.block) }
    }
}

impl<T: 'static> fmt::Debug for PooledFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledFuture")
            .field("size", &self.vtable.layout.size())
            .finish()
    }
}

/// A [`PooledFuture`] of a future that need not be `Send`; nor is this.
///
/// ```
/// # use ringspun_runtime::{Builder, task::LocalPooledFuture};
/// # use std::rc::Rc;
/// let number = Rc::new(42);
/// let answer = LocalPooledFuture::new(async move { *number });
/// # let rt = Builder::new().cores(1).build().unwrap();
/// assert_eq!(rt.block_on(answer), 42);
/// ```
///
/// It stays on its thread:
/// ```compile_fail,E0277
/// # use ringspun_runtime::task::LocalPooledFuture;
/// fn elsewhere<T: Send>(_: T) {}
/// elsewhere(LocalPooledFuture::new(async {}));
/// ```
pub struct LocalPooledFuture<T: 'static> {
    future: PooledFuture<T>,
    /// Neither `Send` nor `Sync`, as the future inside may be.
    _of_this_thread: PhantomData<*const ()>,
}

impl<T: 'static> LocalPooledFuture<T> {
    /// Moves `future` into a block of the pool.
    pub fn new<F: Future<Output = T> + 'static>(future: F) -> Self {
        // SAFETY: the type around it is not `Send`, and gives it to nobody.
        let future = unsafe { PooledFuture::of(future) };
        Self {
            future,
            _of_this_thread: PhantomData,
        }
    }
}

impl<T: 'static> Future for LocalPooledFuture<T> {
    type Output = T;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.future).poll(cx)
    }
}

impl<T: 'static> fmt::Debug for LocalPooledFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.future.fmt(f)
    }
}

/// The layout of a block for `F`; a zero-sized future still needs an address of its own.
const fn layout<F>() -> Layout {
    let layout = Layout::new::<F>();
    if layout.size() == 0 {
        return match Layout::from_size_align(1, layout.align()) {
            Ok(layout) => layout,
            Err(_) => unreachable!(),
        };
    }
    layout
}

/// # Safety
/// `block` holds a live `F`, pinned there.
unsafe fn poll<F: Future>(block: NonNull<u8>, cx: &mut Context<'_>) -> Poll<F::Output> {
    // SAFETY: the caller vouches for the type, and owns the block exclusively.
    let future = unsafe { block.cast::<F>().as_mut() };
    // SAFETY: the future stays in its block until it is dropped there.
    unsafe { Pin::new_unchecked(future) }.poll(cx)
}

/// # Safety
/// `block` holds a live `F`, which is dropped.
unsafe fn drop_future<F>(block: NonNull<u8>) {
    // SAFETY: the caller vouches for the type and gives the future up.
    unsafe { block.cast::<F>().drop_in_place() }
}
