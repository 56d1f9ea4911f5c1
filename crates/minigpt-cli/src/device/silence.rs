//! A worker that falls silent in the midst of its work, for which burn's client would wait without end.
//!
//! A step may take as long as it takes: what is watched is whether the worker still answers a question of its
//! own ([`Question`]), which its gate and server do on other threads than the device's.

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

/// Asks a worker whether it is there, and waits so long for the answer; an error says why there is none.
pub(super) type Question = fn(address: &str, patience: Duration) -> Result<(), String>;

/// How long a worker may be silent, of the value of [`TIMEOUT`].
pub(super) fn patience(value: Option<&str>) -> Result<Duration, String> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(PATIENCE) };
    match value.parse() {
        Ok(seconds @ 1..) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("{TIMEOUT} is {value:?}: expected seconds, 1 or more")),
    }
}

/// Asks the worker at `address` again and again, on a thread of its own for as long as the program runs, and
/// tells `give_up` why where it was silent for so long.
pub(super) fn watch(
    address: &str,
    patience: Duration,
    ask: Question,
    give_up: impl FnOnce(String) + Send + 'static,
) -> std::io::Result<()> {
    let address = address.to_owned();
    let watch = move || give_up(last_words(&address, patience, ask));
    thread::Builder::new().name("minigpt-watch".to_owned()).spawn(watch).map(drop)
}

/// Waits until the worker is to be given up.
fn last_words(address: &str, patience: Duration, ask: Question) -> String {
    let beat = BEAT.min(patience / 4);
    let (mut heard, mut missed) = (Instant::now(), 0);
    loop {
        thread::sleep(beat);
        let Err(reason) = ask(address, beat) else {
            (heard, missed) = (Instant::now(), 0);
            continue;
        };
        missed += 1;
        let silent = heard.elapsed();
        if missed >= MISSED && silent >= patience {
            let seconds = silent.as_secs();
            return format!(
                "the worker has been silent for {seconds} s ({reason}): it is stopped or out of reach; \
                 {TIMEOUT} says how many seconds are waited"
            );
        }
    }
}

#[cfg(test)]
mod tests;
