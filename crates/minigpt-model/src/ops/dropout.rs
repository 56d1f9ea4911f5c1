//! Dropout ([Srivastava et al., 2014](https://jmlr.org/papers/v15/srivastava14a.html)) whose masks
//! follow from the device's seed and the place in the model.

#[cfg(feature = "gpu")]
use burn::backend::Dispatch;
use burn::nn;
use burn::tensor::{Device, Distribution, Tensor, TensorData};

use super::kernels::Kernels;

/// The random state of one forward pass's dropout: hands a mask to each place of the model in its order.
///
/// Where kernels of our own run, all of them follow from one key, drawn from the device or given, so that no mask
/// need be stored and the number of threads does not matter. Another machine's device draws masks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DropoutState {
    is_training: bool,
    key: Option<u64>,
    place: u64,
    /// Of the device's generator where the device draws masks, if they shall be the same again.
    seed: Option<u64>,
}

/// The key of all dropout masks of one forward pass. Draw the keys of passes on several threads before the threads start:
/// otherwise the order in which threads ask the device's generator would decide who gets which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropoutKey(u64);

impl DropoutKey {
    /// The next key of the device's generator.
    #[must_use]
    pub fn draw(device: &Device) -> Self {
        Self(draw_key(device))
    }
}

impl DropoutState {
    /// For a pass on `device`. Only a pass that differentiates drops anything; without a `given` key it draws one.
    pub(crate) fn new(device: &Device, given: Option<DropoutKey>) -> Self {
        let is_training = device.is_autodiff();
        let draw = || given.map_or_else(|| draw_key(device), |DropoutKey(key)| key);
        let key = (is_training && Kernels::of(device) != Kernels::Plain).then(draw);
        Self { is_training, key, place: 0, seed: None }
    }

    /// For a pass that drops nothing.
    pub(crate) fn off() -> Self {
        Self { is_training: false, key: None, place: 0, seed: None }
    }

    /// This state from here on, such that [`repeat`](Self::repeat) has them again.
    pub(crate) fn repeatable(self, device: &Device) -> Self {
        let is_drawn = self.is_training && self.key.is_none();
        // One number is drawn for all blocks, because the host waits for it.
        let next = || self.seed.map_or_else(|| draw_key(device), |seed| seed.wrapping_add(1));
        let state = Self { seed: is_drawn.then(next), ..self };
        state.repeat(device);
        state
    }

    /// Sets the device's generator back to where it was, where it draws masks.
    pub(crate) fn repeat(&self, device: &Device) {
        if let Some(seed) = self.seed {
            device.seed(seed);
        }
    }

    /// The mask of the next place.
    pub(crate) fn next(&mut self, module: &nn::Dropout) -> DropoutMask {
        self.place += 1;
        if !self.is_training || module.prob == 0.0 || !module.training.is_enabled() {
            return DropoutMask::Off;
        }
        match self.key {
            Some(key) => DropoutMask::Keyed(
                minigpt_ops::Dropout::new(module.prob as f32, key).place(self.place),
            ),
            None => DropoutMask::Drawn(module.prob),
        }
    }
}

/// Drops elements at one place of one forward pass, and scales the others so that the mean stays.
#[derive(Clone, Debug)]
pub(crate) enum DropoutMask {
    /// Drops nothing.
    Off,
    /// Element `i` falls by a function of a key and `i`.
    Keyed(minigpt_ops::Dropout),
    /// The device draws a mask, of that rate.
    Drawn(f64),
}

impl DropoutMask {
    /// For the kernels.
    #[cfg(any(feature = "cpu", feature = "gpu"))]
    pub(super) fn key(&self) -> minigpt_ops::Dropout {
        match self {
            Self::Keyed(dropout) => *dropout,
            Self::Off | Self::Drawn(_) => minigpt_ops::Dropout::NONE,
        }
    }

    /// `x` with some of its elements dropped, any shape, by burn's own operations.
    pub(crate) fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Off => x,
            Self::Drawn(rate) => {
                let kept = x.random_like(Distribution::Bernoulli(1.0 - rate));
                x * kept * (1.0 / (1.0 - rate))
            }
            #[cfg(feature = "gpu")]
            Self::Keyed(dropout) if Kernels::of(&x.device()) == Kernels::Gpu => {
                let y = <Dispatch as super::gpu::OnGpu>::masked(x.into_dispatch(), dropout);
                Tensor::from_dispatch(y)
            }
            Self::Keyed(dropout) => {
                let shape = x.shape();
                let factors =
                    (0..shape.num_elements()).map(|index| dropout.multiplier(index as u32));
                let factors = TensorData::new(factors.collect::<Vec<_>>(), shape);
                let factors = Tensor::<D>::from_data(factors, &x.device().inner());
                x * factors
            }
        }
    }
}

/// 46 bits from the device's generator.
fn draw_key(device: &Device) -> u64 {
    let drawn = Tensor::<1>::random([2], Distribution::Default, &device.clone().inner());
    let drawn = drawn.into_data().try_into_vec::<f32>().unwrap_or_default();
    drawn.iter().fold(0, |key, number| key << 32 | u64::from(number.to_bits()))
}
