//! Whether a device computes what another does: logits at lengths where kernels change, and training steps.

use burn::tensor::{Device, Int, Tensor, TensorData};
use minigpt_model::{Gpt, GptConfig, KvCache};
use serde::Serialize;

use crate::config::{OptimizerConfig, OptimizerKind, ScheduleConfig};
use crate::data::batches::TokenBatch;
use crate::engine::devices::guarded;
use crate::error::TrainError;
use crate::optim::optimizer::learner;
use crate::optim::schedule::Schedule;
use crate::optim::step::take_step;
use crate::optim::trainee::Trainee;

/// Around a power of two, where kernels for whole tiles and for rests meet, and long ones.
const CONTEXTS: [usize; 5] = [31, 32, 33, 127, 1000];

/// Positions at the end of a context whose logits are compared.
const POSITIONS: usize = 16;

/// Training steps whose losses are compared.
const STEPS: usize = 20;

/// Part of the largest logit by which others may differ: 32-bit sums in another order differ by a
/// hundredth of that.
const LOGITS: f64 = 1e-3;

/// Nats by which a loss may differ.
const LOSSES: f64 = 1e-3;

const VOCABULARY: usize = 512;

/// What a device computes with a small model that is the same everywhere.
///
/// ```no_run
/// use burn::tensor::Device;
/// use minigpt_train::{DeviceTrace, Difference};
///
/// let gpu = Device::flex(); // or any other
/// let expected = DeviceTrace::of(&Device::flex(), &mut |_| ())?;
/// let differences = DeviceTrace::of(&gpu, &mut |_| ())?.differences(&expected);
/// assert!(differences.iter().all(Difference::is_within));
/// # Ok::<(), minigpt_train::TrainError>(())
/// ```
#[derive(Clone, Debug)]
pub struct DeviceTrace {
    contexts: Vec<ContextTrace>,
    /// Of each training step.
    losses: Vec<f64>,
}

/// The logits of the last positions of a context.
#[derive(Clone, Debug)]
struct ContextTrace {
    context: usize,
    /// All positions at once.
    at_once: Vec<f32>,
    /// Token by token, with a cache of those before.
    cached: Vec<f32>,
}

/// How far two devices are apart in something.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// In what.
    pub what: String,
    /// The largest difference found; NaN where a figure is NaN.
    pub difference: f64,
    /// The largest one that rounding explains.
    pub tolerance: f64,
}

impl Difference {
    /// True where rounding explains the difference: it is within the tolerance.
    #[must_use]
    pub fn is_within(&self) -> bool {
        self.difference <= self.tolerance
    }
}

impl DeviceTrace {
    /// Computes on `device`; `progress` is called with what comes next.
    ///
    /// # Errors
    /// [`TrainError::Device`] and [`TrainError::DeviceMemory`].
    pub fn of(device: &Device, progress: &mut dyn FnMut(&str)) -> Result<Self, TrainError> {
        let config = GptConfig::new(VOCABULARY, 1000, 2, 4, 128).with_dropout(0.0);
        let model = Gpt::init(&config, 0, device)?;
        let mut contexts = Vec::new();
        for context in CONTEXTS {
            progress(&format!("context {context}"));
            contexts.push(guarded(|| ContextTrace::of(&model, context, device))?);
        }
        progress(&format!("{STEPS} training steps"));
        let losses = guarded(|| losses(device))??;
        Ok(Self { contexts, losses })
    }

    /// How far this device is from one that is known to be right.
    #[must_use]
    pub fn differences(&self, expected: &Self) -> Vec<Difference> {
        let mut differences = Vec::new();
        for (trace, expected) in self.contexts.iter().zip(&expected.contexts) {
            let context = trace.context;
            let mut logits = |how: &str, found: &[f32], expected: &[f32]| {
                differences.push(Difference {
                    what: format!("logits of context {context}{how}"),
                    difference: relative_difference(found, expected),
                    tolerance: LOGITS,
                });
            };
            logits("", &trace.at_once, &expected.at_once);
            logits(", cached", &trace.cached, &expected.cached);
            logits(", cached beside all at once", &trace.cached, &trace.at_once);
        }
        let pairs = self.losses.iter().zip(&expected.losses);
        differences.push(Difference {
            what: format!("losses of {STEPS} training steps"),
            difference: largest(pairs.map(|(found, expected)| (found - expected).abs())),
            tolerance: LOSSES,
        });
        differences
    }
}

impl ContextTrace {
    fn of(model: &Gpt, context: usize, device: &Device) -> Self {
        let ids: Vec<i32> = (0..context).map(|at| id(0, at)).collect();
        let tensor = |ids: &[i32]| {
            let data = TensorData::new(ids.to_vec(), [1, ids.len()]);
            Tensor::<2, Int>::from_data(data, device)
        };
        let logits = model.forward(tensor(&ids)).narrow(1, context - POSITIONS, POSITIONS);
        let at_once = floats(logits.into_data());

        let mut cache = KvCache::new(vec![0]);
        let (start, rest) = ids.split_at(context - POSITIONS + 1);
        let mut cached = floats(model.forward_cached(tensor(start), &mut cache).into_data());
        for id in rest {
            cached.extend(floats(model.forward_cached(tensor(&[*id]), &mut cache).into_data()));
        }
        Self { context, at_once, cached }
    }
}

/// The loss of each training step.
fn losses(device: &Device) -> Result<Vec<f64>, TrainError> {
    let device = device.clone().autodiff();
    let (windows, time) = (4, 127);
    let config = GptConfig::new(VOCABULARY, time, 2, 4, 128).with_dropout(0.0);
    let adamw = OptimizerConfig { kind: OptimizerKind::AdamW, ..OptimizerConfig::default() };
    let schedule = Schedule::new(ScheduleConfig::cosine(1e-3, 1), STEPS);
    let trainee = Trainee::new(Gpt::init(&config, 0, &device)?, 1, 0.0);
    let mut learner = learner(trainee, &adamw, schedule);
    learner.fork(&device);
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let tensor = |shift: usize| {
            let ids = (0..windows * time).map(|at| id(step, at + shift)).collect::<Vec<i32>>();
            Tensor::<2, Int>::from_data(TensorData::new(ids, [windows, time]), &device)
        };
        let predicted = windows * time;
        let batch = TokenBatch::of_tokens(tensor(0), tensor(1), predicted);
        let (loss, _) = take_step(&mut learner, batch, adamw.grad_clip);
        losses.push(f64::from(loss.nats.into_scalar::<f32>()) / predicted as f64);
    }
    Ok(losses)
}

/// A text of ids that repeats itself and has something to learn.
fn id(step: usize, at: usize) -> i32 {
    ((at * 7 + at / 5 + step * 31) % VOCABULARY) as i32
}

fn floats(data: TensorData) -> Vec<f32> {
    data.convert::<f32>().try_into_vec().unwrap_or_default()
}

/// The largest difference as a part of the largest value.
fn relative_difference(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() {
        return f64::NAN;
    }
    let pairs = found.iter().zip(expected);
    let difference =
        largest(pairs.map(|(found, expected)| f64::from(*found) - f64::from(*expected)));
    difference / largest(expected.iter().map(|value| f64::from(*value)))
}

/// The largest magnitude; NaN where one is.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.map(f64::abs).fold(
        0.0,
        |most, value| {
            if value.is_nan() || value > most { value } else { most }
        },
    )
}

#[cfg(test)]
mod tests;
