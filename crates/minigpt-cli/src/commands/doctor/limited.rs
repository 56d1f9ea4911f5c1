//! Work that may take no longer than this.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use minigpt_files::caught;

/// Why there is no result.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfinished {
    /// It takes longer. Its thread ends with the program.
    Late,
    /// It panicked, with this message.
    Broken(String),
}

/// Does the work on a thread of its own, and waits no longer than `limit`.
pub(super) fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unfinished> {
    let (sender, receiver) = channel();
    let started = thread::Builder::new().name("doctor".to_owned()).spawn(move || {
        // Nobody may be there any more to hear of it.
        let _ = sender.send(caught(work));
    });
    if let Err(error) = started {
        return Err(Unfinished::Broken(error.to_string()));
    }
    match receiver.recv_timeout(limit) {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(reason)) => Err(Unfinished::Broken(reason)),
        Err(RecvTimeoutError::Timeout) => Err(Unfinished::Late),
        Err(RecvTimeoutError::Disconnected) => Err(Unfinished::Broken("no answer".to_owned())),
    }
}
