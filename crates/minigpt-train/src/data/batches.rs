//! Token windows to tensors: which windows make up a step, as a pure function of (seed, step).

use std::ops::Range;
use std::sync::Arc;

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataloader::{DataLoader, DataLoaderBuilder};
use burn::data::dataset::{Dataset, DatasetError};
use burn::tensor::{Device, Int, Tensor, TensorData};
use minigpt_data::{Passes, TokenRow, TokenRows, Window, Windows};
use minigpt_model::{IGNORE_INDEX, Segments};

use crate::data::pairs::{PreferenceSet, ReferredPair};

/// The windows of one step.
#[derive(Clone, Debug)]
pub(crate) struct TokenBatch {
    /// Token ids, `[batch, time]`.
    pub(crate) tokens: Tensor<2, Int>,
    /// The ids that follow, `[batch, time]`, or [`IGNORE_INDEX`] where an earlier window has
    /// predicted them already.
    pub(crate) targets: Tensor<2, Int>,
    /// Number of targets that count in the step.
    pub(crate) predicted: usize,
    /// What the objective is multiplied by before the backward pass, and so the gradients: 1, or the
    /// loss scale's factor.
    pub(crate) loss_scale: f64,
    /// Of preferences, whose rows are a chosen and a rejected one in turn: in nats how much likelier the
    /// reference found each chosen answer, `[batch / 2]`.
    pub(crate) references: Option<Tensor<1>>,
    /// Where rows have several examples, how long these are.
    pub(crate) segments: Option<Segments>,
}

impl TokenBatch {
    /// The windows, all of one length, on `device`.
    pub(crate) fn new(windows: &[Window], device: &Device) -> Self {
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
        Self::of_tokens(tensor(tokens), tensor(targets), predicted)
    }

    /// Of tokens and targets `[batch, time]`, `predicted` of which count.
    pub(crate) fn of_tokens(
        tokens: Tensor<2, Int>,
        targets: Tensor<2, Int>,
        predicted: usize,
    ) -> Self {
        Self { tokens, targets, predicted, loss_scale: 1.0, references: None, segments: None }
    }
}

impl TokenBatch {
    /// The rows on `device`, all as long as the longest: what comes after a shorter one is read by
    /// none of its positions and counts nothing.
    pub(crate) fn of_rows(rows: &[TokenRow], device: &Device) -> Self {
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
        let is_packed = rows.iter().any(|row| row.segments.len() > 1);
        let lengths = rows.iter().map(|row| match row.segments.is_empty() {
            true => vec![row.inputs.len()],
            false => row.segments.clone(),
        });
        let segments = is_packed.then(|| Segments::new(lengths, time));
        Self { segments, ..Self::of_tokens(tensor(tokens), tensor(targets), predicted) }
    }

    /// The pairs on `device`, a chosen and a rejected row in turn. What counts are pairs.
    pub(crate) fn of_pairs(pairs: &[ReferredPair], device: &Device) -> Self {
        let rows: Vec<TokenRow> =
            pairs.iter().flat_map(|referred| referred.pair.rows().map(TokenRow::clone)).collect();
        let references: Vec<f32> = pairs.iter().map(|referred| referred.reference).collect();
        let references = Tensor::from_data(TensorData::new(references, [pairs.len()]), device);
        let batch = Self::of_rows(&rows, device);
        Self { predicted: pairs.len(), references: Some(references), ..batch }
    }

    /// In `count` parts of about the same number of windows, or as many as there are windows. Each still
    /// has the targets of the whole as `predicted`.
    pub(crate) fn parts(self, count: usize) -> impl Iterator<Item = Self> {
        // The two rows of a pair stay together.
        let rows = if self.references.is_some() { 2 } else { 1 };
        let windows = self.tokens.dims()[0] / rows;
        let size = windows.div_ceil(count);
        (0..windows).step_by(size).map(move |start| {
            let length = size.min(windows - start);
            let part = |ids: &Tensor<2, Int>| {
                ids.clone().narrow(0, rows * start, rows * length) // [part, time]
            };
            let references = self.references.as_ref();
            let segments = self.segments.as_ref();
            Self {
                tokens: part(&self.tokens),
                targets: part(&self.targets),
                references: references.map(|all| all.clone().narrow(0, start, length)),
                segments: segments.map(|all| all.rows(start..start + length)),
                ..self
            }
        })
    }

    pub(crate) fn moved_to(self, device: &Device) -> Self {
        let [tokens, targets] = [self.tokens, self.targets].map(|ids| ids.to_device(device));
        let references = self.references.map(|all| all.to_device(device));
        Self { tokens, targets, references, ..self }
    }
}

/// The batches of the given steps of a run, counted from 0: step `s` has the windows at the
/// positions from `s * batch_size` on in the run's [`Passes`].
///
/// They are made ahead on a thread of their own, so that a step does not wait for its data.
pub(crate) fn train_loader(
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
pub(crate) fn valid_loader(
    windows: Windows,
    batch_size: usize,
    device: &Device,
) -> Arc<dyn DataLoader<TokenBatch>> {
    loader(ValidWindows(windows), WindowBatcher, batch_size, device)
}

/// The batches of the given steps of a run on examples, counted from 0, made ahead as those of
/// [`train_loader`]: [`TokenRows::training_batch`] says which rows they have.
pub(crate) fn train_row_loader(
    rows: TokenRows,
    batch_size: usize,
    seed: u64,
    steps: Range<usize>,
    device: &Device,
) -> Arc<dyn DataLoader<TokenBatch>> {
    loader(TrainRows { rows, batch_size, seed, steps }, RowBatcher, 1, device)
}

/// All examples, shorter ones first, for evaluation; made ahead as those of [`train_loader`].
pub(crate) fn valid_row_loader(
    rows: TokenRows,
    batch_size: usize,
    device: &Device,
) -> Arc<dyn DataLoader<TokenBatch>> {
    loader(ValidRows { rows, batch_size }, RowBatcher, 1, device)
}

/// The batches of pairs of the given steps of a run, as those of [`train_row_loader`].
pub(crate) fn train_pair_loader(
    set: PreferenceSet,
    batch_size: usize,
    seed: u64,
    steps: Range<usize>,
    device: &Device,
) -> Arc<dyn DataLoader<TokenBatch>> {
    loader(TrainPairs { set, batch_size, seed, steps }, PairBatcher, 1, device)
}

/// All pairs, shorter ones first, for evaluation.
pub(crate) fn valid_pair_loader(
    set: PreferenceSet,
    batch_size: usize,
    device: &Device,
) -> Arc<dyn DataLoader<TokenBatch>> {
    loader(ValidPairs { set, batch_size }, PairBatcher, 1, device)
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

/// Its items are batches already.
struct PairBatcher;

impl Batcher<Vec<ReferredPair>, TokenBatch> for PairBatcher {
    fn batch(&self, batches: Vec<Vec<ReferredPair>>, device: &Device) -> TokenBatch {
        TokenBatch::of_pairs(&batches.concat(), device)
    }
}

struct TrainPairs {
    set: PreferenceSet,
    batch_size: usize,
    seed: u64,
    steps: Range<usize>,
}

impl Dataset<Vec<ReferredPair>> for TrainPairs {
    fn get(&self, index: usize) -> Result<Vec<ReferredPair>, DatasetError> {
        let step = (self.steps.start + index) as u64;
        Ok(self.set.take(&self.set.pairs().training_batch(step, self.batch_size, self.seed)))
    }

    fn len(&self) -> usize {
        self.steps.len()
    }
}

struct ValidPairs {
    set: PreferenceSet,
    batch_size: usize,
}

impl Dataset<Vec<ReferredPair>> for ValidPairs {
    fn get(&self, index: usize) -> Result<Vec<ReferredPair>, DatasetError> {
        Ok(self.set.take(&self.set.pairs().batch(index, self.batch_size)))
    }

    fn len(&self) -> usize {
        self.set.pairs().batches(self.batch_size)
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
mod tests;
