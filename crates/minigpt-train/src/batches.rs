//! Token windows to tensors: which windows make up a step, as a pure function of (seed, step).

use std::sync::Arc;

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::{Device, Int, Tensor, TensorData};
use minigpt_data::{Windows, shuffled};
use minigpt_model::IGNORE_INDEX;

/// The windows of one step.
#[derive(Clone, Debug)]
pub struct TokenBatch {
    /// Token ids, `[batch, time]`.
    pub tokens: Tensor<2, Int>,
    /// The ids that follow, `[batch, time]`, or [`IGNORE_INDEX`] where an earlier window has
    /// predicted them already.
    pub targets: Tensor<2, Int>,
    /// Number of targets that count.
    pub predicted: usize,
}

impl TokenBatch {
    /// The windows of `indices` on `device`.
    pub fn new(windows: &Windows, indices: &[usize], device: &Device) -> Self {
        let shape = [indices.len(), windows.block_size()];
        let capacity = shape[0] * shape[1];
        let (mut tokens, mut targets) =
            (Vec::with_capacity(capacity), Vec::with_capacity(capacity));
        let mut predicted = 0;
        for &index in indices {
            let window = windows.get(index);
            let seen = window.targets.len() - window.fresh;
            tokens.extend(window.inputs.iter().map(|id| *id as i32));
            targets.extend(std::iter::repeat_n(IGNORE_INDEX, seen));
            targets.extend(window.targets[seen..].iter().map(|id| *id as i32));
            predicted += window.fresh;
        }
        let tensor = |ids: Vec<i32>| Tensor::from_data(TensorData::new(ids, shape), device);
        Self { tokens: tensor(tokens), targets: tensor(targets), predicted }
    }
}

/// The training batches of a whole run, in order: pass after pass, each shuffled anew.
#[derive(Clone)]
pub struct TrainBatches {
    windows: Windows,
    batch_size: usize,
    seed: u64,
    steps: std::ops::Range<usize>,
    device: Device,
}

impl TrainBatches {
    /// Batches of the given steps of a run, counted from 0.
    pub fn new(
        windows: Windows,
        batch_size: usize,
        seed: u64,
        steps: std::ops::Range<usize>,
        device: &Device,
    ) -> Self {
        Self { windows, batch_size, seed, steps, device: device.clone() }
    }
}

impl DataLoader<TokenBatch> for TrainBatches {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<TokenBatch> + 'a> {
        let next_step = self.steps.start;
        Box::new(TrainIterator { batches: self, next_step, order: (usize::MAX, Vec::new()) })
    }

    fn num_items(&self) -> usize {
        self.steps.len()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<TokenBatch>> {
        Arc::new(Self { device: device.clone(), ..self.clone() })
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<TokenBatch>> {
        let first = self.steps.start;
        Arc::new(Self { steps: first + start..first + end, ..self.clone() })
    }
}

struct TrainIterator<'a> {
    batches: &'a TrainBatches,
    next_step: usize,
    /// The pass last seen and its order of windows.
    order: (usize, Vec<usize>),
}

impl Iterator for TrainIterator<'_> {
    type Item = Result<TokenBatch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let TrainBatches { windows, batch_size, seed, steps, device } = self.batches;
        if self.next_step >= steps.end {
            return None;
        }
        let steps_per_pass = windows.len().div_ceil(*batch_size);
        let (pass, index) = (self.next_step / steps_per_pass, self.next_step % steps_per_pass);
        if self.order.0 != pass {
            self.order = (pass, shuffled(windows.len(), *seed, pass as u64));
        }
        let start = index * batch_size;
        let end = (start + batch_size).min(windows.len());
        self.next_step += 1;
        Some(Ok(TokenBatch::new(windows, &self.order.1[start..end], device)))
    }
}

impl DataLoaderIterator<TokenBatch> for TrainIterator<'_> {
    fn progress(&self) -> Progress {
        let steps = &self.batches.steps;
        Progress::new(self.next_step - steps.start, steps.len(), Some("steps".to_owned()))
    }
}

/// All windows of a split in order, for evaluation.
#[derive(Clone)]
pub struct ValidBatches {
    windows: Windows,
    batch_size: usize,
    range: std::ops::Range<usize>,
    device: Device,
}

impl ValidBatches {
    /// Batches of all windows.
    pub fn new(windows: Windows, batch_size: usize, device: &Device) -> Self {
        let range = 0..windows.len().div_ceil(batch_size);
        Self { windows, batch_size, range, device: device.clone() }
    }
}

impl DataLoader<TokenBatch> for ValidBatches {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<TokenBatch> + 'a> {
        Box::new(ValidIterator { batches: self, next: self.range.start })
    }

    fn num_items(&self) -> usize {
        self.range.len()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<TokenBatch>> {
        Arc::new(Self { device: device.clone(), ..self.clone() })
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<TokenBatch>> {
        let first = self.range.start;
        Arc::new(Self { range: first + start..first + end, ..self.clone() })
    }
}

struct ValidIterator<'a> {
    batches: &'a ValidBatches,
    next: usize,
}

impl Iterator for ValidIterator<'_> {
    type Item = Result<TokenBatch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let ValidBatches { windows, batch_size, range, device } = self.batches;
        if self.next >= range.end {
            return None;
        }
        let start = self.next * batch_size;
        let indices: Vec<usize> = (start..(start + batch_size).min(windows.len())).collect();
        self.next += 1;
        Some(Ok(TokenBatch::new(windows, &indices, device)))
    }
}

impl DataLoaderIterator<TokenBatch> for ValidIterator<'_> {
    fn progress(&self) -> Progress {
        let range = &self.batches.range;
        Progress::new(self.next - range.start, range.len(), Some("batches".to_owned()))
    }
}
