//! How much of a card's memory is in use, as NVIDIA's tool tells it. Neither Vulkan nor wgpu does.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

/// Longer than two looks.
const SETTLED: Duration = Duration::from_millis(500);

/// The tool, which says five times a second what all processes together use.
pub(super) struct CardMemory {
    tool: Child,
    cards: Arc<Mutex<Vec<Card>>>,
}

/// In MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Card {
    before: f64,
    now: f64,
    most: f64,
}

impl CardMemory {
    /// None where there is no such tool.
    pub(super) fn start(mut tool: Command) -> Option<Self> {
        let mut tool = tool
            .args(["--query-gpu=index,memory.used", "--format=csv,noheader,nounits"])
            .arg("--loop-ms=200")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let cards = Arc::new(Mutex::new(Vec::new()));
        let (lines, seen) = (BufReader::new(tool.stdout.take()?).lines(), Arc::clone(&cards));
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                note(&mut seen.lock().unwrap_or_else(PoisonError::into_inner), &line);
            }
        });
        Some(Self { tool, cards })
    }

    /// From here on the highest use counts. Waits for a look that knows nothing of the process before.
    pub(super) fn begin(&self) {
        sleep(SETTLED);
        let mut cards = self.cards.lock().unwrap_or_else(PoisonError::into_inner);
        for card in cards.iter_mut() {
            *card = Card { before: card.now, now: card.now, most: card.now };
        }
    }

    /// The most that came in use since the beginning, of the card where that is the most.
    pub(super) fn most(&self) -> Option<f64> {
        let cards = self.cards.lock().unwrap_or_else(PoisonError::into_inner);
        let grown = cards.iter().map(|card| card.most - card.before).reduce(f64::max);
        grown.filter(|grown| *grown > 0.0)
    }
}

/// Takes a line of the tool's over, as `0, 1234`.
fn note(cards: &mut Vec<Card>, line: &str) {
    const MOST_CARDS: usize = 64;
    let Some((index, used)) = line.split_once(',') else { return };
    let (Ok(index), Ok(used)) = (index.trim().parse::<usize>(), used.trim().parse()) else {
        return;
    };
    if index >= MOST_CARDS {
        return;
    }
    // The first look at a card is what it was before.
    while cards.len() <= index {
        cards.push(Card { before: used, now: used, most: used });
    }
    cards[index].now = used;
    cards[index].most = used.max(cards[index].most);
}

impl Drop for CardMemory {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.tool.kill();
        let _ = self.tool.wait();
    }
}

#[cfg(test)]
mod tests;
