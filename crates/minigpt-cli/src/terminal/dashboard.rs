//! burn-train's full-screen display, told of a run's events.

use std::sync::Arc;

use burn::train::Interrupter;
use burn::train::logger::TrainingProgressLogger;
use burn::train::metric::{
    MetricAttributes, MetricDefinition, MetricEntry, MetricId, NumericAttributes, NumericEntry,
    SerializedEntry,
};
use burn::train::renderer::tui::TuiMetricsRendererWrapper;
use burn::train::renderer::{MetricState, MetricsRenderer, MetricsRendererTraining};
use minigpt_train::{Length, Row, RowSplit, TrainEvent};

const LOSS: &str = "Loss";
const PERPLEXITY: &str = "Perplexity";
const LEARNING_RATE: &str = "Learning rate";
const GRAD_NORM: &str = "Gradient norm";
const SPEED: &str = "Tokens per second";
const SAMPLE: &str = "Sample";

/// Takes the terminal over until it is dropped.
pub(crate) struct Dashboard {
    renderer: TuiMetricsRendererWrapper,
    length: Length,
    /// The pass that is shown as under way, counted from 1.
    pass: usize,
    is_validating: bool,
}

impl Dashboard {
    /// For a run of that length, which its key `q` stops through `interrupter`. Standard output must
    /// be a terminal.
    pub(crate) fn new(length: Length, interrupter: Interrupter) -> Self {
        let mut renderer = TuiMetricsRendererWrapper::new(interrupter, None);
        for name in [LOSS, PERPLEXITY, LEARNING_RATE, GRAD_NORM, SPEED] {
            let numeric = NumericAttributes { unit: None, higher_is_better: name == SPEED };
            renderer.register_metric(definition(name, numeric.into()));
        }
        renderer.register_metric(definition(SAMPLE, MetricAttributes::None));
        let passes = length.total_steps.div_ceil(length.steps_per_pass);
        renderer.start(passes, 1, None, None);
        Self { renderer, length, pass: 0, is_validating: false }
    }

    /// Shows one event.
    ///
    /// # Panics
    /// Where the user chose to kill the program in the display's dialogue: burn-train panics then.
    pub(crate) fn show(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Step(row) => {
                self.show_step(row.step);
                for (name, value) in [
                    (LOSS, Some(row.loss)),
                    (LEARNING_RATE, row.learning_rate),
                    (GRAD_NORM, row.grad_norm),
                    (SPEED, Some(row.tokens_per_second)),
                ] {
                    if let Some(value) = value {
                        self.renderer.update_train(number(name, value));
                    }
                }
            }
            // Before the first step, of which this display knows nothing.
            TrainEvent::Referring { .. } => {}
            TrainEvent::Validating { done, total } => {
                if !self.is_validating {
                    self.renderer.start_split("valid", *total);
                    self.is_validating = true;
                }
                self.renderer.update_split(*done);
            }
            TrainEvent::Validated { row, .. } => self.show_validation(row),
            TrainEvent::Sample { text, .. } => {
                let text = SerializedEntry::new(text.clone(), text.clone());
                let entry = MetricEntry::new(id(SAMPLE), text);
                self.renderer.update_valid(MetricState::Generic(entry));
            }
            TrainEvent::Skipped { .. } => {
                self.renderer.log_event_training("steps left out".to_owned());
            }
            TrainEvent::Damaged { .. } => {
                self.renderer.log_event_training("damaged checkpoints".to_owned());
            }
            TrainEvent::Repaired { .. } => {
                self.renderer.log_event_training("damaged files set aside".to_owned());
            }
        }
    }

    fn show_step(&mut self, step: usize) {
        let steps_per_pass = self.length.steps_per_pass;
        let pass = (step - 1) / steps_per_pass + 1;
        if pass != self.pass || self.is_validating {
            self.renderer.update_epoch(pass - 1);
            self.renderer.start_split("train", steps_per_pass);
            (self.pass, self.is_validating) = (pass, false);
        }
        self.renderer.update_split(step - (pass - 1) * steps_per_pass);
    }

    fn show_validation(&mut self, row: &Row) {
        // The average has no place of its own beside the weights.
        if row.split == RowSplit::Valid {
            self.renderer.update_valid(number(LOSS, row.loss));
            self.renderer.update_valid(number(PERPLEXITY, row.loss.exp()));
        }
    }
}

/// A metric's name is its id.
fn id(name: &str) -> MetricId {
    MetricId::new(Arc::new(name.to_owned()))
}

fn definition(name: &str, attributes: MetricAttributes) -> MetricDefinition {
    let name = name.to_owned();
    MetricDefinition { metric_id: id(&name), name: Arc::new(name), description: None, attributes }
}

fn number(name: &str, value: f64) -> MetricState {
    let text = if value.abs() < 0.01 { format!("{value:.2e}") } else { format!("{value:.4}") };
    let entry = MetricEntry::new(id(name), SerializedEntry::new(text, value.to_string()));
    MetricState::Numeric(entry, Some(NumericEntry::Value(value)))
}
