//! An end that does not wait for the command, because what it waits for never comes.

use std::sync::{Mutex, PoisonError};

use anyhow::Error;
use signal_hook::low_level;

use super::output::{say, say_error, stderr_is_terminal};

type Farewell = Box<dyn FnOnce() + Send>;

/// What is done before.
static FAREWELL: Mutex<Option<Farewell>> = Mutex::new(None);

/// Ends the program with an error, from any thread.
#[cfg_attr(not(feature = "remote"), allow(dead_code, reason = "only workers fall silent"))]
pub(crate) fn end_with(error: &Error) -> ! {
    if stderr_is_terminal() {
        // Below a bar that is still drawn.
        say("");
    }
    if let Some(farewell) = replace(None) {
        farewell();
    }
    say_error(error);
    // Without the destructors of what other threads still use.
    low_level::exit(1)
}

/// Has `farewell` done before such an end, for as long as what is returned lives.
pub(crate) fn before_ending(farewell: impl FnOnce() + Send + 'static) -> BeforeEnding {
    replace(Some(Box::new(farewell)));
    BeforeEnding
}

/// See [`before_ending`].
#[must_use]
pub(crate) struct BeforeEnding;

impl Drop for BeforeEnding {
    fn drop(&mut self) {
        replace(None);
    }
}

fn replace(farewell: Option<Farewell>) -> Option<Farewell> {
    std::mem::replace(&mut *FAREWELL.lock().unwrap_or_else(PoisonError::into_inner), farewell)
}
