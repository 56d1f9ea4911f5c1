//! An exponential moving average of the weights.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::store::ModuleRecord;
use burn::tensor::Tensor;

use crate::error::TrainError;
use crate::optim::trainee::Trainee;

/// The average of a run's weights, which often predicts better than the last of them ([Polyak and
/// Juditsky, 1992](https://doi.org/10.1137/0330046)).
pub(crate) struct Average {
    decay: f64,
    pub(crate) weights: Trainee,
}

impl Average {
    /// Starts at `weights`, which are on a device without autodiff.
    pub(crate) fn new(decay: f64, weights: Trainee) -> Self {
        Self { decay, weights }
    }

    /// Follows `weights` after `step` steps. The decay rises with the steps, so that the start is
    /// soon forgotten: `min(decay, (1 + step) / (10 + step))`, as TensorFlow's.
    pub(crate) fn follow(&mut self, weights: &Trainee, step: usize) {
        let decay = self.decay.min((1 + step) as f64 / (10 + step) as f64);
        let mut collect = Collect(GradientsParams::new());
        weights.visit(&mut collect);
        let mut blend = Blend { weights: collect.0, decay };
        self.weights = self.weights.clone().map(&mut blend);
    }

    /// As a file of a checkpoint.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, TrainError> {
        let bytes = self.weights.clone().into_record().into_bytes();
        let bytes = bytes.map_err(|error| TrainError::Learner(error.to_string()))?;
        Ok(bytes.to_vec())
    }

    /// The average that a checkpoint's file holds.
    pub(crate) fn restore(&mut self, record: ModuleRecord) -> Result<(), String> {
        let restored = self.weights.clone().try_load_record(record);
        self.weights = restored.map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// Gathers weights by their parameter; the container is burn's for gradients, of the same shapes.
struct Collect(GradientsParams);

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.register(param.id, param.val());
    }
}

struct Blend {
    weights: GradientsParams,
    decay: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.weights.remove::<D>(param.id) {
            Some(new) => param.map(|average| average * self.decay + new * (1.0 - self.decay)),
            None => param,
        }
    }
}

#[cfg(test)]
mod tests;
