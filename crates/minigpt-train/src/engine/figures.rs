//! Figures from the device.

use burn::tensor::{ExecutionError, Tensor};

use crate::error::TrainError;

/// What a step came to, in one read: a read waits for the device, and hears of what failed there before.
pub(super) fn read_figures(
    nats: Tensor<1>,
    norm: Tensor<1>,
    preferences: Option<Tensor<1>>,
) -> Result<(f64, f64, Option<[f64; 2]>), TrainError> {
    let are_preferences = preferences.is_some();
    let figures = floats(Tensor::cat([nats, norm].into_iter().chain(preferences).collect(), 0))?;
    let figure = |at: usize| figures.get(at).copied().unwrap_or(f64::NAN);
    Ok((figure(0), figure(1), are_preferences.then(|| [figure(2), figure(3)])))
}

/// All numbers of a tensor.
pub(super) fn floats(figures: Tensor<1>) -> Result<Vec<f64>, TrainError> {
    let failed = |error: ExecutionError| TrainError::device(&error.to_string());
    let figures = figures.try_into_data().map_err(failed)?.convert::<f64>();
    Ok(figures.try_to_vec::<f64>().unwrap_or_default())
}

/// Margin and accuracy of so many preferences.
pub(super) fn mean_of(preferred: Option<[f64; 2]>, pairs: usize) -> [Option<f64>; 2] {
    match preferred {
        None => [None, None],
        Some(sums) => sums.map(|sum| Some(sum / pairs as f64)),
    }
}
