//! What was found, as it is written down.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::card_memory::CardMemory;
use super::limited;
use super::part::{Part, Setting, shown};
use super::plan::Adapter;

/// All that was found, gpu.json.
#[derive(Serialize)]
pub(super) struct Report {
    /// The program's version.
    pub(super) minigpt: String,
    pub(super) device: String,
    pub(super) adapter: Option<Adapter>,
    /// Whether the device is a driver that computes on the processor: then no figure is a card's.
    pub(super) is_software: bool,
    /// Whether shapes are small, to try the command.
    pub(super) is_quick: bool,
    pub(super) processor: String,
    pub(super) limit_seconds: f64,
    pub(super) seconds: f64,
    pub(super) parity: Parity,
    pub(super) parts: Vec<Record>,
}

/// Whether the device computes what the processor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Parity {
    /// In both processes.
    Right,
    /// Not in one of them.
    Wrong,
    /// A check failed, or found no time.
    Unknown,
}

/// What became of one part.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Record {
    pub(super) what: String,
    pub(super) part: Part,
    pub(super) command: String,
    pub(super) limit_seconds: f64,
    pub(super) seconds: f64,
    /// What the command printed, where it did.
    pub(super) found: Option<Value>,
    /// Why it failed or was left out.
    pub(super) failed: Option<String>,
    /// What came in use on the card while it ran, in MiB, where NVIDIA's tool tells it.
    pub(super) card_memory: Option<f64>,
}

impl Record {
    pub(super) fn new(part: &Part, limit: Duration) -> Self {
        Self {
            what: part.to_string(),
            part: *part,
            command: String::new(),
            limit_seconds: limit.as_secs_f64(),
            seconds: 0.0,
            found: None,
            failed: None,
            card_memory: None,
        }
    }

    /// Measures a part. Whatever goes wrong is in the record.
    pub(super) fn of(
        part: &Part,
        setting: &Setting<'_>,
        limit: Duration,
        memory: Option<&CardMemory>,
    ) -> Self {
        let mut record = Self::new(part, limit);
        if let Some(memory) = memory {
            memory.begin();
        }
        let ended = part.command(setting).and_then(|mut command| {
            record.command = shown(&command);
            limited::run(&mut command, limit, setting.scratch)
        });
        record.card_memory = memory.and_then(CardMemory::most);
        let found = ended.and_then(|ended| {
            record.seconds = ended.seconds;
            part.found(&ended, setting.scratch)
        });
        match found {
            Ok((found, failed)) => (record.found, record.failed) = (Some(found), failed),
            Err(error) => record.failed = Some(format!("{error:#}")),
        }
        record
    }

    /// A part that was not begun.
    pub(super) fn left_out(part: &Part, reason: String) -> Self {
        Self { failed: Some(format!("left out: {reason}")), ..Self::new(part, Duration::ZERO) }
    }

    /// A number that the command found.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.found.as_ref()?.get(name)?.as_f64()
    }

    /// What there is to say of what it found.
    fn figure(&self) -> String {
        match &self.part {
            Part::Devices => "listed".to_owned(),
            Part::Parity(_) => {
                let found = self.found.as_ref().and_then(Value::as_array);
                let parts = found.into_iter().flatten().filter_map(|difference| {
                    Some(difference["difference"].as_f64()? / difference["tolerance"].as_f64()?)
                });
                let most = 100.0 * parts.fold(0.0, f64::max);
                format!("right; at most {most:.2} % of what is allowed")
            }
            Part::Launches { .. } => {
                format!("{:.0} launches", self.number("launches_per_step").unwrap_or_default())
            }
            Part::Decode(_) => {
                format!("{:.0} tokens/s", self.number("tokens_per_second").unwrap_or_default())
            }
            Part::Step(_) | Part::Peer(_) => {
                milliseconds(self.number("seconds_per_step").unwrap_or_default())
            }
        }
    }

    /// Of the card where that is known, of the process elsewhere.
    fn memory(&self) -> Option<String> {
        let card = self.card_memory.or_else(|| self.number("device_memory"));
        let process = self.number("peak_memory").map(|peak| format!("{peak:.0} MiB"));
        card.map(|card| format!("{card:.0} MiB on the card")).or(process)
    }
}

/// Three digits or more.
pub(super) fn milliseconds(seconds: f64) -> String {
    let milliseconds = 1e3 * seconds;
    let digits = usize::from(milliseconds < 100.0) + usize::from(milliseconds < 10.0);
    format!("{milliseconds:.digits$} ms")
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.failed, self.memory()) {
            (Some(reason), _) => write!(f, "{reason}"),
            (None, Some(memory)) => write!(f, "{}, {memory}", self.figure()),
            (None, None) => write!(f, "{}", self.figure()),
        }
    }
}

impl Parity {
    /// Of the two processes that checked it.
    pub(super) fn of(records: &[Record]) -> Self {
        let checks = || records.iter().filter(|record| matches!(record.part, Part::Parity(_)));
        if checks().any(|check| check.found.is_some() && check.failed.is_some()) {
            return Self::Wrong;
        }
        let right = checks().filter(|check| check.failed.is_none()).count();
        if right == 2 { Self::Right } else { Self::Unknown }
    }
}

impl Report {
    /// The result in a line, and what to do.
    pub(super) fn verdict(&self) -> String {
        let software =
            if self.is_software { " (in software: no figure here is a card's)" } else { "" };
        let verdict = match self.parity {
            Parity::Right => "parity: the device computes what the processor does",
            Parity::Wrong => {
                "parity: WRONG, the device computes something else; try MINIGPT_PLAIN_GPU=1 or another driver, and \
                 report it with gpu.json"
            }
            Parity::Unknown => {
                "parity: UNKNOWN, it was not checked in two processes; the reason stands above"
            }
        };
        format!("{verdict}{software}")
    }
}

#[cfg(test)]
mod tests;
