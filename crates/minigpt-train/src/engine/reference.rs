//! What the model that is tuned on preferences makes of them before its first step: the reference that its later figures
//! are compared with.

use burn::module::Module;

use super::devices::{Devices, guarded};
use super::event::{Observer, TrainEvent};
use crate::config::RunConfig;
use crate::data::batches::TokenBatch;
use crate::data::pairs::References;
use crate::data::token_set::TokenSet;
use crate::data::tokens::TokenData;
use crate::error::TrainError;
use crate::optim::trainee::Trainee;

/// The data, of preferences with what the model makes of them before its first step, and that alone.
pub(super) fn referred(
    data: TokenData,
    trainee: &Trainee,
    config: &RunConfig,
    devices: &Devices,
    observer: &mut Observer,
) -> Result<(TokenData, Option<References>), TrainError> {
    let sets = [&data.train, &data.valid].map(TokenSet::rows);
    let (batch_size, device) = (config.training.batch_size, devices.main.clone().inner());
    let (model, total) = (trainee.valid(), sets.iter().sum::<usize>());
    let mut done = 0;
    let mut refer = |set: &TokenSet| -> Result<Vec<[f64; 2]>, TrainError> {
        let TokenSet::Preferences(set) = set else { return Ok(Vec::new()) };
        let mut found = vec![[0.0; 2]; set.pairs().len()];
        for number in 0..set.pairs().batches(batch_size) {
            let pairs = set.pairs().batch(number, batch_size);
            let batch = TokenBatch::of_pairs(&set.take(&pairs), &device);
            let figures = guarded(|| model.row_log_probabilities(batch).into_data())?;
            let figures: Vec<f64> = figures.iter::<f64>().collect();
            for (pair, answers) in pairs.iter().zip(figures.chunks_exact(2)) {
                found[*pair] = [answers[0], answers[1]];
            }
            done += pairs.len();
            observer(TrainEvent::Referring { done, total });
        }
        Ok(found)
    };
    let references = References { train: refer(&data.train)?, valid: refer(&data.valid)? };
    if references.train.is_empty() {
        return Ok((data, None));
    }
    let data = with_references(data, |_| Ok(references.clone()))?;
    Ok((data, Some(references)))
}

/// The data, of preferences with those that `references` has of so many learnt and held-out pairs.
pub(super) fn with_references(
    data: TokenData,
    references: impl FnOnce([usize; 2]) -> Result<References, TrainError>,
) -> Result<TokenData, TrainError> {
    let TokenData { tokenizer, train, valid } = data;
    let (train, valid) = match (train, valid) {
        (TokenSet::Preferences(train), TokenSet::Preferences(valid)) => {
            let found = references([train.pairs().len(), valid.pairs().len()])?;
            let (train, valid) =
                (train.with_references(&found.train), valid.with_references(&found.valid));
            (train.into(), valid.into())
        }
        others => others,
    };
    Ok(TokenData { tokenizer, train, valid })
}
