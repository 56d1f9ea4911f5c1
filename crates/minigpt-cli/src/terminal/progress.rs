//! Progress in a terminal as bars, elsewhere as plain lines; always on standard error.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use minigpt_train::{Length, Row, RowSplit, TrainEvent};

use super::format::{bytes, duration, grouped, word_perplexity};
use super::output::{say, stderr_is_terminal};

/// Time between two plain lines.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// Shows work counted in bytes, one piece of it after the other.
pub(crate) struct ByteProgress {
    what: String,
    bar: ProgressBar,
    last_line: Instant,
}

impl ByteProgress {
    pub(crate) fn new() -> Self {
        Self { what: String::new(), bar: ProgressBar::hidden(), last_line: Instant::now() }
    }

    /// `what` has come to `done` bytes of `total`, where that is known.
    pub(crate) fn show(&mut self, what: &str, done: u64, total: Option<u64>) {
        if self.what != what {
            self.bar.finish_and_clear();
            self.bar = byte_bar(what.to_owned(), total);
            what.clone_into(&mut self.what);
        }
        self.bar.set_position(done);
        if self.bar.is_hidden() && self.last_line.elapsed() >= PLAIN_INTERVAL {
            self.last_line = Instant::now();
            let of_total = total.map(|total| format!(" of {}", bytes(total))).unwrap_or_default();
            say(format_args!("{what}: {}{of_total}", bytes(done)));
        }
    }

    /// Something that takes time and cannot be counted.
    pub(crate) fn line(&mut self, text: &str) {
        self.bar.finish_and_clear();
        say(text);
    }
}

impl Drop for ByteProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn byte_bar(what: String, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{msg} {wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
        ),
        None => (ProgressBar::no_length(), "{msg} {spinner} {bytes}, {bytes_per_sec}"),
    };
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_message(what)
}

/// Shows work counted in pieces.
pub(crate) struct CountProgress {
    what: &'static str,
    unit: &'static str,
    total: usize,
    bar: ProgressBar,
    last_line: Instant,
}

impl CountProgress {
    pub(crate) fn new(what: &'static str, total: usize, unit: &'static str) -> Self {
        let template = format!(
            "{what} {{wide_bar}} {{human_pos}}/{{human_len}} {unit}, {{per_sec}}, {{eta}} left"
        );
        let style = ProgressStyle::with_template(&template)
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(total as u64).with_style(style);
        Self { what, unit, total, bar, last_line: Instant::now() }
    }

    pub(crate) fn show(&mut self, done: usize) {
        self.bar.set_position(done as u64);
        if self.bar.is_hidden() && self.last_line.elapsed() >= PLAIN_INTERVAL {
            self.last_line = Instant::now();
            let (done, total) = (grouped(done as u64), grouped(self.total as u64));
            say(format_args!("{}: {done} of {total} {}", self.what, self.unit));
        }
    }
}

impl Drop for CountProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Shows the events of a run.
pub(crate) struct TrainProgress {
    length: Length,
    display: Display,
    smoothed_loss: Option<f64>,
    /// Step and seconds of the run when this process took over, for the time left.
    origin: Option<(usize, f64)>,
}

enum Display {
    Bar(ProgressBar),
    Plain { last_line: Instant },
}

impl TrainProgress {
    pub(crate) fn new(length: Length) -> Self {
        let display = if stderr_is_terminal() {
            let template = "{prefix} {wide_bar} {pos}/{len} [{elapsed}<{eta}] {msg}";
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            Display::Bar(ProgressBar::new(length.total_steps as u64).with_style(style))
        } else {
            Display::Plain { last_line: Instant::now() }
        };
        Self { length, display, smoothed_loss: None, origin: None }
    }

    /// Shows one event.
    pub(crate) fn show(&mut self, event: TrainEvent) {
        match event {
            TrainEvent::Step(row) => self.show_step(&row),
            TrainEvent::Referring { done, total } => {
                if let Display::Bar(bar) = &self.display {
                    bar.set_message(format!("reading preferences as the base does {done}/{total}"));
                }
                if done == total {
                    self.line(&format!("the base has read {total} preferences"));
                }
            }
            TrainEvent::Validating { done, total } => {
                if let Display::Bar(bar) = &self.display {
                    bar.set_message(format!("validating {done}/{total}"));
                }
            }
            TrainEvent::Validated {
                row: Row { step, loss, margin: Some(margin), accuracy, .. },
                ..
            } => {
                let right = 100.0 * accuracy.unwrap_or_default();
                self.line(&format!(
                    "step {step}: validation loss {loss:.4}, margin {margin:.4}, {right:.1} % preferred right"
                ));
            }
            TrainEvent::Validated { row, evaluation } => self.line(&format!(
                "step {}: {} loss {:.4}, token perplexity {:.2}, {}{:.3} bits per byte",
                row.step,
                if row.split == RowSplit::Average {
                    "averaged weights' validation"
                } else {
                    "validation"
                },
                evaluation.loss(),
                evaluation.token_perplexity(),
                word_perplexity(evaluation.word_perplexity()),
                evaluation.bits_per_byte(),
            )),
            TrainEvent::Skipped { message } => {
                self.line(&format!("warning: step left out: {message}"));
            }
            TrainEvent::Damaged { message } => {
                self.line(&format!("warning: {message}; the checkpoint before it is used"));
            }
            TrainEvent::Repaired { message } => self.line(&format!("warning: {message}")),
            TrainEvent::Sample { text, .. } => {
                self.line(&format!("  {}", text.replace('\n', "\n  ")))
            }
        }
    }

    fn show_step(&mut self, row: &Row) {
        // A mean of about a twentieth of the run, and of twenty steps at most.
        let weight = (20.0 / self.length.total_steps as f64).clamp(0.05, 1.0);
        let before = self.smoothed_loss.unwrap_or(row.loss);
        let loss = before + weight * (row.loss - before);
        self.smoothed_loss = Some(loss);
        let learning_rate = row.learning_rate.unwrap_or_default();
        let speed = row.tokens as f64 / row.seconds.max(1e-9);
        let before = (row.step - 1, row.seconds - row_seconds(row));
        let (steps_before, seconds_before) = *self.origin.get_or_insert(before);
        match &mut self.display {
            Display::Bar(bar) => {
                let pass = (row.step - 1) / self.length.steps_per_pass + 1;
                let passes = self.length.total_steps.div_ceil(self.length.steps_per_pass);
                bar.set_prefix(format!("pass {pass}/{passes}"));
                bar.set_message(format!(
                    "loss={loss:.3}, lr={learning_rate:.6}, {} tokens/s",
                    grouped(speed as u64)
                ));
                bar.set_position(row.step as u64);
            }
            Display::Plain { last_line } => {
                let taken = row.step - steps_before;
                let ends = [1, 10].contains(&taken) || row.step == self.length.total_steps;
                if !ends && last_line.elapsed() < PLAIN_INTERVAL {
                    return;
                }
                *last_line = Instant::now();
                let total = self.length.total_steps;
                let per_step = (row.seconds - seconds_before) / (row.step - steps_before) as f64;
                let left = per_step * (total - row.step) as f64;
                say(format_args!(
                    "step {}/{total}: loss {loss:.4}, learning rate {learning_rate:.6}, {} tokens/s, {} left",
                    row.step,
                    grouped(speed as u64),
                    duration(left),
                ));
            }
        }
    }

    /// A line of its own.
    fn line(&self, text: &str) {
        (self.lines())(text);
    }

    /// What says lines of their own, on any thread.
    pub(crate) fn lines(&self) -> impl Fn(&str) + Send + use<> {
        let bar = match &self.display {
            Display::Bar(bar) => Some(bar.clone()),
            Display::Plain { .. } => None,
        };
        move |text| match &bar {
            Some(bar) => bar.suspend(|| say(text)),
            None => say(text),
        }
    }
}

/// Seconds that the step of a row took.
fn row_seconds(row: &Row) -> f64 {
    row.tokens as f64 / row.step as f64 / row.tokens_per_second
}

impl Drop for TrainProgress {
    fn drop(&mut self) {
        if let Display::Bar(bar) = &self.display {
            bar.finish_and_clear();
        }
    }
}
