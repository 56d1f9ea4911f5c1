//! Libraries that panic on damaged input.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Runs a library's reader; its panic becomes an error with the panic's first line.
///
/// Only for code that reads foreign bytes into values of its own: what it was building is dropped.
///
/// # Errors
/// The panic's message, in one line.
pub fn caught<T>(reader: impl FnOnce() -> T) -> Result<T, String> {
    DEPTH.set(DEPTH.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(reader));
    DEPTH.set(DEPTH.get() - 1);
    result.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        let line = text.and_then(|text| text.lines().next()).unwrap_or("no reason given");
        format!("the reader broke ({line})")
    })
}

/// Whether this thread is inside [`caught`]: a program's panic hook then has nothing to report.
#[must_use]
pub fn is_caught() -> bool {
    DEPTH.get() > 0
}

#[cfg(test)]
mod tests;
