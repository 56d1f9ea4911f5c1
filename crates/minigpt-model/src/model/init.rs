//! The values that a model begins with, all in this one place.

use burn::tensor::{Device, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, NormalError};

use super::config::{ConfigError, GptConfig};
use super::gpt::Gpt;
use super::parameters::{Parameter, Role};

/// Deviation of initial weights.
const STD: f32 = 0.02;

impl Gpt {
    /// A model with fresh weights on `device`, a pure function of `config` and `seed`: the same on
    /// every device.
    ///
    /// Weights are drawn from N(0, 0.02); `c_proj`, which adds to the residual stream twice per
    /// block, from N(0, 0.02 / √(2·n_layer)), so that the stream's variance does not grow with
    /// depth (GPT-2 paper, section 2.3). Biases are zero, scales of normalisations one.
    ///
    /// # Errors
    /// [`ConfigError`] where the configuration describes no model.
    pub fn init(config: &GptConfig, seed: u64, device: &Device) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let residual_std = STD / (2.0 * config.n_layer as f32).sqrt();
        Self::assemble(config, device, |parameter| {
            let Parameter { shape, role, .. } = parameter;
            let values = match role {
                Role::TokenEmbedding | Role::PositionEmbedding | Role::Head | Role::Projection => {
                    normal(&mut rng, shape, STD)
                }
                Role::ResidualProjection => normal(&mut rng, shape, residual_std),
                Role::NormScale => vec![1.0; shape[0]],
                Role::NormBias | Role::Bias => vec![0.0; shape[0]],
            };
            Ok(TensorData::new(values, shape.clone()))
        })
    }
}

/// `product(shape)` values from N(0, std).
fn normal(rng: &mut ChaCha8Rng, shape: &[usize], std: f32) -> Vec<f32> {
    let normal: Result<Normal<f32>, NormalError> = Normal::new(0.0, std);
    let normal = normal.expect("a positive finite deviation");
    normal.sample_iter(rng).take(shape.iter().product()).collect()
}
