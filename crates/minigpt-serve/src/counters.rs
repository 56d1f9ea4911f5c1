//! What the server has done, counted for Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What has been done since the start.
#[derive(Default)]
pub(crate) struct Counters(Mutex<Sums>);

#[derive(Default)]
struct Sums {
    /// Requests by route and status.
    requests: BTreeMap<(String, u16), u64>,
    /// By model.
    texts: BTreeMap<String, TextSums>,
}

/// What became of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was written to its end.
    Complete,
    /// It could not go on.
    Failed,
    /// Its client went away.
    Cancelled,
    /// Too many waited already.
    Refused,
}

/// What was read and written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TextSums {
    /// Texts that were written to their end.
    pub(crate) complete: u64,
    /// Texts that could not go on.
    pub(crate) failed: u64,
    /// Texts whose clients went away.
    pub(crate) cancelled: u64,
    /// Texts that did not begin, because too many waited.
    pub(crate) refused: u64,
    /// Tokens of prompts.
    pub(crate) read: u64,
    /// Those that were not read again.
    pub(crate) cached: u64,
    /// Tokens written.
    pub(crate) written: u64,
    /// From the request to the first token.
    pub(crate) first_token: Duration,
    /// From the first token to the last.
    pub(crate) writing: Duration,
}

impl TextSums {
    /// Of one text of which nothing was read or written.
    pub(crate) fn one(ended: Ended) -> Self {
        let count = |kind| u64::from(kind == ended);
        Self {
            complete: count(Ended::Complete),
            failed: count(Ended::Failed),
            cancelled: count(Ended::Cancelled),
            refused: count(Ended::Refused),
            ..Self::default()
        }
    }
}

impl Counters {
    /// A request was answered.
    pub(crate) fn answered(&self, route: &str, status: u16) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.requests.entry((route.to_owned(), status)).or_default() += 1;
    }

    /// A model wrote.
    pub(crate) fn wrote(&self, model: &str, more: TextSums) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let so_far = counts.texts.entry(model.to_owned()).or_default();
        so_far.complete += more.complete;
        so_far.failed += more.failed;
        so_far.cancelled += more.cancelled;
        so_far.refused += more.refused;
        so_far.read += more.read;
        so_far.cached += more.cached;
        so_far.written += more.written;
        so_far.first_token += more.first_token;
        so_far.writing += more.writing;
    }

    /// In Prometheus' text format, after `gauges` of a moment: name, help and value.
    pub(crate) fn to_prometheus(&self, gauges: &[(&str, &str, u64)]) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (name, help, value) in gauges {
            head(&mut text, name, help, "gauge");
            let _ = writeln!(text, "{name} {value}");
        }
        let name = "minigpt_requests_total";
        head(&mut text, name, "Requests answered, by route and status.", "counter");
        for ((route, status), requests) in &counts.requests {
            let route = escaped(route);
            let _ = writeln!(text, "{name}{{route=\"{route}\",status=\"{status}\"}} {requests}");
        }
        let columns: [Column; 9] = [
            ("texts_total", "Texts written to their end.", |texts| texts.complete as f64),
            ("failed_texts_total", "Texts that could not go on.", |texts| texts.failed as f64),
            ("cancelled_texts_total", "Texts whose clients went away.", |texts| {
                texts.cancelled as f64
            }),
            ("refused_texts_total", "Texts refused because too many waited.", |texts| {
                texts.refused as f64
            }),
            ("prompt_tokens_total", "Tokens of prompts.", |texts| texts.read as f64),
            ("cached_tokens_total", "Tokens of prompts not read again.", |texts| {
                texts.cached as f64
            }),
            ("written_tokens_total", "Tokens written.", |texts| texts.written as f64),
            ("first_token_seconds_total", "From requests to their first tokens.", |texts| {
                texts.first_token.as_secs_f64()
            }),
            ("writing_seconds_total", "From first tokens to last ones.", |texts| {
                texts.writing.as_secs_f64()
            }),
        ];
        for (name, help, value) in columns {
            let name = format!("minigpt_{name}");
            head(&mut text, &name, help, "counter");
            for (model, texts) in &counts.texts {
                let _ = writeln!(text, "{name}{{model=\"{}\"}} {}", escaped(model), value(texts));
            }
        }
        text
    }
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// A label's value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A counter of texts: its name, what it counts, and its value.
type Column = (&'static str, &'static str, fn(&TextSums) -> f64);

#[cfg(test)]
mod tests;
