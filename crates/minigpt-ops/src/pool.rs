//! The threads that share the work of an operation.

/// Does `work` on one of the threads of the current rayon pool. What the operations in it divide then begins at once,
/// where another thread would first have to wake these, and to be woken at the end: at each operation.
pub fn in_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}
