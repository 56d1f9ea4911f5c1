//! Rotary position embedding: queries and keys are turned, two numbers of a head at a time, by angles that
//! grow with the position, so that their product depends on how far apart they are ([Su et al.,
//! 2021](https://arxiv.org/abs/2104.09864)).
//!
//! Number `i` of a head is paired with number `i + head_size / 2`, as in Hugging Face's Llama and Qwen.

#[cfg(test)]
mod tests;

use std::f64::consts::TAU;

use burn::tensor::{Device, Tensor, TensorData};

use super::config::{RotaryConfig, RotaryScaling};

/// The cosines and sines of some positions, `[1 or batch, 1, time, head_size / 2]` each.
#[derive(Clone, Debug)]
pub(crate) struct Rotation {
    cos: Tensor<4>,
    sin: Tensor<4>,
}

impl Rotation {
    /// Of `positions`, a row for each sequence or one for all, on `device`.
    ///
    /// Angles are computed in double precision: `position · frequency` has too many digits for `f32` where
    /// the context is long.
    pub(crate) fn new(
        config: RotaryConfig,
        head_size: usize,
        positions: &[Vec<usize>],
        device: &Device,
    ) -> Self {
        let frequencies = frequencies(config, head_size);
        let angles = positions.iter().flatten().flat_map(|position| {
            frequencies.iter().map(move |frequency| *position as f64 * frequency)
        });
        let angles: Vec<f64> = angles.collect();
        let time = positions.first().map_or(0, Vec::len);
        let shape = [positions.len(), 1, time, frequencies.len()];
        let table = |function: fn(f64) -> f64| {
            let values: Vec<f32> = angles.iter().map(|angle| function(*angle) as f32).collect();
            Tensor::from_data(TensorData::new(values, shape), &device.clone().inner())
        };
        Self { cos: table(f64::cos), sin: table(f64::sin) }
    }

    /// Cosines and sines `[1 or batch, 1, time, head_size / 2]`, on the device without gradients.
    pub(crate) fn tables(&self) -> [&Tensor<4>; 2] {
        [&self.cos, &self.sin]
    }

    /// Of the first `time` of its positions.
    pub(crate) fn first(&self, time: usize) -> Self {
        let [cos, sin] = [&self.cos, &self.sin].map(|table| match table.dims()[2] == time {
            true => table.clone(),
            false => table.clone().narrow(2, 0, time),
        });
        Self { cos, sin }
    }

    /// `x` `[batch, heads, time, head_size]`, each pair `(a, b)` turned:
    /// `(a · cos - b · sin, b · cos + a · sin)`.
    pub(crate) fn turn(&self, x: Tensor<4>) -> Tensor<4> {
        let [cos, sin] = [&self.cos, &self.sin].map(|table| match x.device().is_autodiff() {
            true => Tensor::from_inner(table.clone()),
            false => table.clone(),
        });
        let half = x.dims()[3] / 2;
        let (a, b) = (x.clone().narrow(3, 0, half), x.narrow(3, half, half));
        let first = a.clone() * cos.clone() - b.clone() * sin.clone();
        let second = b * cos + a * sin;
        Tensor::cat(vec![first, second], 3)
    }
}

/// Radians a position, for each pair of a head: `base^(-2i / head_size)`, scaled.
pub(crate) fn frequencies(config: RotaryConfig, head_size: usize) -> Vec<f64> {
    let plain = plain_frequencies(config.base, head_size);
    match config.scaling {
        None => plain.collect(),
        Some(scaling) => plain.map(|frequency| scaled(frequency, scaling)).collect(),
    }
}

fn plain_frequencies(base: f64, head_size: usize) -> impl Iterator<Item = f64> {
    let exponents = (0..head_size / 2).map(move |pair| 2.0 * pair as f64 / head_size as f64);
    exponents.map(move |exponent| base.powf(-exponent))
}

/// What the scaling divides the turns of each pair of a head by.
pub(crate) fn slowing(config: RotaryConfig, head_size: usize) -> Vec<f64> {
    let plain = plain_frequencies(config.base, head_size);
    plain.zip(frequencies(config, head_size)).map(|(plain, scaled)| plain / scaled).collect()
}

fn scaled(frequency: f64, scaling: RotaryScaling) -> f64 {
    match scaling {
        RotaryScaling::Linear { factor } => frequency / factor,
        RotaryScaling::Llama3 {
            factor,
            low_freq_factor: low,
            high_freq_factor: high,
            original_context,
        } => {
            let turns = original_context as f64 * frequency / TAU;
            // 0 for slow turns, 1 for fast ones.
            let share = ((turns - low) / (high - low)).clamp(0.0, 1.0);
            frequency * ((1.0 - share) / factor + share)
        }
    }
}
