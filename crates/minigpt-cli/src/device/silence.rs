//! A worker that falls silent in the midst of its work, for which burn's client would wait without end.
//!
//! A step may take as long as it takes: what is watched is whether the worker still answers a question of its
//! own, which its gate and server do on other threads than the device's.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a worker may be silent where nobody says otherwise: longer than most network outages.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two questions at most, and for an answer.
const BEAT: Duration = Duration::from_secs(10);

/// Questions without an answer before a worker is given up. A program that was itself stopped for a while finds
/// the time gone by, and one question in vain.
const MISSED: u32 = 3;

/// Says in seconds how long a worker may be silent.
pub(super) const TIMEOUT: &str = "MINIGPT_WORKER_TIMEOUT";

/// How long a worker may be silent, of the value of [`TIMEOUT`].
pub(super) fn patience(value: Option<&str>) -> Result<Duration, String> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(PATIENCE) };
    match value.parse() {
        Ok(seconds @ 1..) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("{TIMEOUT} is {value:?}: expected seconds, 1 or more")),
    }
}

/// Has `ask` ask a worker again and again whether it is there, on a thread of its own until what is returned is
/// dropped, and tells `give_up` why where it was silent for so long. `ask` waits for the answer no longer than it is
/// told; its error says why there is none.
pub(super) fn watch(
    patience: Duration,
    ask: impl FnMut(Duration) -> Result<(), String> + Send + 'static,
    give_up: impl FnOnce(String) + Send + 'static,
) -> std::io::Result<Watch> {
    let (until_dropped, ended) = mpsc::channel();
    let watch = move || {
        if let Some(reason) = last_words(patience, ask, &ended) {
            give_up(reason);
        }
    };
    thread::Builder::new().name("minigpt-watch".to_owned()).spawn(watch)?;
    Ok(Watch { _until_dropped: until_dropped })
}

/// Watches a worker until it is dropped.
#[must_use]
pub(super) struct Watch {
    _until_dropped: Sender<()>,
}

/// Waits until the worker is to be given up; `None` where the watch ends before.
fn last_words(
    patience: Duration,
    mut ask: impl FnMut(Duration) -> Result<(), String>,
    ended: &Receiver<()>,
) -> Option<String> {
    let beat = BEAT.min(patience / 4);
    let (mut heard, mut missed) = (Instant::now(), 0);
    while ended.recv_timeout(beat) == Err(RecvTimeoutError::Timeout) {
        let Err(reason) = ask(beat) else {
            (heard, missed) = (Instant::now(), 0);
            continue;
        };
        missed += 1;
        let silent = heard.elapsed();
        let has_ended = ended.try_recv() != Err(TryRecvError::Empty);
        if missed >= MISSED && silent >= patience && !has_ended {
            let seconds = silent.as_secs();
            return Some(format!(
                "the worker has been silent for {seconds} s ({reason}): it is stopped or out of reach; \
                 {TIMEOUT} says how many seconds are waited"
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests;
