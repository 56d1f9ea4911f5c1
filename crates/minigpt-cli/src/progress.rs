//! Progress in a terminal as bars, elsewhere as plain lines; always on standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use minigpt_train::{Length, Row, TrainEvent};

use crate::format::{duration, grouped};

/// Time between two plain lines.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// A bar for work counted in bytes.
pub(crate) fn byte_bar(what: &'static str, total: u64) -> ProgressBar {
    let template = "{msg} {wide_bar} {bytes}/{total_bytes}, {eta} left";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style).with_message(what)
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
        let display = if std::io::stderr().is_terminal() {
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
            TrainEvent::Validating { done, total } => {
                if let Display::Bar(bar) = &self.display {
                    bar.set_message(format!("validating {done}/{total}"));
                }
            }
            TrainEvent::Validated { row, evaluation } => self.line(&format!(
                "step {}: validation loss {:.4}, token perplexity {:.2}, word perplexity {:.1}, {:.3} bits per byte",
                row.step,
                evaluation.loss(),
                evaluation.token_perplexity(),
                evaluation.word_perplexity(),
                evaluation.bits_per_byte(),
            )),
            TrainEvent::Damaged(message) => {
                self.line(&format!("warning: {message}; the checkpoint before it is used"));
            }
            TrainEvent::Sample { text, .. } => self.line(&format!("  {}", text.replace('\n', "\n  "))),
        }
    }

    fn show_step(&mut self, row: &Row) {
        let before = self.smoothed_loss.unwrap_or(row.loss);
        let loss = 0.95 * before + 0.05 * row.loss;
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
                let ends = row.step == 1 || row.step == self.length.total_steps;
                if !ends && last_line.elapsed() < PLAIN_INTERVAL {
                    return;
                }
                *last_line = Instant::now();
                let total = self.length.total_steps;
                let per_step = (row.seconds - seconds_before) / (row.step - steps_before) as f64;
                let left = per_step * (total - row.step) as f64;
                eprintln!(
                    "step {}/{total}: loss {loss:.4}, learning rate {learning_rate:.6}, {} tokens/s, {} left",
                    row.step,
                    grouped(speed as u64),
                    duration(left),
                );
            }
        }
    }

    fn line(&self, text: &str) {
        match &self.display {
            Display::Bar(bar) => bar.suspend(|| eprintln!("{text}")),
            Display::Plain { .. } => eprintln!("{text}"),
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
