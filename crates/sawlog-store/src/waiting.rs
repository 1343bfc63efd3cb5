//! Waits for a future, even on a thread that belongs to someone else's runtime.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime::{Handle, Runtime, RuntimeFlavor};
use tokio::task::{block_in_place, unconstrained};

thread_local! {
    /// Whether this thread waits although its runtime has no other thread.
    static IS_PARKED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a future on the threads of a runtime, and waits for it.
pub(crate) fn block_on<F: Future>(runtime: &Runtime, future: F) -> F::Output {
    let Ok(current) = Handle::try_current() else { return runtime.block_on(future) };
    if current.runtime_flavor() == RuntimeFlavor::MultiThread && !IS_PARKED.get() {
        return block_in_place(|| runtime.handle().block_on(future));
    }
    // A runtime with one thread can't lend it, and no other runtime can begin on it. So this thread waits while
    // another one does the work.
    let _entered = runtime.enter();
    let before = IS_PARKED.replace(true);
    let output = park_until(future);
    IS_PARKED.set(before);
    output
}

/// The threads of the query engine. They can be dropped anywhere, even on a thread that must not wait for them to
/// end.
#[derive(Debug)]
pub(crate) struct Threads(Option<Runtime>);

impl Threads {
    pub(crate) fn new(runtime: Runtime) -> Self {
        Self(Some(runtime))
    }
}

impl std::ops::Deref for Threads {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        self.0.as_ref().expect("a runtime until it is dropped")
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let (Some(runtime), Ok(_)) = (self.0.take(), Handle::try_current()) {
            runtime.shutdown_background();
        }
    }
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn park_until<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    // Nobody takes turns with it.
    let mut future = pin!(unconstrained(future));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn whoever_waits_waits_in_any_runtime_and_within_another_wait() {
        let ours = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let spawned = || async { tokio::spawn(async { 1 }).await.unwrap() };
        let nested = || block_on(&ours, async { spawned().await + block_on(&ours, spawned()) });
        assert_eq!(nested(), 2);
        let theirs = [Builder::new_current_thread().build().unwrap(), Builder::new_multi_thread().build().unwrap()];
        for theirs in theirs {
            assert_eq!(theirs.block_on(async { nested() }), 2);
        }
    }
}
