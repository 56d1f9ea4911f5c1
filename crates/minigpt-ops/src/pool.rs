//! The threads that share the work of an operation.

use rayon::prelude::*;

/// Runs `work` on a thread of the current rayon pool. Parallel operations inside it start at once. From any other thread,
/// each operation would first have to wake the pool, and then wait to be woken when it ends.
pub fn in_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}

/// Runs two closures at once on the pool's threads, one after the other if only one thread is free. Idle threads still
/// share the operations inside.
pub fn run_both<A: Send, B: Send>(
    one: impl FnOnce() -> A + Send,
    two: impl FnOnce() -> B + Send,
) -> (A, B) {
    rayon::join(one, two)
}

/// What `work` makes of each item, in the order of the items. Items are shared between the threads of the pool, and idle
/// threads still share the operations inside.
pub fn run_each<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    items.into_par_iter().with_max_len(1).map(work).collect()
}

/// True on a thread that [`in_pool`] runs work on.
#[must_use]
pub fn is_pool_thread() -> bool {
    rayon::current_thread_index().is_some()
}
