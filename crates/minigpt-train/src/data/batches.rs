//! Token windows to tensors: which windows make up a step, as a pure function of (seed, step).

use std::ops::Range;
use std::sync::Arc;

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataloader::{DataLoader, DataLoaderBuilder};
use burn::data::dataset::{Dataset, DatasetError};
use burn::tensor::{Device, Int, Tensor, TensorData};
use minigpt_data::{Passes, TokenRow, TokenRows, Window, Windows};
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
    /// What the objective is multiplied by before the backward pass, and so the gradients: 1, or a
    /// [`LossScale`](crate::LossScale)'s factor.
    pub loss_scale: f64,
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
        Self { tokens: tensor(tokens), targets: tensor(targets), predicted, loss_scale: 1.0 }
    }
}

impl TokenBatch {
    /// The rows on `device`, all as long as the longest: what comes after a shorter one is read by
    /// none of its positions and counts nothing.
    pub fn of_rows(rows: &[TokenRow], device: &Device) -> Self {
        let time = rows.iter().map(|row| row.inputs.len()).max().unwrap_or(0);
        let (mut tokens, mut targets) = (Vec::new(), Vec::new());
        for row in rows {
            let padding = time - row.inputs.len();
            tokens.extend(row.inputs.iter().map(|id| *id as i32));
            tokens.extend(std::iter::repeat_n(0, padding));
            targets.extend(row.targets.iter().map(|id| id.map_or(IGNORE_INDEX, |id| id as i32)));
            targets.extend(std::iter::repeat_n(IGNORE_INDEX, padding));
        }
        let tensor =
            |ids: Vec<i32>| Tensor::from_data(TensorData::new(ids, [rows.len(), time]), device);
        let predicted = rows.iter().map(TokenRow::predicted).sum();
        Self { tokens: tensor(tokens), targets: tensor(targets), predicted, loss_scale: 1.0 }
    }

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

    pub(crate) fn moved_to(self, device: &Device) -> Self {
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
    let windows = TrainWindows { passes, first, len: steps.len() * batch_size };
    loader(windows, WindowBatcher, batch_size, device)
}

/// All windows of a split in order, for evaluation; made ahead as those of [`train_loader`].
pub fn valid_loader(
    windows: Windows,
    batch_size: usize,
    device: &Device,
) -> Arc<dyn DataLoader<TokenBatch>> {
    loader(ValidWindows(windows), WindowBatcher, batch_size, device)
}

/// The batches of the given steps of a run on examples, counted from 0, made ahead as those of
/// [`train_loader`]: [`TokenRows::training_batch`] says which rows they have.
pub fn train_row_loader(
    rows: TokenRows,
    batch_size: usize,
    seed: u64,
    steps: Range<usize>,
    device: &Device,
) -> Arc<dyn DataLoader<TokenBatch>> {
    loader(TrainRows { rows, batch_size, seed, steps }, RowBatcher, 1, device)
}

/// All examples, shorter ones first, for evaluation; made ahead as those of [`train_loader`].
pub fn valid_row_loader(
    rows: TokenRows,
    batch_size: usize,
    device: &Device,
) -> Arc<dyn DataLoader<TokenBatch>> {
    loader(ValidRows { rows, batch_size }, RowBatcher, 1, device)
}

fn loader<I: Send + Sync + Clone + std::fmt::Debug + 'static>(
    items: impl Dataset<I> + 'static,
    batcher: impl Batcher<I, TokenBatch> + 'static,
    batch_size: usize,
    device: &Device,
) -> Arc<dyn DataLoader<TokenBatch>> {
    // One worker keeps the order; two would interleave theirs.
    DataLoaderBuilder::new(batcher)
        .batch_size(batch_size)
        .num_workers(1)
        .set_device(device.clone())
        .build(items)
}

/// Its items are batches already.
struct RowBatcher;

impl Batcher<Vec<TokenRow>, TokenBatch> for RowBatcher {
    fn batch(&self, batches: Vec<Vec<TokenRow>>, device: &Device) -> TokenBatch {
        TokenBatch::of_rows(&batches.concat(), device)
    }
}

struct TrainRows {
    rows: TokenRows,
    batch_size: usize,
    seed: u64,
    steps: Range<usize>,
}

impl Dataset<Vec<TokenRow>> for TrainRows {
    fn get(&self, index: usize) -> Result<Vec<TokenRow>, DatasetError> {
        let step = (self.steps.start + index) as u64;
        Ok(self.rows.training_batch(step, self.batch_size, self.seed))
    }

    fn len(&self) -> usize {
        self.steps.len()
    }
}

struct ValidRows {
    rows: TokenRows,
    batch_size: usize,
}

impl Dataset<Vec<TokenRow>> for ValidRows {
    fn get(&self, index: usize) -> Result<Vec<TokenRow>, DatasetError> {
        Ok(self.rows.batch(index, self.batch_size))
    }

    fn len(&self) -> usize {
        self.rows.batches(self.batch_size)
    }
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
    use minigpt_model::{Gpt, GptConfig};

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

    /// Rows of 3, 9 and 5 inputs; the last inputs are answered.
    fn rows() -> TokenRows {
        let tokenizer = minigpt_data::Tokenizer::bytes().unwrap();
        let dialogue = |(given, answer): (&str, &str)| minigpt_data::Dialogue {
            line: 1,
            turns: vec![minigpt_data::Turn { given: given.to_owned(), answer: answer.to_owned() }],
        };
        let dialogues = [("a", "bc"), ("Who are", "ho"), ("Q:", "yes")].map(dialogue);
        let path = std::path::Path::new("");
        let too_long = minigpt_data::TooLong::Refused;
        TokenRows::of_dialogues(&tokenizer, &dialogues, path, 32, too_long).unwrap()
    }

    #[test]
    fn a_row_loses_in_a_batch_what_it_loses_alone() {
        let device = Device::flex();
        let model = Gpt::init(&GptConfig::tiny(257), 1, &device).unwrap();
        let loss = |rows: &[TokenRow]| {
            let batch = TokenBatch::of_rows(rows, &device);
            model.loss_sum(batch.tokens, batch.targets).into_scalar::<f32>()
        };
        let rows = rows();
        let batch = TokenBatch::of_rows(rows.rows(), &device);
        assert_eq!((batch.tokens.dims(), batch.predicted), ([3, 9], 3 + 3 + 4));
        let alone: f32 = rows.rows().iter().map(|row| loss(std::slice::from_ref(row))).sum();
        let together = loss(rows.rows());
        assert!((alone - together).abs() < 1e-4, "{alone} alone, {together} together");
    }

    #[test]
    fn a_step_has_the_same_rows_whatever_came_before() {
        let device = Device::flex();
        let load = |steps| ids(&train_row_loader(rows(), 2, 7, steps, &device));
        let straight = load(0..9);
        assert_eq!(straight.len(), 9);
        assert_eq!(straight[3..], load(3..9));
        let all = ids(&valid_row_loader(rows(), 2, &device));
        assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [2 * 5, 9]);
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
