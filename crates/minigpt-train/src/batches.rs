//! Token windows to tensors: which windows make up a step, as a pure function of (seed, step).

use std::ops::Range;
use std::sync::Arc;

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataloader::{DataLoader, DataLoaderBuilder};
use burn::data::dataset::{Dataset, DatasetError};
use burn::tensor::{Device, Int, Tensor, TensorData};
use minigpt_data::{Passes, Window, Windows};
use minigpt_model::IGNORE_INDEX;

/// The windows of one step.
#[derive(Clone, Debug)]
pub struct TokenBatch {
    /// Token ids, `[batch, time]`.
    pub tokens: Tensor<2, Int>,
    /// The ids that follow, `[batch, time]`, or [`IGNORE_INDEX`] where an earlier window has
    /// predicted them already.
    pub targets: Tensor<2, Int>,
    /// Number of targets that count in the step.
    pub predicted: usize,
}

impl TokenBatch {
    /// The windows, all of one length, on `device`.
    pub fn new(windows: &[Window], device: &Device) -> Self {
        let time = windows.first().map_or(0, |window| window.inputs.len());
        let shape = [windows.len(), time];
        let (mut tokens, mut targets) = (Vec::new(), Vec::new());
        let mut predicted = 0;
        for window in windows {
            let seen = time - window.fresh;
            tokens.extend(window.inputs.iter().map(|id| *id as i32));
            targets.extend(std::iter::repeat_n(IGNORE_INDEX, seen));
            targets.extend(window.targets[seen..].iter().map(|id| *id as i32));
            predicted += window.fresh;
        }
        let tensor = |ids: Vec<i32>| Tensor::from_data(TensorData::new(ids, shape), device);
        Self { tokens: tensor(tokens), targets: tensor(targets), predicted }
    }
}

impl TokenBatch {
    /// In `count` parts of about the same number of windows, or as many as there are windows. Each still
    /// has the targets of the whole as `predicted`.
    pub(crate) fn parts(self, count: usize) -> impl Iterator<Item = Self> {
        let windows = self.tokens.dims()[0];
        let size = windows.div_ceil(count);
        (0..windows).step_by(size).map(move |start| {
            let part = |ids: &Tensor<2, Int>| {
                ids.clone().narrow(0, start, size.min(windows - start)) // [part, time]
            };
            Self { tokens: part(&self.tokens), targets: part(&self.targets), ..self }
        })
    }

    pub(crate) fn to_device(self, device: &Device) -> Self {
        let [tokens, targets] = [self.tokens, self.targets].map(|ids| ids.to_device(device));
        Self { tokens, targets, ..self }
    }
}

/// The batches of the given steps of a run, counted from 0: step `s` has the windows at the
/// positions from `s * batch_size` on in the run's [`Passes`].
///
/// They are made ahead on a thread of their own, so that a step does not wait for its data.
pub fn train_loader(
    passes: Passes,
    batch_size: usize,
    steps: Range<usize>,
    device: &Device,
) -> Arc<dyn DataLoader<TokenBatch>> {
    let first = steps.start as u64 * batch_size as u64;
    loader(TrainWindows { passes, first, len: steps.len() * batch_size }, batch_size, device)
}

/// All windows of a split in order, for evaluation; made ahead as those of [`train_loader`].
pub fn valid_loader(
    windows: Windows,
    batch_size: usize,
    device: &Device,
) -> Arc<dyn DataLoader<TokenBatch>> {
    loader(ValidWindows(windows), batch_size, device)
}

fn loader(
    windows: impl Dataset<Window> + 'static,
    batch_size: usize,
    device: &Device,
) -> Arc<dyn DataLoader<TokenBatch>> {
    // One worker keeps the order; two would interleave theirs.
    DataLoaderBuilder::new(WindowBatcher)
        .batch_size(batch_size)
        .num_workers(1)
        .set_device(device.clone())
        .build(windows)
}

struct WindowBatcher;

impl Batcher<Window, TokenBatch> for WindowBatcher {
    fn batch(&self, windows: Vec<Window>, device: &Device) -> TokenBatch {
        TokenBatch::new(&windows, device)
    }
}

struct TrainWindows {
    passes: Passes,
    first: u64,
    len: usize,
}

impl Dataset<Window> for TrainWindows {
    fn get(&self, index: usize) -> Result<Window, DatasetError> {
        Ok(self.passes.get(self.first + index as u64))
    }

    fn len(&self) -> usize {
        self.len
    }
}

struct ValidWindows(Windows);

impl Dataset<Window> for ValidWindows {
    fn get(&self, index: usize) -> Result<Window, DatasetError> {
        Ok(self.0.get(index))
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use minigpt_data::TokenSplit;

    fn split(tokens: u32) -> TokenSplit {
        TokenSplit::from_ids((0..tokens).collect(), 0, 0, 0)
    }

    fn ids(batches: &Arc<dyn DataLoader<TokenBatch>>) -> Vec<Vec<i64>> {
        let ids = |batch: TokenBatch| batch.tokens.into_data().iter::<i64>().collect();
        batches.iter().map(|batch| ids(batch.unwrap())).collect()
    }

    #[test]
    fn a_step_has_the_same_windows_whatever_came_before() {
        let device = Device::flex();
        let passes = Passes::new(split(101).windows(8).unwrap(), 7);
        let load = |steps| ids(&train_loader(passes.clone(), 5, steps, &device));
        let straight = load(0..9);
        assert_eq!(straight.len(), 9);
        assert_eq!(straight[4..], load(4..9));
        let first: Vec<i64> = (0..5).flat_map(|at| passes.get(at).inputs).map(i64::from).collect();
        assert_eq!(straight[0], first);
    }

    #[test]
    fn an_evaluation_has_every_window_in_order_each_time() {
        let device = Device::flex();
        let windows = split(42).windows(8).unwrap();
        let batches = valid_loader(windows, 4, &device);
        let all = ids(&batches);
        assert_eq!((all.len(), all[0][..3].to_vec(), all[1].len()), (2, vec![0, 1, 2], 16));
        assert_eq!(all, ids(&batches));
        let predicted: usize = batches.iter().map(|batch| batch.unwrap().predicted).sum();
        assert_eq!(predicted, 41);
    }
}
